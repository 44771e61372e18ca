"""Syntax: what PyYAML says about broken YAML, in a technician's words. Pure."""

from __future__ import annotations

import re

import yaml

from edge.config.problem import Finding

# Pattern over "context: problem" of PyYAML; whether the opening place is the one to show, because
# what was left open is met only far below; cause; remedy. The first that matches is used.
_SAYINGS = (
    (
        "quoted scalar: found unexpected end",
        True,
        "this quote is never closed",
        "write the same quote at the end of the text",
    ),
    (
        r"hexadecimal|unknown escape",
        False,
        r"in double quotes '\' has a special meaning",
        "put the text in single quotes",
    ),
    ("flow sequence", True, "this '[' is never closed", "look for a missing ']' or ','"),
    ("flow mapping", True, "this '{' is never closed", "look for a missing '}' or ','"),
    ("could not find expected ':'", True, "a key without ':'", "write `key: value`"),
    (r"but found '[\]}]'", False, "a closing bracket that was never opened", "delete it"),
    (
        "block collection",
        False,
        "expected another '- ' entry of the list here",
        "start this line in the column of the keys of the entry above",
    ),
    (
        "block mapping",
        False,
        "the indentation of this line fits no line above",
        "start it in the column of the keys it belongs to",
    ),
    ("found another document", False, "a second document begins here", "delete the line '---'"),
    ("block scalar", False, "'|' and '>' begin a text of several lines", "put the text in quotes"),
)


def explain(why: yaml.YAMLError, text: str, lines: tuple[str, ...]) -> Finding:
    """Say what is wrong with a text that is not YAML.

    Args:
        why: What PyYAML's Python parser raised.
        text: The text it was given.
        lines: The same, by line.

    Returns:
        A finding with its own place.
    """
    if isinstance(why, yaml.reader.ReaderError):
        before = text[: why.position]
        at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        code = f"U+{ord(text[why.position]):04X}"
        return Finding((), f"character {code} cannot stand in YAML", "delete it", at=at)
    if not isinstance(why, yaml.MarkedYAMLError) or why.problem_mark is None:
        return Finding((), "not valid YAML")
    mark = why.problem_mark
    indent = re.match(r"[ \t]*", lines[mark.line] if mark.line < len(lines) else "")
    if indent and "\t" in indent[0]:
        at = (mark.line + 1, indent[0].index("\t") + 1)
        return Finding((), "a tab in the indentation", "YAML allows spaces only", at=at)
    if "mapping values" in str(why.problem):
        return _stray_colon(lines, mark.line, mark.column)
    cause, remedy, is_at_opening = _saying(why)
    if is_at_opening and why.context_mark:
        mark = why.context_mark
    return Finding((), cause, remedy, at=(mark.line + 1, mark.column + 1))


def _saying(why: yaml.MarkedYAMLError) -> tuple[str, str, bool]:
    problem = str(why.problem)
    start = re.search(r"found character '(.)'", problem)
    if start or "undefined alias" in problem:
        character = start[1] if start else "*"
        cause = f"a text that begins with '{character}' needs quotes"
        return cause, f'write "{character}..."', False
    for pattern, is_at_opening, cause, remedy in _SAYINGS:
        if re.search(pattern, f"{why.context or ''}: {problem}"):
            return cause, remedy, is_at_opening
    return f"not valid YAML ({problem})", "look at this line and the one above", False


def _stray_colon(lines: tuple[str, ...], line: int, column: int) -> Finding:
    """Why a ':' stands where none can: two in one line, or something about the line above."""
    if ":" in lines[line][:column]:
        cause, remedy = "a second ':' in one line", "put the value in quotes"
        return Finding((), cause, remedy, at=(line + 1, column + 1))
    above = next((n for n in range(line - 1, -1, -1) if lines[n].strip()), line)
    for pattern, cause, remedy in (
        (r"\s*-(?=[^\s-])", "a '-' without a space after it", "write `- name: ...`"),
        (r"[\s-]*\w+:(?=\S)", "a ':' without a space after it", "write `key: value`"),
    ):
        if found := re.match(pattern, lines[above]):
            return Finding((), cause, remedy, at=(above + 1, found.end()))
    start = len(lines[line]) - len(lines[line].lstrip()) + 1
    cause = "this line is indented more than the one above"
    return Finding((), cause, "start both in the same column", at=(line + 1, start))
