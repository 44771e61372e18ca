"""`edge audit witness`: sign beside the box; runs anywhere but on it."""

from __future__ import annotations

import argparse
import json
import queue
import socket
import sys
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from re import sub

from pydantic import ValidationError

from edge.audit import (
    Head,
    ProofMissing,
    PublicKey,
    Witness,
    decoded_proofs,
    log_keys,
    offered,
    parse_head,
    parse_key,
)
from edge.cli import FINE, watch
from edge.cli._audit.verify import keys_of
from edge.errors import AuditError
from edge.message import AuditHead, Cosigned, encode
from edge.sinks import Heard, Subscriber, decode

HELP = "cosign heads of boxes' audit logs, and refuse a fork, a rollback or another key"
EXAMPLE = "edge audit witness mqtts://hub.example --state /var/lib/witness --name ethics-committee"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    watch.add_broker(parser)
    parser.add_argument(
        "--log", type=Path, metavar="FOLDER", help="instead of a broker: a copy of a log; once"
    )
    parser.add_argument(
        "--state",
        type=Path,
        required=True,
        metavar="DIR",
        help="where the witness's key and what it has seen are; losing it is losing the witness",
    )
    parser.add_argument(
        "--name",
        default=sub("[^a-z0-9-]", "-", socket.gethostname().lower())[:32],
        help="this witness's name: a-z, 0-9 and - (default: the machine's)",
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="keys of the logs; without it the first key seen of each log is believed, and kept",
    )
    parser.add_argument("--site", default="+", help="with a broker: only this site's boxes")
    parser.add_argument("--node", default="+", help="only this box")
    parser.add_argument("--seconds", type=float, help="stop after this time")


def run(args: argparse.Namespace) -> int:
    """Cosign.

    Returns:
        0; with --log, the refusal is an error (1).
    """
    witness = Witness(args.state, args.name)
    trusted = {key.name: key for key in keys_of(args.key)}
    if args.log is not None:
        return _once(args.log, witness, trusted)
    options, folder = watch.broker_of(args)
    arrived: queue.SimpleQueue[Heard | str] = queue.SimpleQueue()
    topic = f"{options.root}/v1/{args.site}/{args.node}/audit"
    deadline = time.monotonic() + args.seconds if args.seconds is not None else float("inf")
    with closing(Subscriber(options, folder, [topic], arrived.put, arrived.put)) as link:
        print(f"witness {witness.key}", file=sys.stderr, flush=True)
        while (left := deadline - time.monotonic()) > 0:
            try:
                heard = arrived.get(timeout=min(left, 3600.0))
            except queue.Empty:
                continue
            except KeyboardInterrupt:
                return FINE
            if isinstance(heard, str):
                print(heard or "connected again", file=sys.stderr, flush=True)
            elif heard.payload:
                _answer(heard, witness, trusted, link)
    return FINE


def _once(folder: Path, witness: Witness, trusted: dict[str, PublicKey]) -> int:
    key = log_keys(folder)[-1]
    before = witness.seen(key.name)
    head, proofs = offered(folder, before.size if before else 0)
    signed = witness.cosign(head, proofs, key, _now(), trusted.get(key.name))
    print(signed.note, end="")
    return FINE


def _answer(
    heard: Heard, witness: Witness, trusted: dict[str, PublicKey], link: Subscriber
) -> None:
    """Judge a head that came, and tell the box what is signed."""
    try:
        said = AuditHead.model_validate_json(json.dumps(decode(heard.payload, heard.content_type)))
        head, claimed = parse_head(said.checkpoint), parse_key(said.key)
        proofs = decoded_proofs([proof.model_dump(by_alias=True) for proof in said.proofs or ()])
    except (ValidationError, ValueError) as wrong:
        print(f"REFUSED {heard.topic}: not a head: {str(wrong).splitlines()[0]}", flush=True)
        return
    signed: Head | None
    try:
        signed = witness.cosign(head, proofs, claimed, _now(), trusted.get(head.origin))
        print(f"cosigned {signed.origin}: {signed.size} records", flush=True)
    except ProofMissing as missing:
        print(f"{missing}; asking the box for it", flush=True)
        signed = witness.seen(head.origin)  # what it is told makes it prove from there
    except AuditError as refused:
        print(f"REFUSED {refused}", flush=True)
        return
    if signed is not None:
        told = Cosigned(at=_now(), witness=str(witness.key), checkpoint=signed.note)
        link.publish(f"{heard.topic}/witness/{witness.key.name}", encode(told), is_retained=True)


def _now() -> datetime:
    return datetime.now(timezone.utc)
