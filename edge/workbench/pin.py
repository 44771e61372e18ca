"""Pin: a person vouches for a weight file, and a local card says who, when and for what.

A card without weights is a description: the file its authors' tools write has another SHA-256 on
every workbench, so none can be on a card that ships. Whoever made the file signs for it.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

from edge.detectors import Card, Models
from edge.errors import InputError
from edge.workbench.engines import opened, with_weights, write_card


def pin(card: Card, source: Path, into: Path, by: str, models: Models) -> Path:
    """Accept a file as the weights of a card, on this site.

    The file is tried out first: one that does not fit the card is not pinned.

    Args:
        card: The model; its own weights are replaced on the local card.
        source: The file.
        into: Folder of the search path; file and card come to lie in `<into>/<card.name>/`.
        by: Who vouches for it.
        models: This machine's.

    Returns:
        The weights.

    Raises:
        InputError: `by` is empty, the card has files of its own, or a file cannot be read or
            written.
        ModelError: The file is no network, or not one the card describes.
    """
    if not by.strip():
        raise InputError("--pin: expected the name of whoever vouches for the file, got none")
    if card.obtain is None:
        raise InputError(
            f"--pin: {card.name} has published weights, and only those are it; expected a card "
            "that says `obtain`; write a card of another name for a file of your own"
        )
    with with_weights(card, source, models) as copy, opened("onnx", card.name, copy):
        pass
    path = into / card.name / f"{card.name}.onnx"
    today = datetime.now(timezone.utc).date().isoformat()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.exists() and path.samefile(source)):
            shutil.copyfile(source, path)
        write_card(card, path, note=f"Pinned on {today} by {by.strip()}, from {source.name}.")
    except OSError as exc:
        raise InputError(f"{path} cannot be written: {exc.strerror}; give another --into") from exc
    return path
