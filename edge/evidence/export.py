"""Export: some evidence as one folder or zip that proves itself to whoever gets it.

Boundary: reads the vault and writes the bundle. Media leave as they were made, decrypted, each
hashed again on its way. Events and what the audit log says come in; what was not given is said in
the bundle, never left out silently.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from edge import __version__
from edge.errors import EvidenceError, EvidenceInvalid, InputError
from edge.evidence import _cover, export_check
from edge.evidence.item import Item
from edge.evidence.sealed import plain
from edge.evidence.sidecar import Sidecar
from edge.evidence.vault import Vault

NO_AUDIT = "AUDIT NOT PROVIDED"


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit log says of what is exported.

    Attributes:
        lines: Records with their proofs, JSON each; see docs/vault.md.
        head: The signed checkpoint that the proofs lead to.
        keys: Who signs checkpoints.
        trouble: Why there is none of it; empty where there is.
    """

    lines: tuple[bytes, ...] = ()
    head: str = ""
    keys: str = ""
    trouble: str = ""


NOT_ASKED = Audit(trouble="the log was not asked")


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for an export, and why; both stand on its cover.

    Attributes:
        who: Who asked.
        why: The reason, or the reference of the request.
        at: UTC of the export.
    """

    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of an export.

    Attributes:
        path: The folder or zip.
        digest: SHA-256 of its list of files; to be noted elsewhere.
        n_items: How many pieces of evidence are in it.
        left_out: What is not in it because it is damaged, and what is wrong with each.
    """

    path: Path
    digest: str
    n_items: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Given:
    """What a bundle says beside its media."""

    request: Request
    left_out: tuple[str, ...]
    events: tuple[bytes, ...]
    audit: Audit


class _Bundle(Protocol):
    def put(self, name: str, content: Iterable[bytes]) -> str: ...
    def close(self) -> None: ...


class _Folder:
    """A bundle as a folder."""

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir()

    def put(self, name: str, content: Iterable[bytes]) -> str:
        file = self._place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with file.open("xb") as out:
            for chunk in content:
                out.write(chunk)
                digest.update(chunk)
        return digest.hexdigest()

    def close(self) -> None: ...


class _Zip:
    """A bundle as a zip, not compressed: clips and pictures are already."""

    def __init__(self, place: Path) -> None:
        self._zip = zipfile.ZipFile(place, "x", zipfile.ZIP_STORED)

    def put(self, name: str, content: Iterable[bytes]) -> str:
        digest = hashlib.sha256()
        with self._zip.open(name, "w", force_zip64=True) as out:
            for chunk in content:
                out.write(chunk)
                digest.update(chunk)
        return digest.hexdigest()

    def close(self) -> None:
        self._zip.close()


def export(
    vault: Vault,
    items: Sequence[Item],
    out: Path,
    request: Request,
    *,
    events: Iterable[bytes] = (),
    audit: Audit = NOT_ASKED,
) -> Exported:
    """Write evidence as one folder, or one zip where `out` ends in `.zip`.

    Args:
        vault: Where it lies.
        items: What of it; at least one.
        out: Must not exist. Beside a zip, its SHA-256 is written to `<out>.sha256`.
        request: Who asked, and why.
        events: Event messages that are still kept, UTF-8 JSON each. For an event without one, a
            line is made from the sidecar and says so.
        audit: What the audit log says; without, the bundle says that nothing was provided.

    Returns:
        Where it is, its digest, and what was left out.

    Raises:
        InputError: There is nothing to export, it exists already, or who or why are empty.
        EvidenceError: It could not be written; nothing is left of it then.
    """
    if not items:
        raise InputError("there is no such evidence; `edge evidence list` shows what there is")
    if not request.who.strip() or not request.why.strip():
        raise InputError("say who and why: both stand on the cover and in the record")
    if out.exists():
        raise InputError(f"{out} exists already; an export is never written over another")
    inside = f"{vault.folder}/"  # where it lies on the box is nobody's business outside
    faults = {
        item.path: fault.replace(inside, "") for item in items if (fault := vault.fault(item))
    }
    sound = [item for item in items if item.path not in faults]
    if not sound:
        raise EvidenceInvalid(f"nothing to export is sound: {'; '.join(faults.values())}")
    part = out.with_name(f".{out.name}.part")
    _discard(part)
    try:
        bundle = (_Zip if out.suffix == ".zip" else _Folder)(part)
        given = _Given(request, tuple(faults.values()), tuple(events), audit)
        digest = _fill(bundle, vault, sound, given)
        part.rename(out)
        if out.suffix == ".zip":
            with out.open("rb") as content:
                line = f"{export_check.digest_of(content)}  {out.name}\n"
            out.with_name(out.name + ".sha256").write_text(line, "utf-8")
    except OSError as exc:
        if isinstance(exc, EvidenceError):
            raise
        raise EvidenceError(f"export {out}: {exc.strerror or exc}") from exc
    finally:
        _discard(part)
    facts = {"out": str(out), "who": request.who, "why": request.why, "digest": digest}
    refs = [item.sidecar.ref for item in sound]
    vault.record("evidence.exported", {**facts, "refs": refs})
    return Exported(out, digest, len(sound), tuple(faults.values()))


