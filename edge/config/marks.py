"""Marks: YAML text to plain data, and where each value stands.

Boundary: the first of three passes over the files. Reads files and secrets; knows nothing of
cameras. Keys are texts as written, so that a zone may be called `no`; numbers are read as YAML 1.2
does, so that `22:30` and `007` stay texts; `yes`, `no`, `on` and `off` are yes/no values as in YAML
1.1, because technicians write `insecure: yes`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from edge.config.credentials import Secrets
from edge.config.problem import (
    HIDDEN,
    Document,
    Finding,
    KeyPath,
    Mark,
    is_secret_key,
    passwords,
)
from edge.config.syntax import explain

MAX_DEPTH = 16
"""Levels of blocks in blocks; a camera file needs 5. Also ends a value that contains itself."""
MAX_VALUES = 100_000
"""Values of one file, aliases written out; a camera file has about 100."""

_SECRET = "!secret"  # noqa: S105 - a tag
_YAML = "tag:yaml.org,2002:"
_PUBLISHED = frozenset({"site", "node", "root", "camera", "name"})  # what leaves the box as it is
_REFERENCE = re.compile(r"\$\{([^}]*)\}")


def _number(text: str) -> int | float:
    # Python refuses to read thousands of digits; no setting has twenty.
    return int(text) if len(text) < 20 and text.lstrip("+-").isdigit() else float(text)


# How a value is told from a text, the characters it can begin with, and what it becomes.
_TYPES: dict[str, tuple[re.Pattern[str], list[str], Callable[[str], object]]] = {
    _YAML + "null": (
        re.compile(r"(?:~|null|Null|NULL|)$"),
        ["~", "n", "N", ""],
        lambda _: None,
    ),
    _YAML + "bool": (
        re.compile(r"(?i:yes|no|true|false|on|off)$"),
        list("yYnNtTfFoO"),
        lambda text: text.lower() in {"yes", "true", "on"},
    ),
    _YAML + "int": (re.compile(r"[-+]?(?:0|[1-9]\d*)$", re.ASCII), list("-+0123456789"), _number),
    _YAML + "float": (
        re.compile(r"[-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$", re.ASCII),
        list("-+.0123456789"),
        _number,
    ),
}


def _loader(parser: type[Any]) -> Any:
    """A loader of the PyYAML family that reads plain values by the rules above."""
    loader: Any = type(f"Marking{parser.__name__}", (parser,), {"yaml_implicit_resolvers": {}})
    for tag, (pattern, first, _) in _TYPES.items():
        loader.add_implicit_resolver(tag, pattern, first)
    return loader


_PLAIN = _loader(yaml.SafeLoader)
# libyaml composes the street example in 0.13 ms instead of 2 ms. What it refuses is read again by
# the Python parser: its messages say more, and are so the same on every machine.
_FAST = _loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read(file: Path, secrets: Secrets) -> Document:
    """Read one YAML file.

    Args:
        file: Its path; shown in problems as given here.
        secrets: Where references are looked up.

    Returns:
        The document. One that cannot be read has no data and one finding that says why.
    """
    try:
        content = file.read_bytes()
    except OSError as why:
        finding = Finding((), f"cannot be read: {why.strerror}", "check its owner and mode")
        if isinstance(why, FileNotFoundError):
            remedy = "create it, or check the folder's name"
            finding = Finding((), "there is no such file", remedy)
        return Document(str(file), findings=(finding,))
    return parse(content, file, secrets)


def parse(content: bytes, file: Path, secrets: Secrets) -> Document:
    """Read what a YAML file holds, or would hold.

    Args:
        content: Its bytes.
        file: What to call it in problems.
        secrets: Where references are looked up.

    Returns:
        As from `read`.
    """
    document = Document(str(file), hashlib.sha256(content).hexdigest())
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        before = content[: why.start]
        at = (before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        finding = Finding((), "not UTF-8 text", "save the file with encoding UTF-8", at=at)
        return replace(document, findings=(finding,))
    return _parse(text, document, secrets)


def _parse(text: str, document: Document, secrets: Secrets) -> Document:
    lines = tuple(text.splitlines())
    document = replace(document, lines=lines)
    try:
        root = _compose(text)
    except yaml.YAMLError as why:
        return replace(document, findings=(explain(why, text, lines),))
    except RecursionError:
        return replace(document, findings=(_too_deep(()),))
    if root is None:
        return document
    reader = _Reader(secrets)
    data = reader.value(root, (), root)
    return replace(
        document,
        data=data,
        marks=reader.marks,
        findings=tuple(reader.findings),
        unread=tuple(reader.unread),
        secrets=tuple(reader.secrets),
        in_clear=tuple(reader.in_clear),
        others=(secrets.problem,) if reader.needs_file and secrets.problem else (),
    )


def _compose(text: str) -> yaml.Node | None:
    try:
        # libyaml's composer recurses in C: blocks nested 100 000 deep would end the process.
        depth = 0
        for event in yaml.parse(text, Loader=_FAST):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise RecursionError
        return _node(text, _FAST)
    except yaml.YAMLError:
        return _node(text, _PLAIN)


def _node(text: str, loader: Any) -> yaml.Node | None:
    node: yaml.Node | None = yaml.compose(text, Loader=loader)
    return node


class _Reader:
    """Walks the node tree of one document, collecting marks and findings on the way."""

    def __init__(self, secrets: Secrets) -> None:
        self._lookup = secrets
        self.marks: dict[KeyPath, Mark] = {}
        self.findings: list[Finding] = []
        self.unread: list[KeyPath] = []
        self.secrets: list[tuple[str, str]] = []
        self.in_clear: list[KeyPath] = []
        self.needs_file = False
        self._n_values = 0

    def value(self, node: yaml.Node, path: KeyPath, place: yaml.Node) -> Any:
        """Plain data of one node; `place` is its key, or itself in a list."""
        start = place.start_mark
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        self.marks[path] = Mark(start.line + 1, start.column + 1, text)
        self._n_values += 1
        if len(path) > MAX_DEPTH or self._n_values > MAX_VALUES:
            if not any(finding.cause == _too_deep(()).cause for finding in self.findings):
                self._refuse(_too_deep(path), path)
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in {f"{_YAML}map", f"{_YAML}seq"}:
            return self._unknown_tag(node, path)
        if isinstance(node, yaml.MappingNode):
            return self._block(node, path)
        return [self.value(item, (*path, i), item) for i, item in enumerate(node.value)]

    def _block(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        block: dict[str, Any] = {}
        seen: dict[str, yaml.Node] = {}
        for key, value in node.value:
            mark = key.start_mark
            at = (mark.line + 1, mark.column + 1)
            if not isinstance(key, yaml.ScalarNode):
                remedy = "put text with [ ] or { } in it in quotes"
                self._refuse(Finding(path, "a key must be a text", remedy, at=at), path)
            elif key.value in seen:
                first = seen[key.value].start_mark.line + 1
                cause = f"key '{key.value}' is written twice, first in line {first}"
                self._refuse(Finding((*path, key.value), cause, "keep one of them", at=at), path)
            elif key.value == "<<" and not key.style:
                cause = "YAML's merge key '<<' is not supported"
                self._refuse(Finding(path, cause, "write the keys out", at=at), path)
            else:
                seen[key.value] = key
                block[key.value] = self.value(value, (*path, key.value), key)
        return block

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text = node.value
        is_reference = node.tag == _SECRET or bool(_REFERENCE.search(text))
        if is_reference and path and path[-1] in _PUBLISHED:
            cause = "a secret cannot stand here: everybody who listens reads this value"
            self._refuse(Finding(path, cause, "write it out"), path)
            return ""
        if node.tag == _SECRET:
            return self._secret(text, path)
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        in_clear = [text] if text and is_secret_key(key) and not _REFERENCE.search(text) else []
        if node.tag == f"{_YAML}str":
            in_clear += passwords(text)
        for password in in_clear:
            self._hide(password, HIDDEN)
        if in_clear:
            self.in_clear.append(path)
        if node.tag == f"{_YAML}str":
            return _REFERENCE.sub(lambda found: self._variable(found[1], path), text)
        pattern, _, convert = _TYPES.get(node.tag, (None, None, None))
        if pattern is None or convert is None or not pattern.match(text):
            return self._unknown_tag(node, path)
        value = convert(text)
        if isinstance(value, float) and math.isinf(value):
            self._refuse(Finding(path, "this number is too large"), path)
            return None
        return value

    def _unknown_tag(self, node: yaml.Node, path: KeyPath) -> None:
        tag = node.tag.replace(_YAML, "!!")
        remedy = "the only tag here is `!secret NAME`; put a text that begins with '!' in quotes"
        self._refuse(Finding(path, f"cannot use '{tag}' here", remedy), path)

    def _secret(self, name: str, path: KeyPath) -> str:
        answer = self._lookup.secret(name)
        if isinstance(answer, str):
            self._hide(answer, f"!secret {name}")
            return answer
        if answer is None:
            self.needs_file = True
            self.unread.append(path)
        else:
            self._refuse(answer, path)
        return ""

    def _variable(self, name: str, path: KeyPath) -> str:
        answer = self._lookup.variable(name)
        if isinstance(answer, str):
            self._hide(answer, f"${{{name}}}")
            return answer
        self._refuse(answer, path)
        return ""

    def _hide(self, text: str, shown: str) -> None:
        if text:
            self.secrets.append((text, shown))

    def _refuse(self, finding: Finding, path: KeyPath) -> None:
        self.findings.append(
            Finding(
                finding.path or path, finding.cause, finding.remedy, finding.severity, finding.at
            )
        )
        self.unread.append(finding.path or path)


def _too_deep(path: KeyPath) -> Finding:
    remedy = "write it flat, and without a value that contains itself"
    return Finding(path, "too many values, or blocks in blocks", remedy)
