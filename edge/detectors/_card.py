"""Model card: what a network must be fed, how its answer is read, and which files are it.

Boundary: the words a model is described in (`models/<name>/card.yaml`). A card says everything a
backend and a head need, so that no code knows a model by name.
"""

from __future__ import annotations

import datetime as dt
import difflib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from edge.detectors._coco import COCO80
from edge.detectors._heads import families, head_class
from edge.errors import CardInvalid, ModelMismatch
from edge.options import Identifier, Options

Positive = Annotated[int, Field(gt=0)]
Text = Annotated[str, StringConstraints(min_length=1)]
Https = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Precision = Literal["fp32", "fp16", "int8"]
Three = Annotated[tuple[float, float, float], Field(strict=False)]


class Input(Options):
    """How a picture becomes the network's input tensor, (1, 3, H, W) float32.

    A channel value of 0..255 becomes `(value * scale - mean) / std`.
    """

    size_wh: Annotated[
        tuple[Positive, Positive],
        Field(strict=False, description="Width and height the network sees, in pixels."),
    ]
    colour_order: Annotated[
        Literal["rgb", "bgr"], Field(description="Order of the three channels.")
    ]
    scale: Annotated[float, Field(gt=0, description="Multiplier of 0..255 values.")] = 1.0
    mean: Annotated[Three, Field(description="Subtracted a channel, after scale.")] = (0, 0, 0)
    std: Annotated[Three, Field(description="Divisor a channel, after mean.")] = (1, 1, 1)
    letterbox: Annotated[
        Literal["top_left", "stretch"],
        Field(description="Keep the shape of the picture and pad right and below, or stretch."),
    ]
    pad: Annotated[
        int, Field(ge=0, le=255, description="Value of padding, before scale, mean and std.")
    ] = 0

    @field_validator("std")
    @classmethod
    def _divides(cls, std: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(std) <= 0:
            raise ValueError("a standard deviation must be above 0")
        return std


class TensorNames(Options):
    """Names of the network's inputs and outputs."""

    image: Annotated[Text, Field(description="The input that takes the picture.")]
    size: Annotated[
        Text | None,
        Field(description="An input that takes (width, height) as int64 (1, 2), if there is one."),
    ] = None
    outputs: Annotated[
        dict[str, Text], Field(description="Output name by the part it plays for the head.")
    ]


class Licence(Options):
    """Under which terms the weights may be used."""

    spdx: Annotated[Text, Field(description="SPDX identifier.", examples=["Apache-2.0"])]
    holder: Text
    url: Https


class Weights(Options):
    """One accepted weight file."""

    file: Annotated[FileName, Field(description="Name it is looked for under.")]
    sha256: Annotated[Sha256, Field(description="The file is used only if this is its SHA-256.")]
    bytes: Annotated[Positive, Field(description="Its size.")]
    precision: Annotated[
        Precision, Field(description="What its layers compute in; of `int8`, some stay float.")
    ] = "fp32"
    url: Annotated[Https | None, Field(description="Where it can be had; none: see `note`.")] = None
    note: Annotated[str, Field(description="Which export it is, or how to make it.")] = ""


class Accuracy(Options):
    """A published figure, and where it was published."""

    metric: Text
    value: float
    dataset: Text
    source: Https


class Measured(Options):
    """A figure measured with this software; `edge model eval --json` writes it."""

    precision: Annotated[Precision, Field(description="The weights' own.")]
    engine: Annotated[
        Text,
        Field(
            description="The kind of detector, and the precision it was told.",
            examples=["onnx", "openvino, precision bf16"],
        ),
    ]
    metric: Text
    value: float
    dataset: Text
    software: Annotated[Text, Field(description="This software and the engine's library.")]
    date: Annotated[dt.date, Field(strict=False)]
    weights: Annotated[Sha256, Field(description="SHA-256 of the file that was measured.")]


class Origin(Options):
    """The model whose weights these were made from."""

    model: Annotated[Identifier, Field(description="Its card; `edge model check` compares to it.")]
    sha256: Annotated[Sha256, Field(description="Of the file that was converted.")]
    how: Annotated[Text, Field(description="With what, and which layers were left alone.")]


class Card(Options):
    """Everything there is to know about one model."""

    name: Identifier
    family: Annotated[str, Field(description="The head that reads its outputs.")]
    input: Input
    tensors: TensorNames
    labels: Annotated[
        tuple[Text, ...],
        Field(strict=False, description="Class names, or `coco80`."),
    ]
    licence: Licence
    weights: Annotated[
        tuple[Weights, ...],
        Field(strict=False, description="Accepted files, the preferred one first."),
    ]
    obtain: Annotated[
        Text | None,
        Field(
            description="How to come by a file, in whole sentences, where none is published: a "
            "person then vouches for one with `edge model pull --pin`."
        ),
    ] = None
    source: Annotated[Https, Field(description="Where the model comes from.")]
    derived_from: Origin | None = None
    accuracy: Annotated[tuple[Accuracy, ...], Field(strict=False)] = ()
    measured: Annotated[tuple[Measured, ...], Field(strict=False)] = ()
    intended_use: Text
    known_limits: Text

    @field_validator("labels", mode="before")
    @classmethod
    def _named_labels(cls, labels: object) -> object:
        return COCO80 if labels == "coco80" else labels

    # `min_length` would complain a second time about a list whose item is wrong.
    @field_validator("labels")
    @classmethod
    def _not_empty(cls, items: tuple[object, ...]) -> tuple[object, ...]:
        if not items:
            raise ValueError("needs at least one item")
        return items

    @field_validator("family")
    @classmethod
    def _known_family(cls, family: str) -> str:
        if family not in families():
            raise ValueError(f"no head for {family!r}; there are {', '.join(families())}")
        return family

    @model_validator(mode="after")
    def _plays_every_part(self) -> Card:
        try:
            head_class(self.family, self.tensors.outputs)
        except ModelMismatch as exc:
            raise ValueError(f"tensors.outputs: {exc}") from exc
        return self

    @model_validator(mode="after")
    def _can_be_had(self) -> Card:
        if not self.weights and self.obtain is None:
            raise ValueError(
                "weights: needs at least one item, or `obtain` that says how to get one"
            )
        return self

    def precision_of(self, sha256: str) -> Precision:
        """What the layers of an accepted file compute in; `fp32` of one that is not accepted."""
        said = (weights.precision for weights in self.weights if weights.sha256 == sha256)
        return next(said, "fp32")

    @property
    def how_to_pin(self) -> str:
        """What to do where the card accepts no file yet, in whole sentences."""
        return (
            f"the card of {self.name} accepts no file yet. {self.obtain} Then run `edge model pull "
            f"{self.name} --from FILE --pin NAME`, where NAME is who vouches for the file"
        )

    def to_yaml(self) -> str:
        """The card as the text of a `card.yaml`, which reads back equal; defaults are left out."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        if self.labels == COCO80:
            content["labels"] = "coco80"
        text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
        return text


def read_card(path: Path) -> Card:
    """Read one card.

    Args:
        path: A `card.yaml`; the folder it lies in bears the model's name.

    Raises:
        CardInvalid: It is not readable, not YAML, not a card, or its name is not its folder's;
            the text names file, key and remedy.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise CardInvalid(f"{path}: cannot be read ({exc}); restore the file") from exc
    except yaml.YAMLError as exc:
        raise CardInvalid(f"{path}: not YAML: {exc}; correct the file") from exc
    try:
        card = Card.model_validate(content)
    except ValidationError as exc:
        raise CardInvalid(f"{path}: {_explain(exc)}") from exc
    if card.name != path.parent.name:
        raise CardInvalid(
            f"{path}: name: the card says {card.name!r}, its folder is {path.parent.name!r}; "
            "give both the same name"
        )
    return card


def _explain(error: ValidationError) -> str:
    """Every problem of a card as `key: cause; remedy`."""
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(map(str, problem["loc"]))
        cause = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            lines.append(f"{key}: missing; add it")
        elif problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(problem["loc"][-1]), _known_keys(), n=1)
            lines.append(
                f"{key}: unknown key; " + (f"did you mean {near[0]!r}?" if near else "remove it")
            )
        elif key:
            lines.append(f"{key}: {cause}, got {problem['input']!r}; correct it")
        else:
            lines.append(f"{cause}; correct it")
    return "; ".join(lines)


def _known_keys() -> list[str]:
    parts = (Card, Input, TensorNames, Licence, Weights, Accuracy, Measured, Origin)
    return sorted({key for part in parts for key in part.model_fields})
