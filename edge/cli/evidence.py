"""`edge evidence`: what is kept, held, exported, checked and sent."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from edge.audit import FOLDER as AUDIT
from edge.audit import excerpt, is_signed, leave
from edge.cli import FAILED, FINE
from edge.cli._storage import STORAGE, add_storage
from edge.config import Config, load
from edge.config.credentials import credential_folders
from edge.config.problem import any_of
from edge.errors import AuditError, InputError
from edge.evidence.courier import Courier
from edge.evidence.export import Audit, Request, export
from edge.evidence.export_check import HEAD, KEYS, Export, check, proven
from edge.evidence.holds import is_held
from edge.evidence.item import Item
from edge.evidence.sealed import Key
from edge.evidence.vault import Vault
from edge.sinks import kept_events

HELP = "evidence: list what is kept, check it, hold it, export it for disclosure, send it"
_ID = "0199a7c2-7f1e-7c55-9a53-2f6d0f2f1a11"
_REASON = "--who 'PC 1234' --why 'URN 01/26'"
EXAMPLE = f"edge evidence export --event {_ID} --out bundle.zip {_REASON}"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = _action(actions, "list", "what is kept", "edge evidence list --camera north")
    _add_selection(listing)
    listing.add_argument("--held", action="store_true", help="only what is on legal hold")
    listing.add_argument("--erased", action="store_true", help="what is no longer there, and why")

    verifying = _action(
        actions,
        "verify",
        "check every byte of what is kept, or of an export",
        "edge evidence verify bundle.zip",
    )
    verifying.add_argument(
        "export", nargs="?", type=Path, metavar="EXPORT", help="a folder or zip of `export`"
    )
    _add_selection(verifying)

    opening = _action(
        actions,
        "open",
        "copy one file out, decrypted",
        f"edge evidence open {_ID}.mp4 --out clip.mp4 {_REASON}",
    )
    opening.add_argument("ref", metavar="REF", help="its name, as `list` shows it")
    opening.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to")
    _add_reason(opening)

    exporting = _action(actions, "export", "one folder or zip with all that proves it", EXAMPLE)
    _add_selection(exporting)
    exporting.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="a new folder, or NAME.zip"
    )
    _add_reason(exporting)

    sending = _action(
        actions,
        "send",
        "send to one of the configuration's `upload` now",
        "edge evidence send archive --config DIR --camera north",
    )
    sending.add_argument("name", metavar="NAME", help="which one")
    _add_selection(sending)

    for name, what in (
        ("hold", "keep all evidence of an event or incident until it is released"),
        ("release", "end a legal hold"),
    ):
        holding = _action(
            actions,
            name,
            what,
            f"edge evidence {name} {_ID} {_REASON}",
        )
        holding.add_argument("id", metavar="ID", help="of the event or the incident")
        _add_reason(holding)


def _action(actions: Any, name: str, what: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=what,
        description=what,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_storage(parser)
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="key of encrypted evidence, where systemd does not hand it over",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return parser


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--event", action="append", metavar="ID", help="of an event or incident")
    parser.add_argument("--camera", action="append", metavar="NAME", help="of a camera")
    parser.add_argument(
        "--media", action="append", choices=["clip", "snapshot", "clean"], help="of a kind"
    )
    parser.add_argument("--from", dest="begin", type=_time, metavar="TIME", help="UTC, ISO 8601")
    parser.add_argument("--to", dest="end", type=_time, metavar="TIME", help="UTC, ISO 8601")


def _add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", required=True, metavar="NAME", help="who asked for it")
    parser.add_argument("--why", required=True, metavar="TEXT", help="reason, or its reference")


def run(args: argparse.Namespace) -> int:
    """Do one of the actions."""
    return {
        "list": _list,
        "verify": _verify,
        "open": _open,
        "export": _export,
        "send": _send,
        "hold": _hold,
        "release": _release,
    }[args.action](args)


def _list(args: argparse.Namespace) -> int:
    vault = _vault(args)
    if args.erased:
        erased = [_fields(line) for line in vault.erased()]
        _print(args, {"erased": erased}, _rows(erased, ("at", "why", "path")))
        return FINE
    items, broken = vault.scan()
    holds = vault.holds()
    chosen = [
        item for item in _chosen(args, items) if not args.held or is_held(item.sidecar, holds)
    ]
    listed = [
        {
            **json.loads(item.sidecar.to_json()),
            "path": str(item.path),
            "stored_bytes": item.stored_bytes,
            "held": is_held(item.sidecar, holds),
            "sent": list(item.sent),
        }
        for item in chosen
    ]
    damaged = [{"path": str(entry.path), "why": entry.why} for entry in broken]
    held = [_fields(hold) for hold in holds.values()]
    rows = _rows(listed, ("begin", "camera", "kind", "media", "ref"), mark="held")
    rows += [f"damaged: {entry['why']}" for entry in damaged]
    size = sum(item.stored_bytes for item in chosen) / 2**20
    rows.append(f"{len(chosen)} pieces, {size:.1f} MiB, {len(holds)} legal holds")
    _print(args, {"items": listed, "damaged": damaged, "holds": held}, rows)
    return FINE


def _verify(args: argparse.Namespace) -> int:
    if args.export is not None:
        if not args.export.exists():
            raise InputError(f"{args.export}: there is no such export")
        problems, digest = check(args.export)
        remarks = proven(args.export)
        if remarks and not problems:
            remarks[-1], is_wrong = _signature(args.export, remarks[-1])
            problems += [remarks[-1]] if is_wrong else []
        _print(
            args,
            {"problems": problems, "digest": digest, "audit": remarks},
            [
                *problems,
                _verdict(len(problems)),
                *(f"audit log: {remark}" for remark in remarks),
                f"digest of the list: {digest or 'none'}",
            ],
        )
        return FAILED if problems else FINE
    vault = _vault(args)
    items, broken = vault.scan()
    chosen = _chosen(args, items)
    problems = [entry.why for entry in broken]
    problems += [fault for item in chosen if (fault := vault.fault(item))]
    said = f"{len(chosen)} pieces of evidence: {_verdict(len(problems))}"
    _print(args, {"problems": problems, "checked": len(chosen)}, [*problems, said])
    return FAILED if problems else FINE


def _open(args: argparse.Namespace) -> int:
    vault = _vault(args)
    found = [item for item in vault.scan()[0] if item.sidecar.ref == args.ref]
    if not found:
        raise InputError(f"there is no evidence '{args.ref}'; `edge evidence list` shows what is")
    if args.out.exists():
        raise InputError(f"{args.out} exists already")
    if fault := vault.fault(found[0]):
        raise InputError(fault)
    # Before a byte is handed out: what cannot be recorded is not shown.
    vault.record("evidence.viewed", {"ref": args.ref, "who": args.who, "why": args.why})
    with args.out.open("xb") as out:
        for chunk in vault.open(found[0]):
            out.write(chunk)
    _print(args, {"path": str(args.out)}, [f"{args.out}: {found[0].sidecar.bytes} bytes"])
    return FINE


def _export(args: argparse.Namespace) -> int:
    vault = _vault(args)
    chosen = _chosen(args, vault.scan()[0])
    ids = {id_ for item in chosen for id_ in (item.sidecar.event, item.sidecar.incident)}
    outbox = vault.folder.parent / "outbox.db"
    request = Request(args.who, args.why, datetime.now(timezone.utc))
    audit = _audit(vault, chosen, ids)
    events = kept_events(outbox, ids)
    done = export(vault, chosen, args.out, request, events=events, audit=audit)
    _print(
        args,
        {
            "path": str(done.path),
            "digest": done.digest,
            "items": done.n_items,
            "left_out": list(done.left_out),
        },
        [
            *(f"left out, damaged: {why}" for why in done.left_out),
            f"{done.path}: {done.n_items} pieces of evidence; open cover.html first",
            f"digest of its list, to be noted elsewhere: {done.digest}",
        ],
    )
    return FAILED if done.left_out else FINE


def _audit(vault: Vault, chosen: Sequence[Item], ids: Iterable[str]) -> Audit:
    """What the audit log says of what was chosen; a log that is damaged keeps nobody from it."""
    refs = [item.sidecar.ref for item in chosen]
    since = min((item.sidecar.begin for item in chosen), default=datetime.now(timezone.utc))
    try:
        found = excerpt(vault.folder.parent / AUDIT, [*ids, *refs], since)
    except InputError:
        return Audit(trouble="this box has no audit log")
    except AuditError as exc:
        return Audit(trouble=f"it cannot be read: {exc}")
    return Audit(found.lines, found.head, found.keys)


def _signature(place: Path, unchecked: str) -> tuple[str, bool]:
    """What is to be said of who signed an export's checkpoint, and whether it is wrong."""
    export = Export(place)
    if HEAD not in export.names or not (note := export.read(HEAD)):
        return unchecked, False
    try:
        key = is_signed(note.decode(), export.read(KEYS).decode())
    except ValueError as exc:
        return f"{HEAD} or {KEYS}: {exc}", True
    if key is None:
        return f"{HEAD}: signed by none of {KEYS}", True
    said = f"{HEAD} is signed by {key}: compare that with the key noted when the box was set up"
    return said, False


