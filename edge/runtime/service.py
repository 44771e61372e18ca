"""Service: what runs for one configuration: engines, cameras, and what is said of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from edge.config import Config
from edge.config.changes import Changes, changes
from edge.config.schema import Camera as CameraOptions
from edge.detectors import Engine
from edge.evidence.policy import Policy
from edge.evidence.recorder import Admit, Recorder, all_admitted
from edge.evidence.witness import Witness
from edge.hardware import Sensors
from edge.masks import Masks
from edge.message import Origin
from edge.runtime.books import Books
from edge.runtime.bulletin import Bulletin
from edge.runtime.camera import Camera
from edge.runtime.clock import BoxClock
from edge.runtime.cooling import Cooling
from edge.runtime.disarmings import Disarmings
from edge.runtime.engines import Engines
from edge.runtime.reader import Reader
from edge.runtime.remembered import Remembered
from edge.runtime.standing import Status
from edge.runtime.telling import Reports
from edge.runtime.viewer import Viewers
from edge.runtime.wiring import followed_by, pipeline_of
from edge.sinks import Publisher

log = logging.getLogger("edge.service")

HELD_S = 6.0
"""Stream held beyond the pre-roll: a watcher may be 2 s behind, and a clip begins within 2 s."""


def origin_of(config: Config) -> Origin:
    """Who speaks for a configuration."""
    return Origin(
        config.appliance.site,
        config.appliance.node,
        config.sha256,
        "laboratory" if config.is_laboratory else None,
    )


class Service:
    """One configuration in service.

    Args:
        config: What to do.
        publisher: Where everything said goes; it outlives this service.
        books: Keeps the audit log; None where nobody does, as on a workbench.
        admit: Tells why no more evidence of a kind is taken for a camera; empty where it is.
        evidence_trouble: Tells why evidence is not kept as configured; empty while it is.
    """

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        books: Books | None = None,
        *,
        admit: Admit = all_admitted,
        evidence_trouble: Callable[[], str] = str,
    ) -> None:
        self._books = books
        self._config = config
        self._publisher = publisher
        self._evidence_trouble = evidence_trouble
        self._bulletin = Bulletin(publisher, origin_of(config))
        storage = config.appliance.storage.path
        self._engines = Engines(storage, self._record)
        self.disarmings = Disarmings(storage)
        self._disarmed = self.disarmings.going_on()  # over a restart of their cameras
        self._cameras: dict[str, Camera] = {}
        self._viewers: dict[str, Viewers] = {}  # over a restart of their cameras
        self._remembered: dict[str, Remembered] = {}  # likewise
        self._clock = BoxClock(stepped=self._note_step)
        self._cooling = Cooling()
        self._evidence = storage / "evidence"
        self._recorder: Recorder | None = None
        self._kept = config.appliance.storage.evidence  # a change waits for the next start
        if self._kept is not None:
            self._recorder = Recorder(
                self._evidence, publisher.supplement, record=self._record, admit=admit
            )
        self._started = time.monotonic()

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The cameras being watched."""
        return tuple(self._cameras.values())

    @property
    def config(self) -> Config:
        """What it does."""
        return self._config

    @property
    def aside(self) -> dict[str, Status]:
        """Cameras that are not watched, by id, with why and since when."""
        return self._bulletin.aside

    @property
    def origin(self) -> Origin:
        """Who speaks for it."""
        return self._bulletin.origin

    @property
    def uptime_s(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._started

    def viewers(self, camera: str) -> Viewers | None:
        """Who looks at a camera; None where it is not watched."""
        return self._viewers.get(camera)

    def remembered(self, camera: str) -> Remembered | None:
        """Who a camera followed in the last minutes; None where nobody can try rules on it."""
        return self._remembered.get(camera)

    def engine(self, detector: str) -> Engine | None:
        """The engine in service under a detector's name; None where no camera uses it."""
        return self._engines.get(detector)

    @property
    def clock_doubt(self) -> str:
        """Why the box's UTC is in doubt; empty while it is not."""
        return self._clock.doubt

    @property
    def rate(self) -> float:
        """Share of the configured rates that is analysed; 1 while the box is cool enough."""
        return self._cooling.rate

    def cool(self, sensors: Sensors) -> None:
        """Slow analysis where the box gets too hot, and take it up again when it has cooled."""
        if self._cooling.update(time.monotonic(), sensors.headroom_celsius):
            log.warning(
                "%d %% of the pictures are analysed: %.1f degrees are left until the kernel "
                "throttles",
                100 * self.rate,
                sensors.headroom_celsius or 0.0,
            )
        for camera in self.cameras:
            camera.slow(self.rate)

    @property
    def off(self) -> tuple[str, ...]:
        """Cameras that are not watched."""
        return tuple(self._bulletin.aside)

    @property
    def storage(self) -> Path:
        """Where everything is kept."""
        return self._config.appliance.storage.path

    @property
    def unready(self) -> str:
        """Cameras that neither show a picture nor were reported, in words; empty if none."""
        waiting = [camera.name for camera in self.cameras if not camera.is_accounted_for]
        return f"not yet seen or reported: {', '.join(waiting)}" if waiting else ""

    @property
    def is_accounted_for(self) -> bool:
        """Each camera shows pictures, or the control room was told why it does not."""
        return not self.unready

    @property
    def are_engines_able(self) -> bool:
        """No engine is broken or hangs, also one that nobody asks just now."""
        return self._engines.are_able

    @property
    def steps(self) -> dict[str, int]:
        """How far each camera got; see `Camera.n_steps`."""
        return {camera.name: camera.n_steps for camera in self.cameras}

    @property
    def summary(self) -> str:
        """How it is in one line, such as `watching 3 of 4 cameras`."""
        states = [camera.status.state for camera in self.cameras]
        n_seen = len(states) - states.count("lost")
        n_degraded = states.count("degraded")
        degraded = f", {n_degraded} of them degraded" if n_degraded else ""
        return f"watching {n_seen} of {len(states)} cameras{degraded}"

    def start(self) -> None:
        """Load the detectors, say what this box is, and begin to watch."""
        if self._recorder is not None:
            self._recorder.start()
        self._engines.load(self._config)
        self._review()
        self._watch(options for options in self._config.cameras if options.enabled)

    def change(self, config: Config) -> Changes:
        """Go over to another configuration; cameras it leaves as they are go on, tracks and all.

        Detectors are loaded first, while all cameras go on. One that could not have its model is
        tried again.

        Args:
            config: Without errors, of the same `storage`.

        Returns:
            What was done.

        Raises:
            EdgeError: A detector cannot be had at all; nothing was changed.
            SinkError: A new outlet cannot use a local file; events go on to the outbox only.
        """
        found = changes(self._config, config)
        old = self._engines.change(self._config, config)
        self._config = config
        by_name = {options.camera: options for options in config.cameras}
        restart = {name for name, _ in found.restart} | {
            name
            for name in found.keep
            if self._engines[detector := by_name[name].analyse.detector] is not old.get(detector)
        }
        self._retire([*found.stop, *restart])
        for name in found.stop:
            self._viewers.pop(name).close()
            self._remembered.pop(name, None)
        self._bulletin.origin = origin_of(config)
        self._publisher.reopen(self.origin, [config.appliance.mqtt], config.folder)
        self._engines.release(old)
        self._review()
        self._watch(by_name[name] for name in by_name if name in {*found.start, *restart})
        return found

    def review(self) -> None:
        """Once a day: what the policy lets run today; a deployment past its review disarms."""
        if self._engines.governance.is_due and self._review():
            self._say_about()

    def _review(self) -> bool:
        """Ask the policy, and tell the cameras; whether anything is another than before."""
        is_other = self._engines.governance.review(self._config, self._engines.shortfalls)
        for camera in self.cameras:
            camera.refuse(self._refused(camera.name))
        return is_other

    def _refused(self, camera: str) -> dict[str, str]:
        """Why rules of one camera do not arm, by rule."""
        found = self._engines.governance.standing.refused
        return {rule: why for (name, rule), why in found.items() if name == camera}

    def _watch(self, cameras: Iterable[CameraOptions]) -> None:
        """Begin to watch some cameras, and say what this box is and what is not watched."""
        new = [self._camera(options) for options in cameras]
        self._cameras |= {camera.name: camera for camera in new}
        self._engines.note_models()
        self._say_about()
        self._bulletin.forget_others(self._config)
        self._bulletin.set_aside(self._config)
        # What is said is durable before it is said. In between cameras that already decode, the
        # 32nd of the soak was started 12 s after the first.
        for camera in new:
            camera.announce()
        for camera in new:
            camera.start()

    def _say_about(self) -> None:
        governed = self._engines.governance.about(self._config)
        self._bulletin.about(self._config, [engine.model for engine in self._engines], governed)

    def _retire(self, names: Iterable[str]) -> None:
        """Stop watching some cameras."""
        retired = [self._cameras.pop(name) for name in names]
        disarmed = {camera.name: camera.disarmed for camera in retired}
        self._disarmed = {**self.disarmings.going_on(), **disarmed}
        for camera in retired:
            camera.request_stop()
        for camera in retired:
            camera.stop("the configuration was reloaded")

    def stop(self, reason: str) -> None:
        """Stop watching and end what is open, for the reason given."""
        self._engines.stop_building()
        for camera in self.cameras:
            camera.request_stop()
        for camera in self.cameras:
            camera.stop(reason)
        if self._recorder is not None:
            self._recorder.close()
        self._engines.close()

    def say_health(self, commands: Mapping[str, int] | None = None, page: str = "") -> None:
        """Publish vital signs.

        Args:
            commands: Commands by what became of them.
            page: Why the device page is not open; empty while it is.
        """
        figures = {camera.name: camera.figures() for camera in self.cameras}
        self._bulletin.health(self.uptime_s, figures, self._books, commands, page)

    def _camera(self, options: CameraOptions) -> Camera:
        engine, degraded = self._engines[options.analyse.detector]
        policy = self._policy(options)
        return Camera(
            options.camera,
            # What is held must reach back over the pre-roll from a watcher that is behind.
            Reader(options.camera, options.source, keep_s=policy.pre_seconds + HELD_S),
            pipeline_of(options, engine),
            decoder=options.analyse.decoder,
            fps=options.analyse.fps,
            reports=Reports(self._publisher.emit, self._bulletin.status, self._bulletin.rule),
            degraded=degraded,
            clock_doubt=lambda: self._clock.doubt,
            disarmed=[
                disarming
                for disarming in self._disarmed.get(options.camera, ())
                if disarming.rule in {rule.name for rule in options.rules}
            ],
            refused=self._refused(options.camera),
            storage_trouble=self._storage_trouble,
            viewers=self._viewers.setdefault(options.camera, Viewers()),
            policy=policy,
            witness=self._witness(options, policy),
            remembered=self._memory(options),
        )

    def _memory(self, options: CameraOptions) -> Remembered | None:
        """Where a camera's tracks are kept for trials; they serve nobody without the page."""
        if self._config.appliance.web is None:
            return None
        found = self._remembered.setdefault(options.camera, Remembered())
        found.begin(followed_by(options))
        return found

    def _policy(self, options: CameraOptions) -> Policy:
        """What is kept of a camera and hidden in its pictures."""
        return (self._kept or Policy()).changed(options.evidence)

    def _witness(self, options: CameraOptions, policy: Policy) -> Witness | None:
        if self._recorder is None:
            return None
        return Witness(
            options.camera,
            self._recorder,
            self._evidence,
            origin=lambda: self.origin,
            policy=policy,
            masks=Masks(options.masks.values()),
            purposes={rule.name: rule.purpose for rule in options.rules},
        )

    def _storage_trouble(self) -> str:
        """What the disk does not take; the worst first."""
        books = self._books.trouble if self._books is not None else ""
        return self._publisher.trouble or books or self._evidence_trouble()

    def _record(self, kind: str, facts: Mapping[str, object]) -> None:
        if self._books is not None:
            self._books.record(kind, facts)

    def _note_step(self, step_s: float) -> None:
        self._record("clock.step", {"seconds": round(step_s, 3)})
