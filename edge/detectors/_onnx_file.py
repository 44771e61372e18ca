"""The outside of an ONNX file: whether it is one, whether all of it is there, and its opset.

Boundary: reads a few hundred bytes of a file that may be anything. What is in the graph is for a
library to judge; what it says of a file that is cut short or no network helps no technician.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.errors import ModelError

_IR, _PRODUCER, _PRODUCER_VERSION, _GRAPH, _OPSET = 1, 2, 3, 7, 8
_FIELDS = {_IR, _PRODUCER, _PRODUCER_VERSION, 4, 5, 6, _GRAPH, _OPSET, 14, 20, 25, 26}
"""Of onnx.ModelProto (onnx.proto, IR version 13)."""

_VARINT, _BYTES = 0, 2
_LENGTHS = {_VARINT: 0, 1: 8, _BYTES: 0, 5: 4}
"""Bytes that follow a tag, by wire type; of a varint and a text it is written there."""

_LONGEST_TEXT = 1 << 12


class _Strange(Exception):
    """These bytes are no ModelProto."""


@dataclass(frozen=True, slots=True)
class OnnxHeader:
    """What an ONNX file says of itself.

    Attributes:
        opset: Version of the operators of the default domain; 0 if it does not say.
        producer: What wrote it, with its version; empty if it does not say.
    """

    opset: int
    producer: str

    def __str__(self) -> str:
        by = f", made by {self.producer}" if self.producer else ""
        return f"opset {self.opset or 'not said'}{by}"


def read_header(path: Path, model: str) -> OnnxHeader:
    """Look at the outermost fields of a file.

    Args:
        path: The file.
        model: Whose weights it should be; for the command that replaces it.

    Raises:
        ModelError: It cannot be read, is cut short, or is no ONNX file; the text names both sides.
    """
    try:
        n_bytes = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(16)
            file.seek(0)
            header, needs = _header(file, n_bytes)
    except OSError as exc:
        raise ModelError(f"{path} cannot be read ({exc.strerror}); check who may read it") from exc
    except (_Strange, UnicodeDecodeError, EOFError) as exc:
        raise ModelError(
            f"{path} is no ONNX file: expected a network as onnx.ModelProto, got {n_bytes} bytes "
            f"that begin with {start!r}; run `edge model pull {model} --from FILE` with the file "
            "that the model's exporter wrote"
        ) from exc
    if needs > n_bytes:
        raise ModelError(
            f"{path} is cut short: expected at least {needs} bytes, as the network in it says, got "
            f"{n_bytes}; run `edge model pull {model}`, or copy the file again"
        )
    return header


def _header(file: BinaryIO, n_bytes: int) -> tuple[OnnxHeader, int]:
    """What it says, and how many bytes it would need for what it says."""
    opset, texts, needs = 0, {_PRODUCER: "", _PRODUCER_VERSION: ""}, 0
    while file.tell() < n_bytes:
        tag = _varint(file)
        field, wire = tag >> 3, tag & 7
        if field not in _FIELDS or wire not in _LENGTHS:
            raise _Strange
        length = _LENGTHS[wire]
        if wire == _VARINT:
            _varint(file)
        elif wire == _BYTES:
            length = _varint(file)
        end = file.tell() + length
        if field == _GRAPH:
            needs = end
        elif end > n_bytes and not needs:  # cut before the network, or the length is none
            raise _Strange
        if field in texts and length <= _LONGEST_TEXT:
            texts[field] = file.read(length).decode()
        elif field == _OPSET and length <= _LONGEST_TEXT:
            opset = _opset(file, end) or opset
        needs = max(needs, end) if needs else 0
        file.seek(end)
    if not needs:
        raise _Strange
    return OnnxHeader(opset, " ".join(filter(None, texts.values()))), needs


def _opset(file: BinaryIO, end: int) -> int:
    """Version in one OperatorSetIdProto; 0 if it is another domain's."""
    domain, version = b"", 0
    while file.tell() < end:
        tag = _varint(file)
        if tag == (1 << 3 | _BYTES):
            domain = file.read(_varint(file))
        elif tag == (2 << 3 | _VARINT):
            version = _varint(file)
        else:
            raise _Strange
    return version if domain in (b"", b"ai.onnx") else 0


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise _Strange