def _send(args: argparse.Namespace) -> int:
    config = load(args.config) if args.config is not None else None
    evidence = config.appliance.storage.evidence if config else None
    known = evidence.upload if evidence else {}
    if args.name not in known:
        there = f"there is {any_of(known, 'and')}" if known else "it names none"
        raise InputError(f"`upload` of --config names no '{args.name}'; {there}")
    vault = _vault(args)
    courier = Courier(args.name, known[args.name], vault)
    sent = []
    try:
        for item in _chosen(args, vault.scan()[0]):
            if args.name not in item.sent:
                courier.send(item)
                sent.append(item.sidecar.ref)
    finally:
        courier.close()
        said = f"{len(sent)} pieces of evidence sent to {args.name}, each verified there"
        _print(args, {"sent": sent}, [said])
    return FINE


def _hold(args: argparse.Namespace) -> int:
    vault = _vault(args)
    hold = vault.hold(args.id, args.who, args.why, datetime.now(timezone.utc))
    n_items = sum(is_held(item.sidecar, {hold.id: hold}) for item in vault.scan()[0])
    said = f"on hold: {n_items} pieces of evidence now, and what is yet to come"
    _print(args, {**_fields(hold), "items": n_items}, [said])
    return FINE


def _release(args: argparse.Namespace) -> int:
    if not _vault(args).release(args.id, args.who, args.why):
        raise InputError(f"{args.id} is not on hold; `edge evidence list --json` shows what is")
    _print(args, {"released": args.id}, ["released; it goes when its days are over"])
    return FINE


