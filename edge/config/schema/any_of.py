"""One of a room's kinds: the unions that fields of the configuration take.

Pure. A union is built from the files of its room, so a new kind needs no line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator

from edge.decoders import DecoderOptions
from edge.detectors import DetectorOptions
from edge.evidence.delivery import DeliveryOptions
from edge.gates import GateOptions
from edge.options import any_kind, kinds
from edge.rules import RuleOptions
from edge.sources import SourceOptions
from edge.trackers import TrackerOptions


def _named(room: str) -> object:
    """One of a room's kinds; its name alone stands for that kind with nothing else said."""
    options: Any = any_kind(room)
    names: Any = Literal.__getitem__(tuple(kinds(room)))
    spelt_out = BeforeValidator(_spelt_out, json_schema_input_type=names | options)
    return Annotated[options, spelt_out]


def _spelt_out(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


if TYPE_CHECKING:
    AnySource = SourceOptions
    AnyDecoder = DecoderOptions
    AnyDetector = DetectorOptions
    AnyGate = GateOptions
    AnyTracker = TrackerOptions
    AnyRule = RuleOptions
    AnyDelivery = DeliveryOptions
else:
    AnySource = any_kind("edge.sources")
    AnyDecoder = _named("edge.decoders")
    AnyDetector = any_kind("edge.detectors")
    AnyGate = _named("edge.gates")
    AnyTracker = _named("edge.trackers")
    AnyRule = any_kind("edge.rules")
    AnyDelivery = any_kind("edge.evidence.delivery")
