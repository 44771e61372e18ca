"""Options: what a technician may write for one kind, and how kinds are found.

A room (`edge.rules`, `edge.sources`, ...) holds one file per kind. Each file has a class
`Options` whose `kind` is the file's name; discovery lists the folder, so adding a kind is adding
a file. Underscored files are the room's own parts and are not kinds.

Importing a kind's file must never need a vendor GPU library: those are imported where they are
used, so that listing kinds works everywhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Annotated, Any, ClassVar, Union

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
"""A name that may stand in an MQTT topic level: a-z, 0-9 and `-`, at most 32 characters."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Point = tuple[Fraction, Fraction]
"""`[x, y]` in fractions of the picture, x to the right, y down, `[0, 0]` top left."""


class Options(BaseModel):
    """Strict, frozen base of everything read from YAML: unknown keys are errors."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors and the reference explain each key, also those that explain themselves."""
        schema = handler(core_schema)
        block = handler.resolve_ref_schema(schema)
        for key, value in block.get("properties", {}).items():
            if key == "kind" and "description" not in value:
                value["description"] = "Which kind this is. " + (cls.__doc__ or "").split("\n")[0]
            if "examples" not in value and (example := _example(value)) is not None:
                value["examples"] = [example]
        return schema


def _example(value: JsonSchemaValue) -> Any:
    """What to write for a key that names no example: its default, or the first it takes."""
    choices = [value.get("const"), value.get("default"), *value.get("enum", ())[:1]]
    return next((choice for choice in choices if choice is not None), None)


@cache
def kinds(room: str) -> dict[str, type[Options]]:
    """List the kinds of one room.

    Args:
        room: Dotted name of the package, such as `edge.rules`.

    Returns:
        Options class by kind, in alphabetical order.
    """
    package = importlib.import_module(room)
    found: dict[str, type[Options]] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        if not module.startswith("_"):
            found[module] = importlib.import_module(f"{room}.{module}").Options
    return found


def any_kind(room: str) -> object:
    """The discriminated union of a room's options, for a field of the configuration schema.

    Args:
        room: Dotted name of the package.

    Returns:
        An annotation: one of the kinds, told apart by `kind`.
    """
    options = tuple(kinds(room).values())
    if len(options) == 1:
        return options[0]
    return Annotated[Union[options], Field(discriminator="kind")]  # noqa: UP007 - built at run time
