"""`edge update`: a signed bundle, staged, tried, kept or rolled back."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.cli import FAILED, FINE
from edge.errors import EdgeError, InputError
from edge.update.examine import CONFIG, Examiner
from edge.update.releases import ROOT, Releases
from edge.update.service import Systemd
from edge.update.trial import Update

HELP = "install a signed bundle beside the release in service; keep it only if it proves itself"
EXAMPLE = "edge update /media/usb/edge-0.2.0-aarch64-py3.10-jetson.tar"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "bundle", nargs="?", type=Path, metavar="BUNDLE", help="with BUNDLE.minisig beside it"
    )
    what.add_argument(
        "--resume", action="store_true", help="finish or roll back what a power cut interrupted"
    )
    what.add_argument("--roll-back", action="store_true", help="go back to the release before")
    what.add_argument("--status", action="store_true", help="say which releases there are")
    parser.add_argument(
        "--inbox", type=Path, metavar="DIR", help="with --resume: then install the newest there"
    )
    parser.add_argument(
        "--allow-older", action="store_true", help="also a release older than the one in service"
    )
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="DIR")
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="DIR",
        help="minisign public keys that may sign, *.pub (default: update-keys in --config)",
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, metavar="DIR", help="where releases lie (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    releases = Releases(args.root)
    if args.status:
        for what in ("current", "previous"):
            print(f"{what}: {getattr(releases, what) or '-'}")
        if trial := releases.trial:
            print(f"on trial: {trial.get('release')}, started {trial.get('starts')} times")
        return FINE
    update = Update(
        releases,
        Systemd(),
        Examiner(args.config, args.root),
        args.keys or args.config / "update-keys",
        reached=lambda step: print(step, file=sys.stderr, flush=True),
    )
    if args.roll_back:
        print(f"release {update.roll_back()} is in service")
        return FINE
    if args.resume:
        if done := update.resume():
            print(done)
        return _inbox(update, args.inbox) if args.inbox else FINE
    print(f"release {update.install(args.bundle, allow_older=args.allow_older)} is in service")
    return FINE


def _inbox(update: Update, folder: Path) -> int:
    """Install each bundle once; what it came to stands beside it, and the file goes."""
    code = FINE
    for bundle in sorted(folder.glob("*.tar")):
        if not bundle.with_name(f"{bundle.name}.minisig").is_file():
            continue  # still being put there
        try:
            said = f"release {update.install(bundle)} is in service"
        except EdgeError as exc:
            said, code = str(exc), FAILED
        print(f"{bundle.name}: {said}", file=sys.stderr)
        try:
            bundle.with_name(f"{bundle.name}.result").write_text(said + "\n")
            bundle.unlink()
            bundle.with_name(f"{bundle.name}.minisig").unlink(missing_ok=True)
        except OSError as exc:
            raise InputError(f"{folder} cannot be written ({exc.strerror})") from exc
    return code
