"""Marks: YAML text to plain data, and where each value stands.

Boundary: the first of three passes over the files. Reads files and secrets; knows nothing of
cameras. Keys are texts as written, so that a zone may be called `no`; numbers are read as YAML 1.2
does, so that `22:30` and `007` stay texts; `yes`, `no`, `on` and `off` are yes/no values as in YAML
1.1, because technicians write `insecure: yes`.
"""

from __future__ import annotations

import math
import re
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

MAX_DEPTH = 16
"""Levels of blocks in blocks; a camera file needs 5. Also ends a value that contains itself."""
MAX_VALUES = 100_000
"""Values of one file, aliases written out; a camera file has about 100."""

_SECRET = "!secret"  # noqa: S105 - a tag
_YAML = "tag:yaml.org,2002:"
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_TAG_OF = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    (
        "bool",
        re.compile(
            r"(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$"
        ),
        list("yYnNtTfFoO"),
    ),
    ("int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")),
    (
        "float",
        re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"),
        list("-+.0123456789"),
    ),
)


def _loader(parser: type[Any]) -> type[Any]:
    """A loader of the PyYAML family that reads plain values by the rules above."""
    loader = type(f"Marking{parser.__name__}", (parser,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in _TAG_OF:
        loader.add_implicit_resolver(_YAML + tag, pattern, first)
    return loader


_PLAIN = _loader(yaml.SafeLoader)
# libyaml reads a camera file in 0.3 ms instead of 5 ms. What it refuses is read again by the
# Python parser: its messages are better, and so the same on every machine.
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
        remedy = "create it" if isinstance(why, FileNotFoundError) else "check its owner and mode"
        cause = "there is no such file" if isinstance(why, FileNotFoundError) else why.strerror
        return Document(str(file), findings=(Finding((), cause or "cannot be read", remedy),))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        before = content[: why.start]
        at = (before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        finding = Finding((), "not UTF-8 text", "save the file with encoding UTF-8", at=at)
        return Document(str(file), findings=(finding,))
    return parse(text, str(file), secrets)


def parse(text: str, file: str, secrets: Secrets) -> Document:
    """Read YAML text.

    Args:
        text: The text.
        file: The name to show in problems.
        secrets: Where references are looked up.

    Returns:
        The document; see `read`.
    """
    lines = tuple(text.splitlines())
    try:
        root = _compose(text)
    except yaml.YAMLError as why:
        return Document(file, lines, findings=(_explain(why, text, lines),))
    except RecursionError:
        return Document(file, lines, findings=(_too_deep(()),))
    if root is None:
        return Document(file, lines)
    reader = _Reader(secrets)
    data = reader.value(root, (), root)
    others = (secrets.problem,) if reader.needs_file and secrets.problem else ()
    return Document(
        file,
        lines,
        data,
        reader.marks,
        tuple(reader.findings),
        tuple(reader.unread),
        tuple(reader.secrets),
        others,
    )


def _compose(text: str) -> yaml.Node | None:
    try:
        return _node(text, _FAST)
    except yaml.YAMLError:
        return _node(text, _PLAIN)


def _node(text: str, loader: type[Any]) -> yaml.Node | None:
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
        self.needs_file = False
        self._n_values = 0

    def value(self, node: yaml.Node, path: KeyPath, place: yaml.Node) -> Any:
        """Plain data of one node; `place` is its key, or itself in a list."""
        start = place.start_mark
        is_scalar = isinstance(node, yaml.ScalarNode)
        self.marks[path] = Mark(
            start.line + 1,
            start.column + 1,
            node.value if is_scalar else "",
            is_scalar and node.style is None,
        )
        self._n_values += 1
        if len(path) > MAX_DEPTH or self._n_values > MAX_VALUES:
            if not any(finding.cause == _too_deep(()).cause for finding in self.findings):
                self._refuse(_too_deep(path), path)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._block(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i), item) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

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
            elif key.value == "<<" and key.style is None:
                cause = "YAML's merge key '<<' is not supported"
                self._refuse(Finding(path, cause, "write the keys out", at=at), path)
            else:
                seen[key.value] = key
                block[key.value] = self.value(value, (*path, key.value), key)
        return block

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        text: str = node.value
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        if node.tag == _SECRET:
            return self._secret(text, path)
        if node.tag == f"{_YAML}null":
            return None
        if is_secret_key(key) and not _REFERENCE.search(text):
            self._hide(text, HIDDEN)
        if node.tag == f"{_YAML}bool":
            return text.lower() in {"yes", "true", "on"}
        if node.tag == f"{_YAML}int":
            # Python refuses to read thousands of digits; no setting is that large.
            return int(text) if len(text) < 20 else float(text)  # noqa: PLR2004
        if node.tag == f"{_YAML}float":
            if math.isinf(float(text)):
                self._refuse(Finding(path, "this number is too large"), path)
                return None
            return float(text)
        if node.tag != f"{_YAML}str":
            remedy = "put the text in quotes if it shall begin with '!'"
            self._refuse(Finding(path, f"unknown tag '{node.tag}'", remedy), path)
            return None
        for password in passwords(text):
            self._hide(password, HIDDEN)
        return _REFERENCE.sub(lambda found: self._variable(found[1], path), text)

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


def _explain(why: yaml.YAMLError, text: str, lines: tuple[str, ...]) -> Finding:
    """One finding for broken YAML, in a technician's words."""
    if isinstance(why, yaml.reader.ReaderError):
        before = text[: why.position]
        at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        code = f"U+{ord(text[why.position]):04X}"
        return Finding((), f"character {code} cannot stand in YAML", "delete it", at=at)
    if not isinstance(why, yaml.MarkedYAMLError) or why.problem_mark is None:
        return Finding((), "not valid YAML")
    line, column = why.problem_mark.line, why.problem_mark.column
    # An unfinished file is at fault where it was left open, not at its end.
    opened = why.context_mark
    source = lines[line] if line < len(lines) else ""
    indent = re.match(r"[ \t]*", source)
    if indent and "\t" in indent[0]:
        at = (line + 1, indent[0].index("\t") + 1)
        return Finding((), "a tab in the indentation", "use spaces; YAML allows no tabs", at=at)
    for pattern, is_at_start, cause, remedy in _SAYINGS:
        if re.search(pattern, f"{why.context or ''}: {why.problem}"):
            if is_at_start and opened:
                line, column = opened.line, opened.column
            break
    else:
        cause, remedy = f"not valid YAML ({why.problem})", "check this line and the one above"
    if "mapping values" in str(why.problem):
        cause, remedy = _stray_colon(lines, line, column)
    found = re.search(r"found character '(.)'|undefined alias", str(why.problem))
    if found:
        character = found[1] or "*"
        cause = f"a text that begins with '{character}' must stand in quotes"
        remedy = f'write "{character}..."'
    return Finding((), cause, remedy, at=(line + 1, column + 1))


# What PyYAML says; whether the opening place is the one to show; what a technician should read.
_SAYINGS = (
    (
        "quoted scalar: found unexpected end",
        True,
        "this quote is never closed",
        "add the other quote",
    ),
    (
        "escape sequence|unknown escape",
        False,
        "in double quotes '\\' has a special meaning",
        "use single quotes around this text",
    ),
    ("flow sequence", True, "this '[' is never closed", "check for a missing ']' or ','"),
    ("flow mapping", True, "this '{' is never closed", "check for a missing '}' or ','"),
    ("could not find expected ':'", True, "a key without ':'", "write `key: value`"),
    ("but found '[]}]'", False, "one closing bracket too many", "delete it"),
    (
        "block collection",
        False,
        "expected another '- ' entry of the list here",
        "indent this line like the keys of the entry above it",
    ),
    (
        "block mapping",
        False,
        "this line's indentation fits no line above",
        "start it in the same column as the keys it belongs to",
    ),
    ("found another document", False, "a second document begins here", "delete the line '---'"),
    ("block scalar", False, "'|' and '>' begin a text of several lines", "use quotes instead"),
)


def _stray_colon(lines: tuple[str, ...], line: int, column: int) -> tuple[str, str]:
    """Why a ':' is met where none can be: two in one line, or a line that is indented too far."""
    before = lines[line][:column]
    if ":" in before:
        return "a second ': ' in one line", "put the value in quotes"
    above = next((text for text in reversed(lines[:line]) if text.strip()), "")
    if re.match(r"\s*-\S", above) or re.match(r"\s*-\S", before):
        return "no space after '-'", "write `- name: ...`"
    if re.search(r"\w:\S", above):
        return "the line above has no space after its ':'", "write `key: value`"
    return (
        "this line is indented more than the one above",
        "start it in the same column, or end the line above with ':'",
    )
