"""Amend: blocks of a technician's file become other values; every line that need not change stays.

Pure. Works on the text: a value is replaced where it stands, an entry is added after the last of
its block or taken out with its lines. Comment lines belong to nobody and stay. (A library that
parses and writes out again lost the comment above the entry after one that was taken out, and
indented anew what nobody touched: docs/adr/0031.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import yaml

ORDER = (
    "version", "camera", "name", "profile", "enabled", "source", "analyse", "zones", "lines",
    "masks", "calibration", "location", "rules",
)  # fmt: skip
"""Where a block that is not there yet is put: after the last of those before it here."""

DECIMALS = 4
"""Of a new coordinate: half a pixel of 4K."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NOT_PLAIN = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


class Unamendable(ValueError):
    """The file is written so that it has to be edited by hand; the text says how."""


@dataclass(frozen=True, slots=True)
class _Edit:
    begin: int
    end: int
    text: str


def amended(text: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Give some blocks of a file other values.

    Args:
        text: Valid YAML, a block of keys at its top.
        old: What the file says now, plain.
        new: What some of its keys are to say; an empty block or list takes its key out. Entries of
            `rules` are told apart by their names and keep the file's order.

    Returns:
        The text with as few lines changed as that takes; the same where nothing differs.

    Raises:
        Unamendable: It is no YAML, it is in braces, or it shares values by anchors.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        raise Unamendable("the file is not valid YAML; mend it by hand first") from None
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise Unamendable("the file is not a list of `key: value` lines; edit it by hand")
    if _is_shared(root):
        raise Unamendable(
            "the file shares values by YAML anchors (&, *); write them out, or edit it by hand"
        )
    amending = _Amending(text)
    nodes = {str(key.value): (key, value) for key, value in root.value}
    for name in sorted(new, key=ORDER.index):
        if name not in nodes:
            if new[name]:
                at = amending.after_block(nodes, name)
                amending.add(at, amending.block(name, new[name], 0))
        elif not new[name] and old.get(name):
            amending.drop_lines(*nodes[name])
        elif new[name] and not old.get(name):
            amending.fill(*nodes[name], name, new[name])
        elif new[name]:
            amending.become(nodes[name][1], old[name], new[name])
    return amending.done()


class _Amending:
    """Collects the edits of one text."""

    def __init__(self, text: str) -> None:
        self._original = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._text = text if text.endswith("\n") else text + self._newline
        self._edits: list[_Edit] = []

    def done(self) -> str:
        """The text with all edits."""
        if not self._edits:
            return self._original
        text = self._text
        in_order = sorted(self._edits, key=lambda edit: (edit.begin, edit.end))
        for edit in in_order[::-1]:
            text = text[: edit.begin] + edit.text + text[edit.end :]
        return text

    def become(self, node: yaml.Node, old: Any, new: Any) -> None:
        """Let one value become another, entry by entry where it has some."""
        if _same(old, new):
            return
        is_filled = isinstance(node, yaml.CollectionNode) and bool(node.value and old and new)
        if is_filled and isinstance(node, yaml.MappingNode) and isinstance(new, dict):
            self._entries(node, old, new)
            return
        if is_filled and isinstance(node, yaml.SequenceNode) and isinstance(new, list):
            self._items(node, old, new)
            return
        begin, end = node.start_mark.index, self.end(node)
        said = _flow(new)
        self._edits.append(_Edit(begin, end, f" {said}" if begin == end else said))

    def _entries(
        self, node: yaml.MappingNode, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> None:
        entries = [(str(key.value), key, value) for key, value in node.value]
        for name, _, value in entries:
            if name in new:
                self.become(value, old[name], new[name])
        is_kept = [name in new for name, _, _ in entries]
        fresh = [(name, value) for name, value in new.items() if name not in old]
        places = [(key.start_mark.index, self.end(value)) for _, key, value in entries]
        if node.flow_style:
            self._flow(node, places, is_kept, [f"{_word(k)}: {_flow(v)}" for k, v in fresh])
            return
        column = entries[0][1].start_mark.column
        begins_line = not self._text[self._line_begin(places[0][0]) : places[0][0]].strip()
        if not begins_line and not is_kept[0]:  # the first key of `- name: ...`
            raise Unamendable(f"`{entries[0][0]}` stands first in its entry; edit it by hand")
        for (begin, end), stays in zip(places, is_kept, strict=True):
            if not stays:
                self._drop(begin, end)
        at = self.line_end(places[-1][1])
        for name, value in fresh:
            self.add(at, [" " * column + f"{_word(name)}: {_flow(value)}"])

    def _items(self, node: yaml.SequenceNode, old: Sequence[Any], new: Sequence[Any]) -> None:
        places = [(item.start_mark.index, self.end(item)) for item in node.value]
        names, wanted = _names(old), _names(new)
        if names and wanted:
            by_name = dict(zip(wanted, new, strict=True))
            for item, name, value in zip(node.value, names, old, strict=True):
                if name in by_name:
                    self.become(item, value, by_name[name])
            is_kept = [name in by_name for name in names]
            fresh = [value for name, value in by_name.items() if name not in names]
        else:
            for item, was, value in zip(node.value, old, new, strict=False):
                self.become(item, was, value)
            is_kept = [i < len(new) for i in range(len(old))]
            fresh = list(new[len(old) :])
        if node.flow_style:
            self._flow(node, places, is_kept, [_flow(value) for value in fresh])
            return
        self._lines(node, places, is_kept, fresh)

    def _lines(
        self,
        node: yaml.SequenceNode,
        places: Sequence[tuple[int, int]],
        is_kept: Sequence[bool],
        fresh: Sequence[Any],
    ) -> None:
        """Take items out of a list of `- ...` lines, and add some after the last."""
        dashes = [self._text.rindex("-", 0, begin) for begin, _ in places]
        for dash, (_, end), stays in zip(dashes, places, is_kept, strict=True):
            if stays:
                continue
            if self._text[self._line_begin(dash) : dash].strip():
                raise Unamendable("a list begins on the line of its entry; edit it by hand")
            self._drop(dash, end)
        indent = " " * node.start_mark.column
        at = self.line_end(places[-1][1])
        is_spread = isinstance(node.value[0], yaml.MappingNode) and not node.value[0].flow_style
        for value in fresh:
            self.add(at, _item(value, indent, is_spread=is_spread))

    def _flow(
        self,
        node: yaml.Node,
        places: Sequence[tuple[int, int]],
        is_kept: Sequence[bool],
        fresh: Sequence[str],
    ) -> None:
        """Take entries out of `[ ]` or `{ }`, and add some after the last."""
        if not any(is_kept):
            opening = node.start_mark.index + 1
            self._edits.append(_Edit(opening, places[-1][1], ", ".join(fresh)))
            return
        first = is_kept.index(True)
        if first:
            self._edits.append(_Edit(places[0][0], places[first][0], ""))
        for i, ((_, before), (_, end)) in enumerate(pairwise(places), 1):
            if i > first and not is_kept[i]:
                self._edits.append(_Edit(before, end, ""))
        at = places[-1][1]
        if fresh:
            self._edits.append(_Edit(at, at, "".join(f", {one}" for one in fresh)))

    def drop_lines(self, key: yaml.Node, value: yaml.Node) -> None:
        """Take a key out with all its lines."""
        self._drop(key.start_mark.index, self.end(value))

    def fill(self, key: yaml.Node, value: yaml.Node, name: str, new: Any) -> None:
        """Give an empty block entries: in its line where a comment stands in it, else under it."""
        begin, end = value.start_mark.index, self.end(value)
        if self._text[end : self.line_end(end)].strip():
            self._edits.append(_Edit(begin, end, f" {_flow(new)}" if begin == end else _flow(new)))
            return
        self.drop_lines(key, value)
        self.add(self.line_end(end), self.block(name, new, 0))

    def _drop(self, begin: int, end: int) -> None:
        """Take lines out, but for those that are comments and nothing else."""
        first, last = self._line_begin(begin), self.line_end(end)
        lines = self._text[first:last].splitlines(keepends=True)
        kept = "".join(line for line in lines if line.lstrip().startswith("#"))
        self._edits.append(_Edit(first, last, kept))

    def add(self, at: int, lines: Sequence[str]) -> None:
        """Put lines in, where a line ends."""
        self._edits.append(_Edit(at, at, "".join(f"{line}{self._newline}" for line in lines)))

    def block(self, name: str, value: Any, column: int) -> list[str]:
        """A key with one line for each of its entries."""
        indent = " " * (column + 2)
        if isinstance(value, dict):
            inner = [f"{indent}{_word(k)}: {_flow(v)}" for k, v in value.items()]
        else:
            inner = [f"{indent}- {_flow(item)}" for item in value]
        return [f"{' ' * column}{name}:", *inner]

    def after_block(self, nodes: Mapping[str, tuple[yaml.Node, yaml.Node]], name: str) -> int:
        """Where a new top-level key goes: after the last of those that come before it."""
        before = [nodes[other][1] for other in ORDER[: ORDER.index(name)] if other in nodes]
        return max((self.line_end(self.end(value)) for value in before), default=0)

    def end(self, node: yaml.Node) -> int:
        """Where a value's own text ends, before comments and blank lines that follow."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self.end(last[1] if isinstance(last, tuple) else last)
        end: int = node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
            end = len(self._text[:end].rstrip())
        return end

    def line_end(self, index: int) -> int:
        """Behind the line break of the line a place is in, or the end of the text."""
        found = self._text.find("\n", index)
        return len(self._text) if found < 0 else found + 1

    def _line_begin(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1


def _is_shared(root: yaml.Node) -> bool:
    """Whether some value stands for several."""
    seen: set[int] = set()

    def is_shared(node: yaml.Node) -> bool:
        if id(node) in seen:
            return True
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return any(is_shared(part) for pair in node.value for part in pair)
        return isinstance(node, yaml.SequenceNode) and any(map(is_shared, node.value))

    return is_shared(root)


def _same(one: Any, other: Any) -> bool:
    """Equal, and `1` is not `true`."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _names(items: Sequence[Any]) -> list[str]:
    """The names of a list's entries, where each has one of its own; else nothing."""
    names = [item.get("name") for item in items if isinstance(item, dict)]
    is_named = len(names) == len(items) == len(set(map(str, names)))
    return [name for name in names if isinstance(name, str)] if is_named and all(names) else []


def _item(value: Any, indent: str, *, is_spread: bool) -> list[str]:
    if not is_spread or not isinstance(value, dict) or not value:
        return [f"{indent}- {_flow(value)}"]
    lines = [f"{indent}  {_word(k)}: {_flow(v)}" for k, v in value.items()]
    return [f"{indent}- {lines[0].strip()}", *lines[1:]]


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_word(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return _word(value)
    return json.dumps(value)


def _word(text: str) -> str:
    """A text that YAML reads as that text and nothing else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def rounded(new: Any, old: Any) -> Any:
    """New numbers to `DECIMALS`; those that are as before stay to the last digit."""
    if isinstance(new, dict):
        known = old if isinstance(old, dict) else {}
        return {key: rounded(value, known.get(key)) for key, value in new.items()}
    if isinstance(new, list):
        before = old if isinstance(old, list) else []
        return [rounded(v, before[i] if i < len(before) else None) for i, v in enumerate(new)]
    return round(new, DECIMALS) if isinstance(new, float) and new != old else new


def unordered(block: Any) -> Any:
    """A list of named entries as they are told apart: the file's order is kept, not the draft's."""
    if isinstance(block, list) and (names := _names(block)):
        return dict(zip(names, block, strict=True))
    return block


def _leaves(value: Any) -> Iterator[str]:
    """Every text in a value, keys too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str):
        yield value


def texts(value: Any) -> set[str]:
    """Every text in a value, keys too."""
    return set(_leaves(value))
