"""Panel: the device page's hands on this box.

Boundary: between `edge.web`, which asks, and the service, which does. Called from many threads.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edge import __version__
from edge.commands import Caller, CommandFailed
from edge.config.schema import Camera as CameraOptions
from edge.errors import EdgeError
from edge.evidence.vault import Record
from edge.evidence.witness import METADATA_ONLY
from edge.pipeline import Step
from edge.runtime import trial
from edge.runtime.asker import on_page
from edge.runtime.box import SNAPSHOT_S, LocalBox
from edge.runtime.editing import Editing, plain
from edge.runtime.kept_pictures import KeptPictures
from edge.runtime.lookers import MAX_WIDTH, Lookers
from edge.runtime.overview import Overview, utc
from edge.runtime.recent import Recent
from edge.runtime.service import Service
from edge.runtime.survey import calibrated, surveyed
from edge.runtime.viewer import Viewers
from edge.runtime.wiring import followed_by
from edge.sinks import Publisher
from edge.site.doctor import examine
from edge.snapshot import small_jpeg
from edge.web import Json, Refused, Seen, Stop, Visitor

log = logging.getLogger("edge.web")

MOST_DISARMED_MIN = 7 * 24 * 60.0

LOST_FOR_GOOD = timedelta(seconds=3)
"""Lost for longer, a camera is not waited for: one that began anew after a change is."""

LEAST_BETWEEN_S = 0.1
"""Between pictures whose tracks are told, where no rule said anything."""


class LocalPanel:
    """This box.

    Args:
        service: Its cameras.
        publisher: What says how the outbox and the broker are.
        box: The hands it shares with commands.
        recent: The last messages.
        pictures: What was kept of them.
        editing: The cameras' files; None where there are none, as in the demo.
        record: Takes what goes into the audit log.
    """

    def __init__(
        self,
        service: Service,
        publisher: Publisher,
        box: LocalBox,
        recent: Recent,
        pictures: KeptPictures,
        *,
        editing: Editing | None,
        record: Record,
    ) -> None:
        self._record = record
        self.overview = Overview(service, publisher)
        self._service = service
        self._box = box
        self._recent = recent
        self._pictures = pictures
        self._editing = editing
        self._lock = threading.Lock()
        self._lookers: dict[Viewers, Lookers] = {}
        self._trial = threading.Lock()
        self._examination = threading.Lock()

    @property
    def uploads(self) -> Path:
        """A folder in `storage.path`."""
        folder = self._service.config.appliance.storage.path / "uploads"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as why:
            raise Refused(413, f"the recording could not be kept: {why.strerror}") from why
        return folder

    @property
    def n_coded(self) -> int:
        """Pictures coded for lookers so far."""
        with self._lock:
            return sum(lookers.n_coded for lookers in self._lookers.values())

    def name(self) -> Json:
        """Which box this is."""
        appliance = self._service.config.appliance
        return {"site": appliance.site, "node": appliance.node, "version": __version__}

    def box(self) -> Json:
        """How everything is now."""
        return self.overview.told()

    def doctor(self) -> list[Json]:
        """Examine the box; it opens each camera and the broker once more."""
        if not self._examination.acquire(blocking=False):
            raise Refused(409, "the box is being examined already; wait for its answer")
        try:
            found = trial.below_normal(lambda: list(examine(self._service.config)))
        finally:
            self._examination.release()
        return [
            {
                "state": check.level,
                "what": check.name,
                "detail": check.found,
                "remedy": check.remedy,
            }
            for check in found
        ]

    def recent(self) -> list[bytes]:
        """The last messages."""
        return self._recent.last()

    def hear(self, put: Callable[[bytes | None], None]) -> Stop:
        """The last messages and each new one."""
        return self._recent.hear(put)

    def event_picture(self, event: str) -> bytes:
        """What evidence shows of an event, people hidden as the policy says."""
        found = self._pictures.of(event)
        if found is None:
            raise Refused(404, "no picture is kept of this event")
        return found

    def picture(self, camera: str) -> bytes:
        """The next picture."""
        viewers = self._seen(camera)
        status = next(c.status for c in self._service.cameras if c.name == camera)
        if status.state == "lost" and datetime.now(timezone.utc) - status.since > LOST_FOR_GOOD:
            raise Refused(409, f"camera {camera} shows no picture: {status.why}")
        stop = viewers.watch()  # an idle camera would show its next keyframe only
        try:
            frame = viewers.ask(SNAPSHOT_S, is_redacted=True)
        finally:
            stop()
        if frame is None:
            raise Refused(409, f"camera {camera} showed no picture within {SNAPSHOT_S:.0f} s")
        return small_jpeg(frame, MAX_WIDTH)

    def look(self, camera: str, put: Callable[[Seen | None], None]) -> Stop:
        """The live picture, coded once for all who look."""
        viewers = self._seen(camera)
        with self._lock:
            self._lookers = {v: found for v, found in self._lookers.items() if not v.is_gone}
            lookers = self._lookers.setdefault(viewers, Lookers(viewers, camera))
        if lookers.is_full:
            raise Refused(429, f"too many look at camera {camera} already")
        return lookers.look(put)

    def follow(self, camera: str, put: Callable[[bytes | None], None]) -> Stop:
        """Who is followed, and what rules say."""
        last = -math.inf

        def tell(step: Step | None) -> None:
            nonlocal last
            if step is None:
                put(None)
                return
            pts = step.frame.stamp.pts
            events = [event for event in step.events if event.rule]
            if events or not 0 <= pts - last < LEAST_BETWEEN_S:
                last = pts
                told = {**_tracks(step), "events": [trial.told(event) for event in events]}
                put(json.dumps(told, separators=(",", ":")).encode())

        return self._viewers(camera).follow(tell)

    def camera(self, camera: str) -> Json:
        """The camera's file; without files, what is in force."""
        watched = next((c for c in self._service.cameras if c.name == camera), None)
        feed = watched.reader.feed if watched else None
        size_wh = feed.stream.size_wh if feed else (0, 0)
        if self._editing is None:
            found = surveyed(self._options(camera))
        else:
            found = self._editing.camera(camera)
        remembered = self._service.remembered(camera)
        return {
            **found,
            "size_wh": list(size_wh) if all(size_wh) else None,
            "remembered_s": round(remembered.seconds, 1) if remembered else 0.0,
        }

    def preview(self, camera: str, draft: Json) -> Json:
        """What a draft would do."""
        return self._files.preview(camera, draft)

    def save(self, camera: str, draft: Json, by: Visitor) -> Json:
        """Write a draft."""
        return self._files.save(camera, draft, by)

    def undo(self, camera: str, sha256: str, by: Visitor) -> Json:
        """Take the last change back."""
        return self._files.undo(camera, sha256, by)

    def try_kept(self, camera: str, draft: Json) -> Json:
        """Try rules on what was followed in the last minutes, or on the pictures in the ring."""
        options = self._drafted(camera, draft)
        seconds = draft.get("seconds")
        limit_s = seconds if isinstance(seconds, int | float) and seconds > 0 else math.inf
        found = self._service.remembered(camera)
        # Other masks are other tracks; what they would be only pictures can tell.
        if found is not None and followed_by(options) == followed_by(self._options(camera)):
            tried = self._tried(options, lambda _: trial.of_tracks(options, found.turns(limit_s)))
            return {**tried, "seconds": round(min(found.seconds, limit_s), 1), "of": "tracks"}
        return {**self._try_ring(camera, options, limit_s), "of": "pictures"}

    def _try_ring(self, camera: str, options: CameraOptions, limit_s: float) -> Json:
        watched = next((c for c in self._service.cameras if c.name == camera), None)
        feed = watched.reader.feed if watched else None
        packets = feed.ring.kept() if feed else ()
        if feed is None or not packets:
            raise Refused(409, f"camera {camera} has sent nothing that is kept")
        stream = feed.stream
        begin = packets[-1].dts - limit_s
        starts = [i for i, p in enumerate(packets) if p.is_keyframe and p.dts <= begin]
        packets = packets[starts[-1] if starts else 0 :]
        return self._tried(options, lambda e: trial.of_packets(options, e, stream, packets))

    def try_clip(self, camera: str, draft: Json, clip: Path) -> Json:
        """Try rules on a recording."""
        options = self._drafted(camera, draft)
        return self._tried(options, lambda engine: trial.of_clip(options, engine, clip))

    def calibrate(self, camera: str, calibration: Json) -> Json:
        """What a calibration gives."""
        self._options(camera)
        return calibrated(calibration)

    def note_login(self, user: str, address: str, *, is_let_in: bool) -> None:
        """Have it recorded that somebody logged in, or was refused."""
        outcome = "ok" if is_let_in else "refused"
        self._record("login", {"outcome": outcome, "who": user, "address": address})

    def disarm(self, camera: str, rule: str, minutes: float, why: str, by: Visitor) -> Json:
        """Keep a rule's events back."""
        if not 0 < minutes <= MOST_DISARMED_MIN:
            raise Refused(400, f"minutes: expected more than 0 and at most {MOST_DISARMED_MIN:.0f}")
        seconds = max(1, round(minutes * 60))
        try:
            until = self._box.disarm(camera, rule, seconds, Caller(str(by), True), why[:120])
        except CommandFailed as exc:
            raise Refused(404, str(exc)) from exc
        log.warning("%s disarmed rule %s of camera %s for %d s: %r", by, rule, camera, seconds, why)
        return {"disarmed_until": utc(until)}

    def arm(self, camera: str, rule: str, by: Visitor) -> Json:
        """Let a rule's events out again."""
        try:
            state = self._box.arm(camera, rule, Caller(str(by), True))
        except CommandFailed as exc:
            raise Refused(404, str(exc)) from exc
        log.warning("%s armed rule %s of camera %s", by, rule, camera)
        return {"active": state.is_active, "count": state.count}

    def reload(self, by: Visitor) -> Json:
        """Read the configuration again."""
        log.warning("%s asked for a reload", by)
        try:
            return {"config": self._box.take_up(on_page(by))}
        except CommandFailed as exc:
            folder = self._service.config.folder
            problems = [plain(problem, folder) for problem in self.overview.problems]
            raise Refused(400, str(exc).splitlines()[0], problems=problems) from exc

    @property
    def _files(self) -> Editing:
        if self._editing is None:
            raise Refused(409, "the demo has no files to change; run: edge run --config DIR")
        return self._editing

    def _viewers(self, camera: str) -> Viewers:
        found = self._service.viewers(camera)
        if found is None:
            known = ", ".join(c.name for c in self._service.cameras) or "none"
            raise Refused(404, f"no camera {camera} is being watched; there are: {known}")
        return found

    def _seen(self, camera: str) -> Viewers:
        """Who looks at a camera that may be looked at."""
        viewers = self._viewers(camera)
        watched = next((c for c in self._service.cameras if c.name == camera), None)
        if watched is not None and watched.policy.metadata_only:
            raise Refused(409, f"camera {camera}: {METADATA_ONLY}")
        return viewers

    def _options(self, camera: str) -> CameraOptions:
        found = next((c for c in self._service.config.cameras if c.camera == camera), None)
        if found is None:
            raise Refused(404, f"no camera {camera} is in the configuration in force")
        return found

    def _drafted(self, camera: str, draft: Json) -> CameraOptions:
        if self._editing is None:
            return self._options(camera)
        return self._editing.options(camera, draft)

    def _tried(self, options: CameraOptions, work: Callable[[Any], Json]) -> Json:
        engine = self._service.engine(options.analyse.detector)
        if engine is None:
            raise Refused(409, f"detector {options.analyse.detector} is not in service")
        if not self._trial.acquire(blocking=False):
            raise Refused(409, "rules are being tried already; wait for the answer")
        try:
            return trial.below_normal(lambda: work(engine))
        except EdgeError as why:
            # A source's error names the file as it lies here, which tells a browser nothing.
            raise Refused(
                400,
                f"the rules could not be tried: {type(why).__name__}: "
                f"{str(why).rpartition('/')[2]}",
            ) from why
        finally:
            self._trial.release()


def _tracks(step: Step) -> Json:
    stamp, tracks = step.frame.stamp, step.tracks
    told: list[Json] = []
    if tracks is not None:
        width, height = tracks.size_wh
        for row in range(len(tracks)):
            left, top, right, bottom = (float(edge) for edge in tracks.xyxy[row])
            sides = (left / width, top / height, (right - left) / width, (bottom - top) / height)
            told.append(
                {
                    "track": int(tracks.track_id[row]),
                    "class": tracks.label(row),
                    "confidence": round(float(tracks.confidence[row]), 2),
                    "box": [round(side, 4) for side in sides],
                }
            )
    return {"pts": round(stamp.pts, 3), "at": utc(stamp.captured_at), "tracks": told}
