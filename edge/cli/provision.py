"""`edge provision`: who this box is."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from edge.cli import FINE, add_config
from edge.cli._typed import password
from edge.config import Config, load
from edge.errors import InputError
from edge.identity import key as keys
from edge.identity.acl import acl
from edge.identity.certificate import clock_trouble, judge, read_certificates
from edge.identity.est import Authority, enrol
from edge.web.users import ROLES, Users

HELP = "give this box its identity: key, certificate, access list, first web login"
EXAMPLE = "edge provision request --config /etc/edge > cabinet-017.csr"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    asking = actions.add_parser(
        "request", help="make the key on this box if there is none, and print the request (CSR)"
    )
    importing = actions.add_parser("import", help="take the certificate an authority sent")
    importing.add_argument("certificate", type=Path, metavar="FILE")
    enrolling = actions.add_parser("enrol", help="ask an authority over the network (EST)")
    enrolling.add_argument("url", metavar="https://HOST[:PORT]")
    enrolling.add_argument("--user", default="", help="its one-time password is asked for")
    enrolling.add_argument(
        "--password-file", type=Path, metavar="FILE", help="where it is, instead of asking"
    )
    granting = actions.add_parser("acl", help="print the lines for the broker's access list")
    user = actions.add_parser("web-user", help="let somebody log in to the device page")
    user.add_argument("name", metavar="NAME")
    user.add_argument("--role", choices=ROLES, default="technician")
    user.add_argument("--password-file", type=Path, metavar="FILE")
    acts = (asking, _request), (importing, _import), (enrolling, _enrol), (granting, _acl)
    for action, act in (*acts, (user, _web_user)):
        add_config(action)
        action.set_defaults(act=act)
    for action in (asking, enrolling):
        action.add_argument("--kind", choices=["p256", "ed25519"], default="p256")
    asking.add_argument("--new-key", action="store_true", help="in place of the one there is")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return int(args.act(args, load(args.config)))


def _files(config: Config) -> tuple[Path, Path, Path]:
    """Key, certificate and authorities: what the configuration names, or else the usual places."""
    mqtt = config.appliance.mqtt
    usual = ("tls/node.key", "tls/node.pem", "tls/ca.pem")
    named = (mqtt.key_file, mqtt.cert_file, mqtt.ca_file)
    key, cert, ca = (
        config.folder / (name or other) for name, other in zip(named, usual, strict=True)
    )
    return key, cert, ca


def _request(args: argparse.Namespace, config: Config) -> int:
    file, _, _ = _files(config)
    if args.new_key:
        file.unlink(missing_ok=True)
    key = keys.read_key(file) if file.exists() else keys.make_key(file, args.kind)
    csr = keys.request(key, config.appliance.node)
    print(csr.public_bytes(Encoding.PEM).decode(), end="")
    print(f"the key is {file} and stays there; have the request signed", file=sys.stderr)
    return FINE


def _import(args: argparse.Namespace, config: Config) -> int:
    try:
        content = args.certificate.read_bytes()
    except OSError as exc:
        raise InputError(f"{args.certificate}: {exc.strerror}") from exc
    return _take(config, read_certificates(content, str(args.certificate)))


def _enrol(args: argparse.Namespace, config: Config) -> int:
    clock_trouble(_now())
    key_file, cert_file, ca_file = _files(config)
    key = keys.read_key(key_file) if key_file.exists() else keys.make_key(key_file, args.kind)
    renews = not args.user and cert_file.exists()
    authority = Authority(
        args.url,
        ca_file,
        args.user,
        _password(args.password_file, f"one-time password of {args.user}") if args.user else "",
        cert_file if renews else None,
        key_file if renews else None,
    )
    return _take(config, enrol(authority, keys.request(key, config.appliance.node)))


def _take(config: Config, certificates: list[Certificate]) -> int:
    key_file, cert_file, ca_file = _files(config)
    try:
        authorities = read_certificates(ca_file.read_bytes(), str(ca_file))
    except OSError as exc:
        raise InputError(
            f"{ca_file}: {exc.strerror}; put the authority's certificate there"
        ) from exc
    node, key = config.appliance.node, keys.read_key(key_file)
    identity = judge(certificates, authorities, key, node, _now())
    keys.write(cert_file, identity.pem(), mode=0o644)
    print(f"{cert_file}: {node}, valid until {identity.ends:%Y-%m-%d}")
    if config.appliance.mqtt.cert_file is None:
        print("name it in appliance.yaml, in the mqtt block: ca_file, cert_file, key_file")
    return FINE


def _acl(args: argparse.Namespace, config: Config) -> int:  # noqa: ARG001 - as the others
    appliance = config.appliance
    print(acl(appliance.mqtt.root, appliance.site, appliance.node), end="")
    return FINE


def _web_user(args: argparse.Namespace, config: Config) -> int:
    users = Users(config.appliance.storage.path)
    users.add(args.name, args.role, _password(args.password_file, f"password for {args.name}"))
    keys.hand_over(users.file)
    print(f"{args.name} may log in as {args.role}")
    return FINE


def _password(file: Path | None, prompt: str) -> str:
    if file is None:
        return password(prompt, "give --password-file")
    try:
        return file.read_text().strip()
    except OSError as exc:
        raise InputError(f"{file}: {exc.strerror}") from exc


def _now() -> datetime:
    return datetime.now(timezone.utc)