def _chosen(args: argparse.Namespace, items: Sequence[Item]) -> list[Item]:
    """What of it the arguments ask for."""

    def is_chosen(item: Item) -> bool:
        said = item.sidecar
        return (
            (not args.event or said.event in args.event or said.incident in args.event)
            and (not args.camera or said.camera in args.camera)
            and (not args.media or said.media in args.media)
            and (args.begin is None or said.end >= args.begin)
            and (args.end is None or said.begin <= args.end)
        )

    return [item for item in items if is_chosen(item)]


def _vault(args: argparse.Namespace) -> Vault:
    """The vault of a configuration or a storage folder, with its key where it has one."""
    config: Config | None = load(args.config) if args.config is not None else None
    storage = config.appliance.storage.path if config else args.storage or STORAGE
    # The daemon may hold the log: what is done here is left for it to record.
    record = partial(leave, storage / AUDIT)
    return Vault(storage / "evidence", key=_key(args, config), record=record)


def _key(args: argparse.Namespace, config: Config | None) -> Key | None:
    if args.key_file is not None:
        return Key.read(args.key_file)
    evidence = config.appliance.storage.evidence if config else None
    if config is None or evidence is None or evidence.encryption is None:
        return None
    folders = credential_folders(config.folder, os.environ)
    try:
        return Key.from_credentials(evidence.encryption.key_name, folders)
    except InputError:
        return None  # listing needs none; where a file must be opened, that says so


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no time: expected one such as 2026-11-23T09:00:00Z"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _fields(record: Any) -> dict[str, Any]:
    """Fields of a slotted dataclass."""
    return {name: getattr(record, name) for name in record.__slots__}


def _rows(listed: Sequence[dict[str, Any]], columns: Sequence[str], mark: str = "") -> list[str]:
    widths = [max((len(str(row[key])) for row in listed), default=0) for key in columns]
    return [
        "  ".join(f"{row[key]!s:<{width}}" for key, width in zip(columns, widths, strict=True))
        + ("  on hold" if mark and row[mark] else "")
        for row in listed
    ]


def _verdict(n_problems: int) -> str:
    return f"{n_problems} problems" if n_problems else "every byte is as it was written"


def _print(args: argparse.Namespace, said: dict[str, Any], rows: Sequence[str]) -> None:
    print(json.dumps(said, indent=2, ensure_ascii=False) if args.json else "\n".join(rows))
