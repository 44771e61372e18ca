"""The fastest engine this box has: TensorRT, else OpenVINO, else ONNX Runtime.

Boundary: chooses among the room's other kinds; runs nothing itself. `motion` is never chosen here:
that a box stops telling people from cars is said aloud, by `open_engine`.
"""

from __future__ import annotations

from typing import Literal

from edge.detectors import Engine, Serve
from edge.detectors._network import ModelOptions, NetworkOptions
from edge.detectors._weights import Models
from edge.errors import MissingDependency
from edge.options import kinds

PREFERENCE = ("tensorrt", "openvino", "onnx")


class Options(ModelOptions):
    """A network on the fastest library installed."""

    kind: Literal["auto"]

    def chosen(self) -> NetworkOptions:
        """The same options for the first kind whose library is installed.

        Raises:
            MissingDependency: None is.
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
                    return options
        raise MissingDependency("no engine can run a network: " + "; ".join(absent))

    def engine(self, models: Models, serve: Serve) -> Engine:
        """Load it on the chosen kind; see `DetectorOptions`."""
        return self.chosen().engine(models, serve)
