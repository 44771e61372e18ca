"""The fastest engine this box has: TensorRT, else OpenVINO, else ONNX Runtime.

Boundary: chooses among the room's other kinds; runs nothing itself. `motion` is never chosen here:
that a box stops telling people from cars is said aloud, by `open_engine`.
"""

from __future__ import annotations

import logging
from typing import Literal

from edge.detectors import Engine, Serve
from edge.detectors._network import ModelOptions, NetworkOptions
from edge.detectors._weights import Models
from edge.errors import MissingDependency, ModelError
from edge.options import kinds

log = logging.getLogger("edge.detectors")

PREFERENCE = ("tensorrt", "openvino", "onnx")


class Options(ModelOptions):
    """A network on the fastest library installed."""

    kind: Literal["auto"]

    def chosen(self, models: Models) -> NetworkOptions:
        """The same options for the first kind whose library is installed and engine is built.

        Args:
            models: Where cards, weights and engines are found.

        Raises:
            MissingDependency: There is none.
            ModelError: No card or no weights.
        """
        told = self.model_dump(exclude={"kind"})
        found, absent = kinds("edge.detectors"), []
        for kind in PREFERENCE:
            if kind in found:
                options = found[kind].model_validate({"kind": kind, **told})
                assert isinstance(options, NetworkOptions)
                try:
                    options.require()
                except MissingDependency as exc:
                    absent.append(str(exc))
                else:
                    if self._is_built(kind, options, models):
                        return options
                    absent.append(f"{kind}: no engine was built")
        raise MissingDependency("no engine can run a network: " + "; ".join(absent))

    def engine(self, models: Models, serve: Serve) -> Engine:
        """Load it on the chosen kind; see `DetectorOptions`."""
        return self.chosen(models).engine(models, serve)

    def _is_built(self, kind: str, options: NetworkOptions, models: Models) -> bool:
        card, path = models.card(self.model), models.find(self.model)
        try:
            is_built = options.is_built(path, card, models.engines)
        except ModelError as exc:
            log.warning("%s cannot be used: %s", kind, exc)
            return False
        if not is_built:
            log.warning(
                "%s is installed and has no engine of %s; build it with `edge model build`",
                kind,
                self.model,
            )
        return is_built
