"""Encoding: the bytes on the wire, from the JSON that is kept on disk.

The only file that imports cbor2, which comes with the `cbor` extra.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from edge.errors import MissingDependency

Name: TypeAlias = Literal["json", "cbor"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How this box's own topics are written.

    Attributes:
        content_type: MIME type of every message.
        encode: From UTF-8 JSON to the wire; an empty payload stays empty.
    """

    content_type: str
    encode: Callable[[bytes], bytes]

    @property
    def is_text(self) -> bool:
        """Whether the payload is UTF-8."""
        return self.content_type == "application/json"


JSON_ENCODING = Encoding("application/json", bytes)


def encoding(name: Name) -> Encoding:
    """The encoding of that name.

    Raises:
        MissingDependency: Its library is not installed.
    """
    if name == "json":
        return JSON_ENCODING
    try:
        import cbor2
    except ImportError as problem:
        raise MissingDependency(
            "mqtt `encoding: cbor` needs cbor2: pip install 'edge-appliance[cbor]'"
        ) from problem

    def encode(payload: bytes) -> bytes:
        return cbor2.dumps(json.loads(payload)) if payload else payload

    return Encoding("application/cbor", encode)


def decode(payload: bytes, content_type: str) -> object:
    """Read a message of either encoding.

    Args:
        payload: As it came.
        content_type: As it was said to be; anything but CBOR is taken for JSON.

    Raises:
        ValueError: It is not what it was said to be.
        MissingDependency: It is CBOR, and the library is not installed.
    """
    if content_type != "application/cbor":
        return json.loads(payload)
    try:
        import cbor2
    except ImportError as problem:
        raise MissingDependency(
            "this box sends CBOR, which needs cbor2: pip install 'edge-appliance[cbor]'"
        ) from problem
    try:
        return cbor2.loads(payload)
    except cbor2.CBORDecodeError as problem:
        raise ValueError(f"not CBOR: {problem}") from problem
