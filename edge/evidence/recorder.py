"""Recorder: makes evidence in the background, so that no watcher ever waits for a disk.

Two threads: one copies packets and makes snapshots, the other codes the clips of masked cameras
anew, which takes a thousand times as long and must hold nobody up. Both run below the priority of
everything else. What is waiting, what is open and what is held in memory is bounded; what is over a
bound is refused, counted, and said in an `update` of the event.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from edge.detections import Detections
from edge.errors import EdgeError
from edge.evidence import snapshot
from edge.evidence._draft import Draft, sweep
from edge.evidence.case import Case, Written
from edge.evidence.clip import Clip
from edge.evidence.sidecar import Media, Sidecar, folder, write
from edge.frame import Frame
from edge.message import EventMessage, Evidence
from edge.redaction import people

log = logging.getLogger("edge.evidence")

PERIOD_S = 0.2
"""How often open clips are taken further; the ring holds fifty times as much."""

MOST_WAITING = 16
"""Cases that may wait; each holds a picture, 3 MiB at 1080p."""

MOST_CLIPS = 32
"""Clips being copied at a time. 32 of 4 Mbit/s are 16 MB/s, which an SD card just takes."""

MOST_MASKED = 2
"""Clips being coded again at a time; one takes half a core at 1080p."""

NICE = 5

Report = Callable[[EventMessage, Sequence[Evidence], str], None]
"""Adds files, or a reason, to an event that was sent; may raise `SinkError`."""

Record = Callable[[str, Mapping[str, object]], None]
"""Takes what goes into the audit log."""

Admit = Callable[[str, Media], str]
"""Tells why no more files of a kind are taken for a camera now; empty where they are."""


def _not_recorded(_what: str, _details: Mapping[str, object]) -> None:
    """No audit log."""


def _all_admitted(_camera: str, _media: Media) -> str:
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
        record: Record = _not_recorded,
        admit: Admit = _all_admitted,
    ) -> None:
        self._evidence = evidence
        self._report = report
        self._record = record
        self._admit = admit
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._lock = threading.Lock()
        self._copying = Hand("evidence", MOST_CLIPS, self._failed)
        self._masking = Hand("evidence-masking", MOST_MASKED, self._failed)

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
        for hand in (self._copying, self._masking):
            hand.request_stop()
        for hand in (self._copying, self._masking):
            hand.join()

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
        if not self._copying.submit(lambda: self._make_pictures(case, frame, detections)):
            self._count(case.camera, "refused")
            log.error("camera %s: no snapshot of %s: %s", case.camera, case.kind, _BUSY)

    def clip(self, make: Callable[[], Clip], case: Case) -> None:
        """Make a case's clip; never waits.

        Args:
            make: Begins it.
            case: What it is of.
        """
        if case.masks and case.policy.masked_clips == "withhold":
            self._count(case.camera, "withheld")
            self._copying.order(lambda: self._say(case, [], WITHHELD))
        elif not self._hand(case).submit(lambda: self._open(make, case)):
            self._refuse(case, _BUSY)

    def end(self, case: Case, pts: float) -> None:
        """A case's incident is over; never waits."""
        hand = self._hand(case)
        hand.order(lambda: hand.end(case.incident, pts))

    def finish(self, camera: str) -> None:
        """A camera is not watched any more: finish its clips."""
        for hand in (self._copying, self._masking):
            hand.order(lambda hand=hand: hand.finish(camera))  # type: ignore[misc]

    def made(self, case: Case, sidecars: Sequence[Sidecar], remark: str) -> None:
        """Let files exist: sidecars last, then tell of them.

        Args:
            case: What they are of.
            sidecars: One a file; the files are whole and on the disk.
            remark: More to say, in words.

        Raises:
            OSError: A sidecar could not be written.
        """
        for sidecar in sidecars:
            write(self._evidence, sidecar)
            self._count(case.camera, "clips" if sidecar.media == "clip" else "snapshots")
            self._record(
                "evidence-made",
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
        refs = [Evidence(ref=sidecar.ref, sha256=sidecar.sha256) for sidecar in sidecars]
        self._say(case, refs, remark)

    def _hand(self, case: Case) -> Hand:
        return self._masking if case.masks else self._copying

    def _open(self, make: Callable[[], Clip], case: Case) -> None:
        refusal = self._admit(case.camera, "clip")
        hand = self._hand(case)
        if not refusal and hand.is_full:
            refusal = f"{hand.n_open} clips are being made already"
        if refusal:
            self._refuse(case, refusal)
        else:
            hand.open(make())

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
            sidecars = [
                self._keep(
                    case, frame, "snapshot", snapshot.annotated(frame, hidden, how, message)
                ),
                self._keep(case, frame, "clean", snapshot.clean(frame)),
            ]
            self.made(case, sidecars, "")
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
_BUSY = f"{MOST_WAITING} cases wait already"


class Hand:
    """A thread that makes evidence, one thing after the other.

    Args:
        name: Of the thread.
        most_open: Clips it may have open.
        failed: Takes a case whose clip could not be made, and why.
    """

    def __init__(
        self, name: str, most_open: int, failed: Callable[[Case, BaseException], None]
    ) -> None:
        self._most_open = most_open
        self._failed = failed
        self._clips: list[Clip] = []
        self._jobs: queue.SimpleQueue[tuple[Callable[[], None], bool]] = queue.SimpleQueue()
        self._n_waiting = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def n_open(self) -> int:
        """Clips in the making."""
        return len(self._clips)

    @property
    def is_full(self) -> bool:
        """No more clips may be opened."""
        return self.n_open >= self._most_open

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def request_stop(self) -> None:
        """Do what waits, finish what is open, and end."""
        self._stopping.set()
        self.order(lambda: None)

    def join(self) -> None:
        """Wait until it has ended, or for ten seconds."""
        if self._thread.is_alive():
            self._thread.join(10.0)

    def submit(self, job: Callable[[], None]) -> bool:
        """Have something made; False where too much waits already."""
        with self._lock:
            if self._n_waiting >= MOST_WAITING or self._stopping.is_set():
                return False
            self._n_waiting += 1
        self._jobs.put((job, True))
        return True

    def order(self, job: Callable[[], None]) -> None:
        """Have something small done, whatever waits."""
        self._jobs.put((job, False))

    def open(self, clip: Clip) -> None:
        """Take on a clip; from a job."""
        self._clips.append(clip)

    def end(self, incident: str, pts: float) -> None:
        """Let clips of an incident go on for the seconds after it; from a job."""
        for clip in self._clips:
            if clip.case.incident == incident:
                clip.end(pts)

    def finish(self, camera: str) -> None:
        """Finish a camera's clips; from a job."""
        for clip in [clip for clip in self._clips if clip.case.camera == camera]:
            self._clips.remove(clip)
            self._guarded(clip, clip.finish)

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # evidence may wait, detection may not
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while not self._stopping.is_set():
            self._work(PERIOD_S)
            for clip in list(self._clips):
                if self._guarded(clip, lambda clip=clip: clip.advance(time.monotonic())):  # type: ignore[misc]
                    self._clips.remove(clip)
        self._work(0.0)
        for clip in self._clips:
            self._guarded(clip, clip.finish)

    def _work(self, timeout_s: float) -> None:
        """Do what waits, waiting for it if need be, and no longer than a period at a time."""
        began = time.monotonic()
        while self._stopping.is_set() or time.monotonic() - began < PERIOD_S:
            try:
                job, is_counted = (
                    self._jobs.get(timeout=timeout_s) if timeout_s else (self._jobs.get_nowait())
                )
            except queue.Empty:
                return
            if is_counted:
                with self._lock:
                    self._n_waiting -= 1
            try:
                job()
            except Exception:
                # A fault of ours in one case must not leave the next ones without evidence.
                log.exception("fault while making evidence, please report it")

    def _guarded(self, clip: Clip, step: Callable[[], bool | None]) -> bool:
        """Take a clip a step further; True where that was its last."""
        try:
            return bool(step())
        except (OSError, EdgeError) as exc:
            self._failed(clip.case, exc)
        except Exception as exc:
            log.exception("fault while writing a clip, please report it")
            self._failed(clip.case, exc)
        return True
