"""Pull: bring a model's weights onto this box, from the address on its card or from a file.

Boundary: the only place that downloads. Whatever the way, a file gets its name only after its
SHA-256 was found on the card, and it is on disk before it gets it, so a power cut leaves either
the right file or none.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from edge.detectors._card import Card, Weights
from edge.digest import file_digest
from edge.errors import ModelError, ModelMismatch, ModelMissing

Progress: TypeAlias = Callable[[int, int], None]
"""Called with bytes had so far and bytes in all."""

Blocks: TypeAlias = Generator[bytes, None, None]

_BLOCK = 1 << 16


def pull(
    card: Card,
    into: Path,
    source: Path | None = None,
    progress: Progress | None = None,
    *,
    url: str | None = None,
    timeout_s: float = 30.0,
) -> Path:
    """Download or import a model's weights, and verify them.

    Args:
        card: The model.
        into: A folder of the search path; made if need be. The file comes to lie in
            `<into>/<card.name>/`.
        source: A file brought by hand, of any name; no network is used.
        progress: Told how far it is.
        url: Another address than the card's, such as a mirror; the SHA-256 stays the card's.
        timeout_s: Longest silence of the server.

    Returns:
        The verified file; at once, if it was there already.

    Raises:
        ModelMissing: The card has no address, and no `source` was given.
        ModelMismatch: What arrived is not on the card; it was thrown away.
        ModelError: No network, an error of the server, a file that cannot be read, a full disk.
    """
    if source is not None:
        weights = _recognise(card, source)
        address = str(source)
    else:
        weights, address = _offered(card, url)
    target = into / card.name / weights.file
    try:
        if target.is_file() and file_digest(target) == weights.sha256:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        blocks = _file_blocks(source) if source else _http_blocks(address, card, timeout_s)
        with closing(blocks):
            _install(blocks, target, weights, address, progress)
    except OSError as exc:
        raise ModelError(
            f"{target} cannot be written: {exc.strerror}; free space on the disk, or give "
            "another folder this user may write to"
        ) from exc
    return target


def _recognise(card: Card, source: Path) -> Weights:
    try:
        got = file_digest(source)
    except OSError as exc:
        raise ModelError(f"{source} cannot be read: {exc.strerror}; give another FILE") from exc
    for weights in card.weights:
        if weights.sha256 == got:
            return weights
    raise _stranger(card.name, str(source), " or ".join(w.sha256 for w in card.weights), got)


def _offered(card: Card, url: str | None) -> tuple[Weights, str]:
    for weights in card.weights:
        if weights.url or url:
            return weights, url or weights.url or ""
    how = " ".join(weights.note for weights in card.weights if weights.note)
    raise ModelMissing(
        f"no address to download {card.name} from: nobody publishes this file. {how} Then run "
        f"`edge model pull {card.name} --from FILE`"
    )


def _install(
    blocks: Blocks,
    target: Path,
    weights: Weights,
    address: str,
    progress: Progress | None,
) -> None:
    """Write blocks to a file beside `target`, verify it, and give it that name."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".pull-")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            digest, received = hashlib.sha256(), 0
            for block in blocks:
                file.write(block)
                digest.update(block)
                received += len(block)
                if received > weights.bytes:
                    raise ModelMismatch(
                        f"{address} is longer than the {weights.bytes} bytes on the card of "
                        f"{target.parent.name}; nothing was installed"
                    )
                if progress:
                    progress(received, weights.bytes)
            if received < weights.bytes:
                raise ModelError(
                    f"{address} broke off after {received} of {weights.bytes} bytes; run it again"
                )
            if digest.hexdigest() != weights.sha256:
                raise _stranger(target.parent.name, address, weights.sha256, digest.hexdigest())
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)  # the daemon's user is seldom the one who pulls
        part.replace(target)
        _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _file_blocks(source: Path) -> Blocks:
    try:
        with source.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except OSError as exc:
        raise ModelError(f"{source} cannot be read: {exc.strerror}; give another FILE") from exc


def _http_blocks(address: str, card: Card, timeout_s: float) -> Blocks:
    by_hand = f"fetch the file on another machine and run `edge model pull {card.name} --from FILE`"
    try:
        # The address is https from the card, or one a person typed; the SHA-256 decides.
        with urllib.request.urlopen(address, timeout=timeout_s) as answer:  # noqa: S310
            while block := answer.read(_BLOCK):
                yield block
    except urllib.error.HTTPError as exc:
        with exc:
            raise ModelError(
                f"{address}: the server answered {exc.code} {exc.reason}; {by_hand}"
            ) from exc
    except (OSError, http.client.HTTPException, ValueError) as exc:
        reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
        raise ModelError(
            f"{address} cannot be downloaded: {reason}; check the network of this box, or {by_hand}"
        ) from exc


def _stranger(name: str, source: str, expected: str, got: str) -> ModelMismatch:
    return ModelMismatch(
        f"{source} is not the weights of {name}: expected SHA-256 {expected}, got {got}; "
        "nothing was installed"
    )


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
