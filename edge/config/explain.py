"""Explain: what pydantic refuses, in a technician's words.

Pure. Values are quoted as the file has them, never as they were resolved, and not at all where
they may be secret. What would have been right is read from the models' JSON Schema, so a new kind
brings its own explanations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from edge.config.expected import Expected, inside
from edge.config.problem import Document, Finding, KeyPath, any_of, is_secret_key, suggest

SHAPES = {"zones": "zone", "lines": "line", "masks": "mask"}
"""Blocks whose values are lists of points, and what one of them is called."""

_EXPECTED = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a block of `key: value` lines",
}
_IDENTIFIER = "^[a-z0-9-]{1,32}$"
_POINTS = "write [[x, y], [x, y], ...]"
_FRACTIONS = (
    "points are fractions of the picture: [0, 0] is top left, [1, 1] bottom right; "
    "divide pixels by its width and height"
)


def explain(
    errors: Iterable[ErrorDetails], document: Document, model: type[BaseModel]
) -> list[Finding]:
    """Put the errors of one file into words.

    Args:
        errors: From `ValidationError.errors(include_input=False)`.
        document: The file that was validated.
        model: The model it was validated against.

    Returns:
        Findings. Left out are those that follow from another one: about
        a value that could not be read, a missing key whose misspelling is reported, and all but
        the first of the same kind within one zone, line or mask.
    """
    expected = Expected(model, document.data)
    refusals = [
        _Refusal(
            _path(error, document.data),
            error["type"],
            error.get("ctx", {}),
            error["msg"],
            document,
            expected,
        )
        for error in errors
    ]
    unknown = [refusal.path for refusal in refusals if refusal.kind == "extra_forbidden"]
    misspelt = {(*path[:-1], expected.nearest(path)) for path in unknown}
    findings: dict[object, Finding] = {}
    for refusal in refusals:
        path = refusal.path
        if any(_is_related(path, unread) for unread in document.unread):
            continue
        if refusal.kind in {"missing", "union_tag_not_found"} and path in misspelt:
            continue
        # Pydantic counts only the entries that are valid; the others are reported themselves.
        if refusal.kind == "too_short" and len(refusal.value) >= refusal.context["min_length"]:
            continue
        is_in_shape = len(path) > 2 and path[0] in SHAPES
        about = (path[:2], _WORDS.get(refusal.kind)) if is_in_shape else (path, refusal.kind)
        if about not in findings:
            findings[about] = _WORDS.get(refusal.kind, _as_said)(refusal)
    return list(findings.values())


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One error of pydantic, with what is needed to talk about it."""

    path: KeyPath
    kind: str
    context: Mapping[str, Any]
    message: str
    document: Document
    expected: Expected

    @property
    def key(self) -> str:
        """The key it is about; in a list, that of the list."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")

    @property
    def wanted(self) -> Mapping[str, Any]:
        """JSON Schema of what was expected."""
        return self.expected.at(self.path)

    @property
    def value(self) -> Any:
        """What pydantic was given; only its type is ever shown."""
        value = self.document.data
        for part in self.path:
            value = inside(value, part)
        return value

    @property
    def text(self) -> str:
        """The value as written in the file."""
        mark = self.document.mark(self.path)
        return mark.text if mark else ""

    @property
    def is_hidden(self) -> bool:
        """Whether the value may hold a password."""
        return "://" in self.text or is_secret_key(self.key) or bool(self.wanted.get("writeOnly"))

    @property
    def got(self) -> str:
        """The value in YAML's words, quoted as written unless it may be secret."""
        value = self.value
        if value is None:
            return "nothing"
        if isinstance(value, dict):
            return "a block of keys"
        if isinstance(value, list):
            return "a list" if value else "an empty list"
        if isinstance(value, str):
            return "other text" if self.is_hidden else f"text '{self.text}'"
        word = "a yes/no value" if isinstance(value, bool) else "a number"
        return word if self.is_hidden else self.text

    @property
    def kinds(self) -> list[str]:
        """Words that would have been taken."""
        listed = self.context.get("expected_tags") or self.context.get("expected") or ""
        return [word.strip("'") for word in re.split(r", | or ", listed)]

    def example(self, verb: str = "for example") -> str:
        """The field's own example as a line to write; empty where there is none."""
        wanted = self.wanted
        examples = [*wanted.get("examples", ()), wanted.get("default"), wanted.get("const")]
        examples += wanted.get("enum", ())
        known = [example for example in examples if example not in (None, "")]
        return f"{verb} `{self.key}: {_line(known[0])}`" if known else ""