def _fill(
    bundle: _Bundle,
    vault: Vault,
    items: Sequence[Item],
    given: _Given,
) -> str:
    """Everything in its place; gives the digest of the list."""
    sums: dict[str, str] = {}

    def put(name: str, content: Iterable[bytes]) -> str:
        sums[name] = bundle.put(name, content)
        return sums[name]

    for item in items:
        place = f"media/{item.path.relative_to(vault.folder).as_posix()}"
        if put(place, vault.open(item)) != item.sidecar.sha256:
            raise EvidenceInvalid(f"{item.path}: changed while it was being exported")
        put(f"{place}.json", plain(item.sidecar_path, None, ""))
    sidecars = [item.sidecar for item in items]
    lines, n_rebuilt = _events(sidecars, given.events)
    put("events.jsonl", lines)
    audit = given.audit
    if audit.trouble:
        put("audit.txt", [f"{NO_AUDIT}: {audit.trouble}\n".encode()])
    else:
        put(export_check.RECORDS, (line + b"\n" for line in audit.lines))
        put(export_check.HEAD, [audit.head.encode()])
        put(export_check.KEYS, [audit.keys.encode()])
    manifest = {
        "v": 1,
        "made_at": given.request.at.isoformat(timespec="seconds"),
        "who": given.request.who,
        "why": given.request.why,
        "software": __version__,
        "events": {"kept": len(lines) - n_rebuilt, "made_from_sidecars": n_rebuilt},
        "audit": f"{NO_AUDIT}: {audit.trouble}"
        if audit.trouble
        else f"{export_check.RECORDS}: {len(audit.lines)} records",
        "items": [json.loads(sidecar.to_json()) for sidecar in sidecars],
        "left_out": list(given.left_out),
    }
    put("manifest.json", [json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n"])
    places = [f"media/{item.path.relative_to(vault.folder).as_posix()}" for item in items]
    cover = _cover.page(list(zip(places, sidecars, strict=True)), manifest)
    put("cover.html", [cover.encode()])
    put("verify.py", [Path(export_check.__file__).read_bytes()])
    body = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()
    own = f"# this list: {hashlib.sha256(body).hexdigest()}\n".encode()
    digest = bundle.put(export_check.SUMS, [body + own])
    bundle.close()
    return digest


def _events(sidecars: Sequence[Sidecar], kept: Sequence[bytes]) -> tuple[list[bytes], int]:
    """A line for each event, and how many of them had to be made from a sidecar."""
    lines = [line.rstrip(b"\n") + b"\n" for line in kept]
    known = {json.loads(line)["id"] for line in lines}
    rebuilt = {s.event: s for s in sidecars if s.event not in known}
    for sidecar in rebuilt.values():
        said = {
            "made_from": "sidecar",
            "id": sidecar.event,
            "incident": sidecar.incident,
            "site": sidecar.site,
            "node": sidecar.node,
            "camera": sidecar.camera,
            "kind": sidecar.kind,
            "rule": sidecar.rule,
        }
        lines.append(json.dumps(said, ensure_ascii=False).encode() + b"\n")
    return lines, len(rebuilt)


def _discard(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
