"""Service: what runs for one configuration: engines, cameras, and what is said of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from edge.config import Config
from edge.config.changes import Changes, changes
from edge.config.schema import Camera as CameraOptions
from edge.detections import ModelRef
from edge.detectors import (
    Backend,
    DetectorOptions,
    Engine,
    Load,
    Models,
    NetworkOptions,
    open_engine,
)
from edge.errors import ModelMismatch
from edge.event import RuleState
from edge.evidence.policy import Policy
from edge.evidence.recorder import Admit, Recorder, all_admitted
from edge.evidence.witness import Witness
from edge.hardware import Sensors
from edge.masks import Masks
from edge.message import CameraStatus, Health, Origin, rule_status
from edge.runtime.about import about, broker_health, retained_topics
from edge.runtime.arming import Disarming
from edge.runtime.batcher import Batcher
from edge.runtime.books import Books
from edge.runtime.builder import Builder
from edge.runtime.camera import Camera, Reports
from edge.runtime.clock import BoxClock
from edge.runtime.cooling import Cooling
from edge.runtime.governance import Governance
from edge.runtime.reader import Reader
from edge.runtime.standing import Status
from edge.runtime.viewer import Viewers
from edge.runtime.wiring import pipeline_of
from edge.sinks import Publisher
from edge.topics import camera_status_topic, is_level, rule_state_topic

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
        self._models_noted: dict[str, ModelRef] = {}
        self._config = config
        self._publisher = publisher
        self._evidence_trouble = evidence_trouble
        self._origin = origin_of(config)
        storage = config.appliance.storage.path
        self._models = Models.on_this_machine(storage)
        self._builder = Builder(storage, self._models)
        self._governance = Governance(self._models, record=self._record)
        self._disarmed: dict[str, tuple[Disarming, ...]] = {}  # over a restart of their cameras
        self._engines: dict[str, tuple[Engine, str]] = {}
        self._batchers: list[Batcher] = []
        self._cameras: dict[str, Camera] = {}
        self._viewers: dict[str, Viewers] = {}  # over a restart of their cameras
        self._off: dict[str, Status] = {}
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
        return dict(self._off)

    @property
    def origin(self) -> Origin:
        """Who speaks for it."""
        return self._origin

    @property
    def uptime_s(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._started

    def viewers(self, camera: str) -> Viewers | None:
        """Who looks at a camera; None where it is not watched."""
        return self._viewers.get(camera)

    def engine(self, detector: str) -> Engine | None:
        """The engine in service under a detector's name; None where no camera uses it."""
        found = self._engines.get(detector)
        return found[0] if found else None

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
        return tuple(self._off)

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
        return all(batcher.is_able for batcher in self._batchers if not batcher.is_closed)

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
        for name in self._detectors():
            self._engines[name] = self._open(name)
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
        before, self._config = self._config, config
        try:
            engines = self._engines_for(before)
        except BaseException:
            self._config = before
            raise
        old, self._engines = self._engines, engines
        by_name = {options.camera: options for options in config.cameras}
        restart = {name for name, _ in found.restart} | {
            name
            for name in found.keep
            if engines[detector := by_name[name].analyse.detector] is not old.get(detector)
        }
        self._retire([*found.stop, *restart])
        for name in found.stop:
            self._viewers.pop(name).close()
        self._origin = origin_of(config)
        self._publisher.reopen(self._origin, [config.appliance.mqtt], config.folder)
        for engine, reason in old.values():
            if (engine, reason) not in engines.values():
                engine.close()
        self._review()
        self._watch(by_name[name] for name in by_name if name in {*found.start, *restart})
        return found

    def review(self) -> None:
        """Once a day: what the policy lets run today; a deployment past its review disarms."""
        if self._governance.is_due and self._review():
            self._say_about()

    def _review(self) -> bool:
        """Ask the policy, and tell the cameras; whether anything is another than before."""
        reasons = {name: reason for name, (_, reason) in self._engines.items()}
        is_other = self._governance.review(self._config, reasons)
        for camera in self.cameras:
            camera.refuse(self._refused(camera.name))
        return is_other

    def _refused(self, camera: str) -> dict[str, str]:
        """Why rules of one camera do not arm, by rule."""
        found = self._governance.standing.refused
        return {rule: why for (name, rule), why in found.items() if name == camera}

    def _engines_for(self, before: Config) -> dict[str, tuple[Engine, str]]:
        """What the configuration's detectors run on: those in service where nothing differs."""
        engines: dict[str, tuple[Engine, str]] = {}
        fresh: list[Engine] = []
        try:
            for name in self._detectors():
                options = self._config.appliance.detectors[name]
                is_same = before.appliance.detectors.get(name) == options
                known = self._engines.get(name) if is_same else None
                if known is None or known[1]:  # what is less than was asked for may be had now
                    opened = self._open(name)
                    if known is not None and known[1] == opened[1]:
                        opened[0].close()
                    else:
                        fresh.append(opened[0])
                        known = opened
                engines[name] = known
        except BaseException:
            for engine in fresh:
                engine.close()
            raise
        return engines

    def _detectors(self) -> list[str]:
        """Names of the detectors that some camera uses."""
        used = (camera.analyse.detector for camera in self._config.cameras if camera.enabled)
        return list(dict.fromkeys(used))

    def _watch(self, cameras: Iterable[CameraOptions]) -> None:
        """Begin to watch some cameras, and say what this box is and what is not watched."""
        new = [self._camera(options) for options in cameras]
        self._cameras |= {camera.name: camera for camera in new}
        self._note_models()
        self._say_about()
        self._publisher.keep_only(retained_topics(self._config))
        self._report_off()
        # What is said is durable before it is said. In between cameras that already decode, the
        # 32nd of the soak was started 12 s after the first.
        for camera in new:
            camera.announce()
        for camera in new:
            camera.start()

    def _say_about(self) -> None:
        models = [engine.model for engine, _ in self._engines.values()]
        governed = self._governance.about(self._config)
        self._publisher.about(about(self._config, self._origin, models, governed))

    def _report_off(self) -> None:
        """Say which cameras are not watched, and since when."""
        off = {c.camera: "switched off in its file" for c in self._config.cameras if not c.enabled}
        for name, problems in self._config.rejected:
            off[name] = f"its file has {len(problems)} problems: {problems[0]}".splitlines()[0]
            log.error("camera %s: set aside: %s", name, off[name])
        now, before = datetime.now(timezone.utc), self._off
        # A file whose name can stand in no topic is in the log alone.
        self._off = {
            name: before[name]
            if name in before and before[name].why == why
            else Status("disabled", why, now)
            for name, why in off.items()
            if is_level(name)
        }
        for name, status in self._off.items():
            if before.get(name) is not status:
                self._report_status(name, status)

    def _retire(self, names: Iterable[str]) -> None:
        """Stop watching some cameras."""
        retired = [self._cameras.pop(name) for name in names]
        self._disarmed = {camera.name: camera.disarmed for camera in retired}
        for camera in retired:
            camera.request_stop()
        for camera in retired:
            camera.stop("the configuration was reloaded")

    def stop(self, reason: str) -> None:
        """Stop watching and end what is open, for the reason given."""
        self._builder.close()
        for camera in self.cameras:
            camera.request_stop()
        for camera in self.cameras:
            camera.stop(reason)
        if self._recorder is not None:
            self._recorder.close()
        for engine, _ in self._engines.values():
            engine.close()

    def say_health(self, commands: Mapping[str, int] | None = None) -> None:
        """Publish vital signs.

        Args:
            commands: Commands by what became of them.
        """
        self._publisher.health(
            Health(
                site=self._origin.site,
                node=self._origin.node,
                at=datetime.now(timezone.utc),
                uptime_s=int(self.uptime_s),
                outbox=self._publisher.outbox_health,
                broker=broker_health(self._publisher),
                audit=self._books.health if self._books is not None else None,
                commands=dict(commands) if commands else None,
                cameras={camera.name: camera.figures() for camera in self.cameras},
                profile=self._origin.profile,
            )
        )

    def _open(self, name: str) -> tuple[Engine, str]:
        """The engine behind a detector's name, and why it is less than was asked for."""
        batchers: list[Batcher] = []
        later: list[NetworkOptions] = []
        admitted: list[DetectorOptions] = []

        def admit(candidate: DetectorOptions) -> str:
            why = self._governance.refusal(self._config, name, candidate)
            if not why:
                admitted.append(candidate)
            return why

        def serve(load: Load) -> Backend:
            batchers.append(Batcher(load, name=name))
            return batchers[-1]

        options = self._config.appliance.detectors[name]
        engine, reason = open_engine(options, self._models, serve, later.append, admit)
        used = admitted[:-1] if later else admitted  # the last was asked for what is to be built
        self._governance.runs(name, used[-1] if used and not reason else None)
        in_use = [batcher for batcher in self._batchers if not batcher.is_closed]
        self._batchers = [*in_use, *batchers]
        for better in later:
            self._builder.build(better, partial(self._go_over, name, better, engine, batchers[-1]))
        if reason:
            log.error("detector %s: %s", name, reason)
        else:
            log.info("detector %s: %s", name, engine.model)
        return engine, reason or ""

    def _go_over(self, name: str, better: NetworkOptions, engine: Engine, batcher: Batcher) -> None:
        """Let another kind run the network from now on; trackers and rules notice nothing.

        Raises:
            ModelError, MissingDependency: It cannot; what is in service stays.
        """

        def serve(load: Load) -> Backend:
            batcher.replace(load)
            return batcher

        if (key := better.engine_key(self._models)).model_sha256 != engine.model.sha256:
            raise ModelMismatch(
                f"the weights of {key.model} were replaced: expected {engine.model}, got "
                f"{key.model}@{key.model_sha256[:8]}; restart edge to use the new file"
            )
        better.engine(self._models, serve)
        self._governance.runs(name, better)

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
            reports=Reports(self._publisher.emit, self._report_status, self._report_rule),
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
        )

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
            origin=lambda: self._origin,
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

    def _note_models(self) -> None:
        """Record which weights decide, where that has changed."""
        for name, (engine, degraded) in self._engines.items():
            was, model = self._models_noted.get(name), engine.model
            if was != model:
                self._models_noted[name] = model
                facts = {"detector": name, "model": model.name, "sha256": model.sha256}
                before = was.sha256 if was is not None else None
                self._record("model.changed", {**facts, "was": before, "reason": degraded or None})

    def _report_status(self, camera: str, status: Status) -> None:
        log.info("camera %s: %s %s", camera, status.state, status.why)
        self._publisher.state(
            camera_status_topic(camera),
            CameraStatus(
                site=self._origin.site,
                node=self._origin.node,
                camera=camera,
                state=status.state,
                since=status.since,
                why=status.why or None,
                profile=self._origin.profile,
            ),
        )

    def _report_rule(self, camera: str, rule: str, state: RuleState) -> None:
        self._publisher.state(
            rule_state_topic(camera, rule), rule_status(self._origin, camera, rule, state)
        )