def _missing(refusal: _Refusal) -> Finding:
    path = refusal.path
    if isinstance(path[-1], int):
        return _point(refusal)
    remedy = refusal.example("add it, for example") or f"add `{path[-1]}:`"
    return Finding(path, f"missing key '{path[-1]}'", remedy)


def _missing_kind(refusal: _Refusal) -> Finding:
    kinds = refusal.expected.kinds(refusal.path[:-1])
    return Finding(refusal.path, "missing key 'kind'", f"add `kind:` with {any_of(kinds)}")


def _unknown_key(refusal: _Refusal) -> Finding:
    path = refusal.path
    return Finding(path, f"unknown key '{path[-1]}'", refusal.expected.belongs(path))


def _word(refusal: _Refusal) -> Finding:
    path, text, kinds = refusal.path, refusal.text, refusal.kinds
    near = suggest(text, kinds)
    if path[-1] == "kind" or refusal.kind == "union_tag_invalid":
        return Finding(path, f"unknown kind '{text}'", near or f"there is {any_of(kinds, 'and')}")
    if path[-1] == "version":
        near = "this file was written for another release of edge"
        return Finding(path, f"expected {kinds[0]}, got {refusal.got}", near)
    return Finding(path, f"expected {any_of(kinds)}, got {refusal.got}", near)


def _range(refusal: _Refusal) -> Finding:
    wanted = refusal.wanted
    low, high = wanted.get("minimum"), wanted.get("maximum")
    if low is not None and high is not None:
        limits = f"from {low:g} to {high:g}"
    else:
        words = (
            (low, "at least"),
            (wanted.get("exclusiveMinimum"), "more than"),
            (high, "at most"),
            (wanted.get("exclusiveMaximum"), "less than"),
        )
        limits = " and ".join(f"{word} {limit:g}" for limit, word in words if limit is not None)
    is_place = refusal.path[0] in SHAPES or (refusal.path[0], high) == ("calibration", 1)
    remedy = _FRACTIONS if is_place else refusal.example()
    return Finding(refusal.path, f"must be {limits}, got {refusal.got}", remedy)


def _count(refusal: _Refusal) -> Finding:
    path, context = refusal.path, refusal.context
    if len(path) > 2 and path[0] in SHAPES:
        return _point(refusal)
    is_short = "min_length" in context
    limit = f"at least {context['min_length']}" if is_short else f"at most {context['max_length']}"
    n = context.get("actual_length")
    if len(path) == 2 and path[0] in SHAPES:
        return Finding(path, f"a {SHAPES[path[0]]} needs {limit} points, got {n}", _POINTS)
    return Finding(path, f"needs {limit}, got {n}", refusal.example())


def _point(refusal: _Refusal) -> Finding:
    path = refusal.path[:3]
    value = refusal.document.data
    for part in path:
        value = inside(value, part)
    got = refusal.got
    if isinstance(value, list):
        got = f"{len(value)} number{'' if len(value) == 1 else 's'}"
    return Finding(path, f"expected a point [x, y], got {got}", _POINTS)


def _name(refusal: _Refusal) -> Finding:
    path, word = refusal.path, refusal.text
    if path[-1] == "[key]":
        path = path[:-1]
        word = str(path[-1])
    if refusal.context.get("pattern") != _IDENTIFIER:
        return Finding(path, f"{refusal.got} does not fit here", refusal.example())
    slug = re.sub(r"[^a-z0-9]+", "-", word.lower())[:32].strip("-")
    remedy = "use a-z, 0-9 and '-', at most 32 characters" + (f", such as '{slug}'" if slug else "")
    return Finding(path, f"'{word}' cannot be a name here", remedy)


