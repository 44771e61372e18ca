"""Engines: what the detectors of one configuration run on, and how they go over to others."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from edge.config import Config
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
from edge.runtime.batcher import Batcher
from edge.runtime.builder import Builder
from edge.runtime.governance import Governance, Recorder

log = logging.getLogger("edge.service")

Loaded = tuple[Engine, str]
"""An engine, and why it is less than was asked for; empty where it is not."""


class Engines:
    """One for each detector that some camera uses.

    Args:
        storage: The configuration's `storage.path`.
        record: Keeps which model decides, for auditors.

    Attributes:
        governance: Says which of them the policy admits.
    """

    def __init__(self, storage: Path, record: Recorder) -> None:
        self._models = Models.on_this_machine(storage)
        self._builder = Builder(storage, self._models)
        self.governance = Governance(self._models, record=record)
        self._record = record
        self._noted: dict[str, ModelRef] = {}  # the weights recorded
        self._loaded: dict[str, Loaded] = {}
        self._batchers: list[Batcher] = []

    def __getitem__(self, detector: str) -> Loaded:
        """What a detector runs on."""
        return self._loaded[detector]

    def __iter__(self) -> Iterator[Engine]:
        """All in service."""
        return (engine for engine, _ in self._loaded.values())

    def get(self, detector: str) -> Engine | None:
        """The engine in service under a detector's name; None where no camera uses it."""
        found = self._loaded.get(detector)
        return found[0] if found else None

    @property
    def shortfalls(self) -> dict[str, str]:
        """Why each is less than was asked for, by detector; empty words where it is not."""
        return {name: reason for name, (_, reason) in self._loaded.items()}

    @property
    def are_able(self) -> bool:
        """None is broken or hangs, also one that nobody asks just now."""
        return all(batcher.is_able for batcher in self._batchers if not batcher.is_closed)

    def load(self, config: Config) -> None:
        """Load what a configuration needs.

        Raises:
            EdgeError: A detector cannot be had at all.
        """
        for name in _detectors(config):
            self._loaded[name] = self._open(config, name)

    def change(self, before: Config, config: Config) -> dict[str, Loaded]:
        """Load what another configuration needs and is not in service.

        One that could not have its model is tried again.

        Args:
            before: In service.
            config: To go over to.

        Returns:
            What was in service, by detector; `release` it when no camera uses it any more.

        Raises:
            EdgeError: A detector cannot be had at all; nothing was changed.
        """
        engines: dict[str, Loaded] = {}
        fresh: list[Engine] = []
        try:
            for name in _detectors(config):
                is_same = before.appliance.detectors.get(name) == config.appliance.detectors[name]
                known = self._loaded.get(name) if is_same else None
                if known is None or known[1]:  # what is less than was asked for may be had now
                    opened = self._open(config, name)
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
        old, self._loaded = self._loaded, engines
        return old

    def release(self, old: Mapping[str, Loaded]) -> None:
        """Close what is not in service any more."""
        for engine, reason in old.values():
            if (engine, reason) not in self._loaded.values():
                engine.close()

    def note_models(self) -> None:
        """Record which weights decide, where that has changed."""
        for name, (engine, reason) in self._loaded.items():
            was, model = self._noted.get(name), engine.model
            if was != model:
                self._noted[name] = model
                facts = {"detector": name, "model": model.name, "sha256": model.sha256}
                before = was.sha256 if was is not None else None
                self._record("model.changed", {**facts, "was": before, "reason": reason or None})

    def stop_building(self) -> None:
        """Build no more; before the cameras stop."""
        self._builder.close()

    def close(self) -> None:
        """Close all."""
        for engine in self:
            engine.close()

    def _open(self, config: Config, name: str) -> Loaded:
        """The engine behind a detector's name, and why it is less than was asked for."""
        batchers: list[Batcher] = []
        later: list[NetworkOptions] = []
        admitted: list[DetectorOptions] = []

        def admit(candidate: DetectorOptions) -> str:
            why = self.governance.refusal(config, name, candidate)
            if not why:
                admitted.append(candidate)
            return why

        def serve(load: Load) -> Backend:
            batchers.append(Batcher(load, name=name))
            return batchers[-1]

        options = config.appliance.detectors[name]
        engine, reason = open_engine(options, self._models, serve, later.append, admit)
        used = admitted[:-1] if later else admitted  # the last was asked for what is to be built
        self.governance.runs(name, used[-1] if used and not reason else None)
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
        self.governance.runs(name, better)


def _detectors(config: Config) -> list[str]:
    """Names of the detectors that some camera uses."""
    used = (camera.analyse.detector for camera in config.cameras if camera.enabled)
    return list(dict.fromkeys(used))
