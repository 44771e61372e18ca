"""The fastest engine this box has: TensorRT, else OpenVINO, else ONNX Runtime.

Boundary: chooses among the room's other kinds; runs nothing itself. `motion` is never chosen here:
that a box stops telling people from cars is said aloud, by `open_engine`.
"""

from __future__ import annotations

import logging
from typing import Literal

from edge.detectors import Engine, Plan, Serve
from edge.detectors._network import ModelOptions, NetworkOptions
from edge.detectors._weights import Models
from edge.errors import MissingDependency, ModelError
from edge.options import kinds

log = logging.getLogger("edge.detectors")

PREFERENCE = ("tensorrt", "openvino", "onnx")


class Options(ModelOptions):
    """A network on the fastest library installed."""

    kind: Literal["auto"]

    def plan(self, models: Models, *, can_build: bool) -> Plan:
        """The same options for each kind that can be opened now; see `DetectorOptions`.

        Where somebody builds, the fastest kind, if it is not built yet, is left for later, unless
        its building failed before: then it is opened without, or done without.
        """
        now: list[NetworkOptions] = []
        later: NetworkOptions | None = None
        absent: list[str] = []
        for options in self.candidates():
            try:
                options.require()
            except MissingDependency as exc:
                absent.append(str(exc))
                continue
            if self._is_built(options, models):
                now.append(options)
            elif can_build and not now and later is None and options.may_build(models):
                later = options
            elif options.builds == "faster":
                now.append(options)
            else:
                absent.append(f"{options.kind}: no engine was built")
                if not now:
                    log.warning("%s has no engine of %s", options.kind, self.model)
        if later is not None and later.builds == "faster":
            now.append(later)  # without, should nothing else open
        if not now:
            raise MissingDependency("no engine can run a network: " + "; ".join(absent))
        return Plan(tuple(now), later, again=now[0])

    def chosen(self, models: Models) -> NetworkOptions:
        """The kind that runs it where nobody builds.

        Args:
            models: Where cards, weights and engines are found.

        Raises:
            MissingDependency: There is none.
            ModelError: No card or no weights.
        """
        now = self.plan(models, can_build=False).now[0]
        assert isinstance(now, NetworkOptions)
        return now

    def candidates(self) -> list[NetworkOptions]:
        """The same options for every kind there is, the fastest first."""
        told = self.model_dump(exclude={"kind"})
        found = kinds("edge.detectors")
        return [
            found[kind].model_validate({"kind": kind, **told})  # type: ignore[misc] # a network's
            for kind in PREFERENCE
            if kind in found
        ]

    def engine(self, models: Models, serve: Serve) -> Engine:
        """Load it on the chosen kind; see `DetectorOptions`."""
        return self.chosen(models).engine(models, serve)

    def _is_built(self, options: NetworkOptions, models: Models) -> bool:
        card, path = models.card(self.model), models.find(self.model)
        try:
            return options.is_built(path, card, models.engines)
        except ModelError as exc:
            log.warning("%s cannot be used: %s", options.kind, exc)
            return False
