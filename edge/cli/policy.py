"""`edge policy`: keys, signatures, and what the policy lets run today."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edge.admission import standing
from edge.admission.signatures import add_signature, new_key, read_signatures, sign
from edge.cli import FAILED, FINE, add_config
from edge.config import Config, load
from edge.errors import InputError
from edge.runtime.governance import utc_today

HELP = "sign and approve the policy of what may run here, and see what it keeps back"
EXAMPLE = "edge policy sign --config /etc/edge --key /media/key/ethics.pem"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    making = actions.add_parser("key", help="make an approver's key; print its public half")
    making.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where the private half goes"
    )
    making.set_defaults(act=_key)
    for name, words in (
        ("sign", "sign policy.yaml as it is now, as the approver whose key this is"),
        ("approve", "the same, by the second approver"),
    ):
        signing = actions.add_parser(name, help=words)
        add_config(signing)
        signing.add_argument(
            "--key", type=Path, required=True, metavar="FILE", help="the private key, in PEM"
        )
        signing.set_defaults(act=_sign)
    verifying = actions.add_parser(
        "verify", help="who has signed, and which rules arm today; exit code 1 if some do not"
    )
    add_config(verifying)
    verifying.add_argument("--json", action="store_true", help="one JSON object for scripts")
    verifying.set_defaults(act=_verify)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return int(args.act(args))


def _key(args: argparse.Namespace) -> int:
    public = new_key(args.out)
    print(public)
    print(
        f"the private half is in {args.out}: keep it off the box, with the approver alone; the "
        "line above is their `key` in policy.yaml",
        file=sys.stderr,
    )
    return FINE


def _sign(args: argparse.Namespace) -> int:
    config = load(args.config)
    if config.policy is None:
        raise InputError(f"{args.config}: there is no policy.yaml to sign; docs/admission.md")
    signature = sign(args.key, config.policy_sha256, config.policy.approvers)
    add_signature(args.config, signature, config.policy_sha256, set(config.signers))
    now = {**config.signers, signature.by: signature.at}
    print(f"policy.yaml {config.policy_sha256[:8]} signed by {signature.by}; {_signed(now)}")
    return FINE


def _signed(signers: dict[str, str]) -> str:
    return f"{len(signers)} of its approvers have: {', '.join(sorted(signers)) or 'none'}"


def _verify(args: argparse.Namespace) -> int:
    config = load(args.config)
    policy = config.policy
    watched = [camera for camera in config.cameras if camera.enabled]
    found = standing(
        policy,
        frozenset(config.signers),
        {camera.camera: camera.rules for camera in watched},
        {},
        utc_today(),
    )
    if args.json:
        print(json.dumps(_plain(config, found), indent=2))
    elif policy is None:
        print(f"{args.config}: no policy.yaml: nothing is governed, every rule arms")
    else:
        print(f"policy.yaml {config.policy_sha256[:8]}, {policy.profile}")
        for name in sorted(policy.approvers):
            at = config.signers.get(name)
            print(f"  {name:16} {f'signed {at}' if at else 'has not signed this version'}")
        strangers = {one.by for one in read_signatures(args.config)} - set(config.signers)
        if strangers:
            print(f"  signatures that do not count for it: {', '.join(sorted(strangers))}")
        for (camera, rule), why in sorted(found.refused.items()):
            print(f"rule {camera}/{rule} does not arm: {why}")
        for notice in found.notices:
            print(notice)
        if not found.refused:
            print("every rule's purpose and values are in order; models are judged on the box")
    return FAILED if found.refused else FINE


def _plain(config: Config, found: Any) -> dict[str, Any]:
    policy = config.policy
    return {
        "state": policy.profile if policy else "ungoverned",
        "sha256": config.policy_sha256 or None,
        "signed_by": dict(config.signers),
        "refused": [
            {"camera": camera, "rule": rule, "why": why}
            for (camera, rule), why in sorted(found.refused.items())
        ],
        "due": [
            {"what": one.what, "by": one.due.isoformat(), "days": one.days} for one in found.notices
        ],
    }
