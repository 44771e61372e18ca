"""Models: where cards and weights are found, and the proof that a file is what its card says.

Boundary: the only reader of model folders. Weights are used only if their SHA-256 is on the card:
a wrong file detects something, only not what anybody measured.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from edge.detectors._card import Card, read_card
from edge.digest import file_digest
from edge.errors import ModelError, ModelMismatch, ModelMissing

_PACKAGE = Path(__file__).resolve().parent.parent
_IN_WHEEL = _PACKAGE / "_cards"
SHIPPED = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent / "models"
"""The cards that came with this software: in a wheel, or in a source tree."""


ENGINES = Path("/var/lib/edge/engines")
"""Where engines lie unless `storage.path` says otherwise."""


class Models:
    """Cards and weights on a search path.

    Weights lie at `<folder>/<name>/<file>` or `<folder>/<file>`, cards at
    `<folder>/<name>/card.yaml`; the first found counts.

    Args:
        folders: Where to look, in this order; a folder need not exist.
        shipped: Where cards (never weights) are sought last.
        engines: Where what is built on this box for this box is kept.
    """

    def __init__(
        self, folders: Sequence[Path], *, shipped: Path = SHIPPED, engines: Path = ENGINES
    ) -> None:
        self.folders = tuple(folders)
        self.engines = engines
        self._card_folders = (*self.folders, shipped)

    @classmethod
    def on_this_machine(cls, storage: Path | None = None) -> Models:
        """The search path of an appliance.

        Args:
            storage: The configuration's `storage.path`, where there is one.

        Returns:
            `./models`, then `<storage>/models`, then every folder in `$EDGE_MODELS`.
        """
        named = os.environ.get("EDGE_MODELS", "").split(os.pathsep)
        return cls(
            [
                Path("models"),
                *([storage / "models"] if storage else []),
                *(Path(folder) for folder in named if folder),
            ],
            engines=storage / "engines" if storage else ENGINES,
        )

    def names(self) -> list[str]:
        """Names of all models there is a card for, in alphabetical order; none read yet."""
        cards = (card for folder in self._card_folders for card in folder.glob("*/card.yaml"))
        return sorted({card.parent.name for card in cards})

    def card(self, name: str) -> Card:
        """Read a model's card.

        Raises:
            ModelMissing: There is no card of this name.
            CardInvalid: There is one, and it cannot be used.
        """
        for folder in self._card_folders:
            path = folder / name / "card.yaml"
            if path.is_file():
                return read_card(path)
        known = self.names()
        near = difflib.get_close_matches(name, known, n=1)
        raise ModelMissing(
            f"no model card named {name!r}; "
            + (f"did you mean {near[0]!r}? " if near else "")
            + f"there are {', '.join(known) or 'none'} in {_listed(self._card_folders)}"
        )

    def find(self, name: str) -> Path:
        """Find a model's weights.

        Args:
            name: The card's name.

        Returns:
            A file whose SHA-256 is on the card.

        Raises:
            ModelMissing: No card, or no file on the search path.
            ModelMismatch: Files of this name exist, and none is on the card.
            ModelError: A file cannot be read.
        """
        card = self.card(name)
        if not card.weights:
            raise ModelMissing(card.how_to_pin)
        accepted = {weights.sha256: weights.file for weights in card.weights}
        files = list(dict.fromkeys(accepted.values()))
        strangers: list[Path] = []
        for path in self._places(name, files):
            if not path.is_file():
                continue
            if accepted.get(self.digest(path)) == path.name:
                return path
            strangers.append(path)
        remedy = (
            f"run `edge model pull {name}`, or, on a site without internet, "
            f"`edge model pull {name} --from FILE`"
        )
        if strangers:
            path = strangers[0]
            raise ModelMismatch(
                f"{path} is not the weights of {name}: expected SHA-256 "
                f"{' or '.join(accepted)}, got {self.digest(path)}; remove the file and {remedy}"
            )
        raise ModelMissing(
            f"no weights for model {name}: sought {' or '.join(files)} in "
            f"{_listed(self.folders)}; {remedy}"
        )

    def digest(self, path: Path) -> str:
        """SHA-256 of a file, in hex; worked out once until its size or time changes.

        Raises:
            ModelError: It cannot be read.
        """
        return digest_of(path)

    def _places(self, name: str, files: list[str]) -> list[Path]:
        return [
            place / file
            for folder in self.folders
            for place in (folder / name, folder)
            for file in files
        ]


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex; worked out once until its size or time changes.

    Raises:
        ModelError: It cannot be read.
    """
    try:
        status = path.stat()
        return _digest(path.resolve(), status.st_size, status.st_mtime_ns)
    except OSError as exc:
        raise ModelError(
            f"{path} cannot be read ({exc.strerror}); check that the user running edge may read it"
        ) from exc


@lru_cache(maxsize=64)
def _digest(path: Path, _n_bytes: int, _time_ns: int) -> str:
    return file_digest(path)


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(map(str, folders)) or "no folder at all"