def _type(refusal: _Refusal) -> Finding:
    path = refusal.path
    if len(path) == 3 and path[0] in SHAPES:
        return _point(refusal)
    expected = _EXPECTED.get(_JSON_TYPES.get(refusal.kind) or refusal.wanted.get("type", ""), "")
    remedy = _instead(refusal, expected) or refusal.example()
    return Finding(path, f"expected {expected}, got {refusal.got}", remedy)


def _as_said(refusal: _Refusal) -> Finding:
    said = refusal.message[:1].lower() + refusal.message[1:]
    return Finding(refusal.path, str(refusal.context.get("error") or said))


_JSON_TYPES = {
    "model_type": "object",
    "model_attributes_type": "object",
    "dict_type": "object",
    "tuple_type": "array",
    "list_type": "array",
    "string_type": "string",
    "path_type": "string",
    "bool_type": "boolean",
    "int_type": "integer",
    "int_from_float": "integer",
    "float_type": "number",
}
_WORDS: dict[str, Callable[[_Refusal], Finding]] = {
    "missing": _missing,
    "union_tag_not_found": _missing_kind,
    "extra_forbidden": _unknown_key,
    "union_tag_invalid": _word,
    "literal_error": _word,
    "greater_than": _range,
    "greater_than_equal": _range,
    "less_than": _range,
    "less_than_equal": _range,
    "too_short": _count,
    "too_long": _count,
    "string_pattern_mismatch": _name,
    **dict.fromkeys(_JSON_TYPES, _type),
}


def _instead(refusal: _Refusal, expected: str) -> str:
    """What to write instead of a value of the wrong type; empty where nothing is obvious."""
    key, value = refusal.key, refusal.value
    raw = "..." if refusal.is_hidden else refusal.text
    if not refusal.path:
        return "begin with `version: 1`"
    if value is None:
        if expected == "text":
            return "write it after the ':', in quotes if it begins with '#' or '&'"
        return "" if refusal.expected.is_required(refusal.path) else "write it, or delete this line"
    words = {
        ("text", bool): f'YAML reads a bare {raw} as yes/no; put it in quotes: "{raw}"',
        ("text", int): f'put it in quotes: "{raw}"',
        ("text", float): f'put it in quotes: "{raw}"',
        ("a number", str): _number(raw),
        ("a whole number", str): _number(raw),
        ("true or false", str): "write it without quotes",
        ("a list", str): f"put it in square brackets: [{raw}]",
        ("a list", dict): "begin each entry with '- '",
        (_EXPECTED["object"], list): f"write `{key}:` and under it a key for each entry, no '-'",
    }
    return words.get((expected, type(value)), "")


def _number(raw: str) -> str:
    """What to write instead of a text where a number belongs."""
    if re.fullmatch(r"\d+(:\d+)+", raw):
        return "write one number, without ':'"
    if re.fullmatch(r"\d+,\d+", raw):
        return f"write a decimal point: {raw.replace(',', '.')}"
    if re.fullmatch(r"0\d+", raw):
        return f"write it without the leading zero: {int(raw)}"
    if "${" in raw:
        return "${...} always gives a text; write the number itself"
    number = re.match(r"[-+]?\d+(?:\.\d+)?", raw)
    if number:
        return f"write it without {'quotes' if number[0] == raw else 'a unit'}: {number[0]}"
    return ""


def _line(value: Any) -> str:
    """One value as a technician would write it in a line."""
    if isinstance(value, str):
        return value if re.fullmatch(r"[\w./][\w./-]*(:[\w./:-]+)?", value) else f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_line, value)) + "]"
    return json.dumps(value)


def _is_related(path: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


def _path(error: ErrorDetails, data: Any) -> KeyPath:
    """The path in the file: pydantic's, without the kind it puts in when it has chosen one."""
    path: list[str | int] = []
    value, is_chosen = data, False
    for part in error["loc"]:
        if isinstance(value, dict) and not is_chosen and value.get("kind") == part:
            is_chosen = True
            continue
        path.append(part)
        value, is_chosen = inside(value, part), False
    if error["type"].startswith("union_tag") and not isinstance(value, str):
        path.append("kind")
    return tuple(path)
