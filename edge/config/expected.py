"""Expected: what the models would have accepted at a place, read from their JSON Schema. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from edge.config.problem import KeyPath, nearest, suggest


class Expected:
    """One model's schema, walked beside the values of one file.

    Args:
        model: The model of the whole file.
        data: What the file says; tells which kind is meant where there are several.
    """

    def __init__(self, model: type[BaseModel], data: Any) -> None:
        self._root = _schema(model)
        self._data = data

    def at(self, path: KeyPath) -> Mapping[str, Any]:
        """The schema of one value; empty where the models know no such place."""
        value = self._data
        schema = self._chosen(self._root, value)
        for part in path:
            value = inside(value, part)
            if isinstance(part, int):
                inner = schema.get("items", {})
                inner = schema["prefixItems"][0] if schema.get("prefixItems") else inner
            else:
                named = schema.get("patternProperties") or {"": schema.get("additionalProperties")}
                inner = schema.get("properties", {}).get(part) or next(iter(named.values()))
            schema = self._chosen(inner if isinstance(inner, dict) else {}, value)
        return schema

    def is_required(self, path: KeyPath) -> bool:
        """Whether a key must be there."""
        return bool(path) and path[-1] in self.at(path[:-1]).get("required", ())

    def kinds(self, path: KeyPath) -> list[str]:
        """Kinds of a block that does not say which it is; none where it has no kinds."""
        return list(self.at(path).get("kinds", ()))

    def keys(self, path: KeyPath) -> list[str]:
        """Keys a block may have; none where any name may stand."""
        return list(self.at(path).get("properties", ()))

    def nearest(self, path: KeyPath) -> str:
        """The key that an unknown one seems to mean; empty where none is close."""
        return nearest(str(path[-1]), self.keys(path[:-1]))

    def belongs(self, path: KeyPath) -> str:
        """Remedy for an unknown key: its right spelling, its right place, or the keys there are."""
        key, block = str(path[-1]), path[:-1]
        if near := suggest(key, self.keys(block)):
            return near
        if block and key in self.keys(()):
            return f"'{key}' belongs at the left margin; check the indentation"
        homes = [home for home in self.keys(()) if (home,) != block and key in self.keys((home,))]
        if homes:
            return f"'{key}' belongs under '{homes[0]}:'; check the indentation"
        return "keys here: " + ", ".join(self.keys(block))

    def _chosen(self, schema: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """Follow references, and of several choices take the one that is meant."""
        found = dict(schema)
        while True:
            if "$ref" in found:
                name = found.pop("$ref").rsplit("/", 1)[-1]
                found = {**self._root["$defs"][name], **found}
                continue
            choices = [*found.pop("allOf", ()), *found.pop("anyOf", ())]
            kinds = found.pop("discriminator", {}).get("mapping", {})
            of_kind = found.pop("oneOf", ())
            kind = value.get("kind") if isinstance(value, dict) else None
            if of_kind:
                if not isinstance(kind, str) or kind not in kinds:
                    return {**found, "kinds": kinds}
                choices = [{"$ref": kinds[kind]}]
            if not choices:
                return found
            is_block = isinstance(value, dict)
            fitting = [c for c in choices if ("$ref" in c or "oneOf" in c) == is_block]
            found = {**(fitting or choices)[0], **found}


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def inside(value: Any, part: str | int) -> Any:
    """One step into a file's data; None where there is nothing."""
    if isinstance(value, dict):
        return value.get(str(part))
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
