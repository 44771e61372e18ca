"""Sidecar: what is known of one evidence file, kept beside it as `<ref>.json`.

The sidecar is what makes an item exist: it is written last and whole, so a crash leaves either a
whole item or a media file that nothing lists. Its last key, `digest`, is the SHA-256 of all before
it, so that a changed byte is found in a sidecar as it is in the media. Clock, hashing and the media
file itself are the maker's; readers ignore fields they do not know.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from edge.errors import EvidenceInvalid
from edge.files import write_atomically
from edge.message import Sha256, Timestamp, Uuid7
from edge.options import Identifier

VERSION = 1
MODE = 0o640
"""Permissions of everything in the vault."""

Raw: TypeAlias = bytes
"""The built-in, whose name is a field here."""
Media: TypeAlias = Literal["clip", "snapshot", "clean"]
Masking: TypeAlias = Literal["none", "black", "reencoded"]
Redaction: TypeAlias = Literal["none", "heads", "figures"]
Ref = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-[1-9][0-9]*|-clean)?\.(mp4|jpg)$"
    ),
]
"""Name of a media file: `<event>.mp4`, `<event>-N.mp4`, `<event>.jpg` or `<event>-clean.jpg`."""


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """The model that decided.

    Attributes:
        name: Its card's name.
        sha256: Hex digest of its weights.
    """

    name: str
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """One item of evidence.

    Attributes:
        v: Layout of the sidecar; 1.
        ref: Name of the media file, as the event's `evidence` names it.
        media: `clip`, `snapshot` (what people are shown) or `clean` (the picture without drawing).
        site: Site of the box.
        node: The box.
        camera: The camera's id.
        event: Id of the event it belongs to.
        incident: Its incident.
        kind: The event's kind.
        rule: The rule's name; empty for the appliance's own conditions.
        purpose: What the rule is for, as the configuration says; None where it says nothing.
        begin: UTC of the first picture.
        end: UTC of the last picture; equal to `begin` for a single one.
        clock_ms: How far both may be wrong, in milliseconds.
        sha256: Hex digest of the media, before any encryption at rest.
        bytes: Length of the media, before any encryption at rest.
        codec: `h264`, `hevc`, `mjpeg`, ...
        masking: `none`: the camera has no mask; `black`: masks were black before the picture was
            made; `reencoded`: the clip was encoded again with black masks.
        redaction: What of people is pixelated.
        config: SHA-256 of the configuration in force, in full.
        model: The deciding model; None where no model decided.
        made_at: UTC when the file was complete.
        software: Version of the program that made it.
    """

    v: Annotated[int, Field(ge=1)] = VERSION
    ref: Ref
    media: Media
    site: Identifier
    node: Identifier
    camera: Identifier
    event: Uuid7
    incident: Uuid7
    kind: str
    rule: str = ""
    purpose: str | None = None
    begin: Timestamp
    end: Timestamp
    clock_ms: Annotated[int, Field(ge=0)]
    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]
    codec: str
    masking: Masking
    redaction: Redaction
    config: Sha256
    model: ModelUsed | None = None
    made_at: Timestamp
    software: str

    def __post_init__(self) -> None:
        """Refuse a ref that is not this event's, and times that run backwards."""
        if not self.ref.startswith(self.event):
            raise ValueError(f"ref {self.ref} does not begin with its event, {self.event}")
        ending = {"clip": ".mp4", "snapshot": ".jpg", "clean": "-clean.jpg"}[self.media]
        if not self.ref.endswith(ending):
            raise ValueError(f"a {self.media} is named …{ending}, not {self.ref}")
        if self.end < self.begin:
            raise ValueError(f"end {self.end.isoformat()} is before begin {self.begin.isoformat()}")

    @property
    def day(self) -> str:
        """Name of its day's folder: the UTC date of `begin`."""
        return self.begin.astimezone(timezone.utc).date().isoformat()

    def to_json(self) -> Raw:
        """As a file: UTF-8, one key a line, for people too; the last is the digest."""
        body = _SIDECAR.dump_json(self, indent=1).removesuffix(b"\n}")
        return body + _DIGEST % hashlib.sha256(body).hexdigest().encode()

    @classmethod
    def from_json(cls, text: Raw | str, place: str = "sidecar") -> Sidecar:
        """Read one.

        Args:
            text: What `to_json` gave, of this or a newer release.
            place: What to call it in an error, such as its path.

        Raises:
            EvidenceInvalid: It is no sidecar, or a byte of it was changed.
        """
        raw = text.encode() if isinstance(text, str) else text
        body = raw[: -len(_DIGEST % (b"0" * 64))]
        if raw != body + _DIGEST % hashlib.sha256(body).hexdigest().encode():
            raise EvidenceInvalid(f"{place}: not the sidecar that was written: its digest differs")
        try:
            return _SIDECAR.validate_json(raw, strict=True)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            at = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise EvidenceInvalid(f"{place}: {at}: {first['msg']}") from exc


_DIGEST = b',\n "digest": "%s"\n}\n'
_SIDECAR = TypeAdapter(Sidecar)


def folder(evidence: Path, begin: datetime, camera: str) -> Path:
    """Where an item lies.

    Args:
        evidence: `storage.path/evidence`.
        begin: UTC of its first picture, aware.
        camera: The camera's id.
    """
    return evidence / begin.astimezone(timezone.utc).date().isoformat() / camera


def sidecar_path(media: Path) -> Path:
    """The sidecar of a media file: `<ref>.json` beside it."""
    return media.with_name(media.name + ".json")


def write(evidence: Path, sidecar: Sidecar) -> Path:
    """Make an item exist; its media file lies in its place, whole and synced to disk.

    Args:
        evidence: `storage.path/evidence`.
        sidecar: What to say of it.

    Returns:
        The sidecar's path.

    Raises:
        OSError: It could not be written; the item does not exist then.
    """
    place = folder(evidence, sidecar.begin, sidecar.camera)
    path = sidecar_path(place / sidecar.ref)
    write_atomically(path, sidecar.to_json(), mode=MODE)
    return path


def read(path: Path) -> Sidecar:
    """Read one from disk.

    Raises:
        EvidenceInvalid: It is no sidecar.
        OSError: It cannot be read.
    """
    return Sidecar.from_json(path.read_bytes(), str(path))
