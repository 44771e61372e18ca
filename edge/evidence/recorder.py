"""Recorder: makes evidence in the background, so that no watcher ever waits for a disk.

Two threads: one copies packets and makes snapshots, the other codes the clips of masked cameras
anew, which takes a thousand times as long and must hold nobody up. Both run below the priority of
everything else. What is waiting, what is open and what is held in memory is bounded; what is over a
bound is refused, counted, and said in an `update` of the event.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from edge.detections import Detections
from edge.errors import EdgeError
from edge.evidence import snapshot
from edge.evidence._draft import Draft, sweep
from edge.evidence._writer import Writer
from edge.evidence.case import Case, Written
from edge.evidence.clip import Clip
from edge.evidence.sidecar import Media, Sidecar, folder, write
from edge.evidence.vault import Record, unrecorded
from edge.frame import Frame
from edge.message import EventMessage, Evidence
from edge.redaction import people

log = logging.getLogger("edge.evidence")

MOST_PICTURES = 16
"""Snapshots that may wait; each holds a picture, 3 MiB at 1080p."""

MOST_WAITING = 64
"""Clips that may wait to be begun; they hold nothing, and the ring goes on without them."""

MOST_CLIPS = 32
"""Clips being copied at a time. 32 of 4 Mbit/s are 16 MB/s, which an SD card just takes."""

MOST_MASKED = 2
"""Clips being coded again at a time; one takes 0.4 of a core at 1080p."""

Report = Callable[[EventMessage, Sequence[Evidence], str], None]
"""Adds files, or a reason, to an event that was sent; may raise `SinkError`."""

Admit = Callable[[str, Media], str]
"""Tells why no more files of a kind are taken for a camera now; empty where they are."""


def all_admitted(_camera: str, _media: Media) -> str:
    """There is room."""
    return ""


class Recorder:
    """Makes clips and snapshots for all cameras.

    Args:
        evidence: `storage.path/evidence`; made where it is missing.
        report: Tells the control room.
        record: Tells the audit log.
        admit: Asks the vault whether there is room.
    """

    def __init__(
        self,
        evidence: Path,
        report: Report,
        *,
        record: Record = unrecorded,
        admit: Admit = all_admitted,
    ) -> None:
        self._evidence = evidence
        self._report = report
        self._record = record
        self._admit = admit
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._lock = threading.Lock()
        self._copying = Writer("evidence", MOST_CLIPS, self._failed)
        self._masking = Writer("evidence-masking", MOST_MASKED, self._failed)

    def start(self) -> None:
        """Remove what a crash left behind, and begin."""
        try:
            n_removed = sweep(self._evidence)
        except OSError as exc:
            log.error("evidence: what a crash may have left cannot be removed: %s", exc)
        else:
            if n_removed:
                log.warning("evidence: removed %d files that a crash left unfinished", n_removed)
        self._copying.start()
        self._masking.start()

    def close(self) -> None:
        """Finish what is open, in a bounded time."""
        for writer in (self._copying, self._masking):
            writer.request_stop()
        for writer in (self._copying, self._masking):
            writer.join()

    def counts(self, camera: str) -> dict[str, int]:
        """What became of a camera's evidence since the start."""
        with self._lock:
            found = self._counts[camera]
            names = ("clips", "snapshots", "withheld", "refused", "failed", "gaps")
            return {f"evidence_{name}": found[name] for name in names}

    def snapshot(self, case: Case, frame: Frame, detections: Detections | None) -> None:
        """Make the pictures of a case; never waits.

        Args:
            case: What they are of.
            frame: The deciding picture, masks applied.
            detections: What is in it; None where nobody looked, and then all of it is hidden.
        """
        if not self._copying.submit(
            lambda: self._make_pictures(case, frame, detections), "snapshots", MOST_PICTURES
        ):
            self._refuse(case, f"{MOST_PICTURES} snapshots wait already")

    def clip(self, make: Callable[[], Clip], case: Case) -> None:
        """Make a case's clip; never waits.

        Args:
            make: Begins it.
            case: What it is of.
        """
        if case.masks and case.policy.masked_clips == "withhold":
            self._count(case.camera, "withheld")
            self._copying.order(lambda: self._say(case, [], WITHHELD))
        elif not self._writer(case).submit(lambda: self._open(make, case), "clips", MOST_WAITING):
            self._refuse(case, f"{MOST_WAITING} clips wait already")

    def end(self, case: Case, pts: float) -> None:
        """A case's incident is over; never waits."""
        writer = self._writer(case)
        writer.order(lambda: writer.end(case.incident, pts))

    def finish(self, camera: str) -> None:
        """A camera is not watched any more: finish its clips."""
        for writer in (self._copying, self._masking):
            writer.order(lambda writer=writer: writer.finish(camera))  # type: ignore[misc]

    def made(
        self, case: Case, sidecars: Sequence[Sidecar], remark: str = "", n_missed: int = 0
    ) -> None:
        """Let files exist: sidecars last, then tell of them.

        Args:
            case: What they are of.
            sidecars: One a file; the files are whole and on the disk.
            remark: More to say, in words.
            n_missed: Packets missing after the last of them.

        Raises:
            OSError: A sidecar could not be written.
        """
        for sidecar in sidecars:
            write(self._evidence, sidecar)
            self._count(case.camera, "clips" if sidecar.media == "clip" else "snapshots")
            self._record(
                "evidence.made",
                {
                    "ref": sidecar.ref,
                    "sha256": sidecar.sha256,
                    "media": sidecar.media,
                    "camera": sidecar.camera,
                    "event": sidecar.event,
                    "masking": sidecar.masking,
                    "redaction": sidecar.redaction,
                },
            )
        if n_missed:
            self._count(case.camera, "gaps")
        refs = [Evidence(ref=sidecar.ref, sha256=sidecar.sha256) for sidecar in sidecars]
        self._say(case, refs, remark)

    def _writer(self, case: Case) -> Writer:
        return self._masking if case.masks else self._copying

    def _open(self, make: Callable[[], Clip], case: Case) -> None:
        refusal = self._admit(case.camera, "clip")
        writer = self._writer(case)
        if not refusal and writer.is_full:
            refusal = f"{writer.n_open} clips are being made already"
        if refusal:
            self._refuse(case, refusal)
        else:
            writer.open(make())

    def _make_pictures(self, case: Case, frame: Frame, detections: Detections | None) -> None:
        message = case.message
        assert message is not None  # a command asks for a clip, or for a picture to be sent
        if refusal := self._admit(case.camera, "snapshot"):
            self._refuse(case, refusal)
            return
        how = case.policy.redaction
        whole = np.array([[0, 0, *frame.size_wh]], np.float32)
        hidden = whole if detections is None else people(detections)
        try:
            shown, clean = snapshot.pictures(frame, hidden, how, message)
            sidecars = [
                self._keep(case, frame, "snapshot", shown),
                self._keep(case, frame, "clean", clean),
            ]
            self.made(case, sidecars)
        except (OSError, EdgeError) as exc:
            self._failed(case, exc)

    def _keep(self, case: Case, frame: Frame, media: Media, coded: bytes) -> Sidecar:
        """Bring one picture to the disk."""
        stamp, is_clean = frame.stamp, media == "clean"
        ref = f"{case.event}{'-clean' if is_clean else ''}.jpg"
        draft = Draft(folder(self._evidence, stamp.captured_at, case.camera) / ref)
        try:
            draft.write(coded)
        except BaseException:
            draft.discard()
            raise
        draft.keep()
        return case.sidecar(
            media,
            Written(ref, draft.sha256, draft.n_bytes),
            stamp.captured_at,
            stamp.captured_at,
            stamp.clock_ms,
            codec="mjpeg",
            masking="black" if case.masks else "none",
            redaction="none" if is_clean else case.policy.redaction,
        )

    def _refuse(self, case: Case, why: str) -> None:
        self._count(case.camera, "refused")
        log.error("camera %s: no evidence of %s: %s", case.camera, case.kind, why)
        case.unmade(why)
        self._copying.order(lambda: self._say(case, [], f"no evidence was made: {why}"))

    def _failed(self, case: Case, exc: BaseException) -> None:
        self._count(case.camera, "failed")
        log.error("camera %s: evidence of %s failed: %s", case.camera, case.kind, exc)
        case.unmade(str(exc))
        self._say(case, [], f"evidence could not be made: {exc}")

    def _say(self, case: Case, refs: Sequence[Evidence], remark: str) -> None:
        if case.message is None:
            return
        try:
            self._report(case.message, refs, remark)
        except (OSError, EdgeError, ValueError) as exc:
            log.error("camera %s: evidence is kept and not told of: %s", case.camera, exc)

    def _count(self, camera: str, what: str) -> None:
        with self._lock:
            self._counts[camera][what] += 1


WITHHELD = "no clip: the camera has privacy masks, and masked_clips is withhold"
