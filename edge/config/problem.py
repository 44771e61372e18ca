"""Problem: what is wrong in a file a technician edits, where it is, and what to write instead.

Pure. A *finding* names a value by its path of keys; a *document* knows where that value stands in
its file and which texts must not be repeated; together they make a problem that can be printed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from edge.errors import ConfigError

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of blocks, and positions in lists counted from 0."""

Severity: TypeAlias = Literal["error", "warning"]

HIDDEN = "***"

_SECRET_KEY = r"[\w-]*(?:pas|psw|pwd|word|secret|token|cred)[\w-]*"  # noqa: S105 - a pattern of keys
_IS_SECRET_KEY = re.compile(_SECRET_KEY, re.IGNORECASE)
_REFERENCES = re.compile(r"(\$\{[^}]*\})+")
# In each: group 1 is kept, group 2 is what may be a password in the clear. They err on the side of
# hiding: a typo such as `pasword:` is met as well, and an unquoted value goes to the line's end.
_IN_URL = re.compile(r"(//[^:/@\s]*:)(.*)(?=@)")
_IN_QUERY = re.compile(rf"({_SECRET_KEY}=)([^&\s\"'}}]+)", re.IGNORECASE)
_AFTER_KEY = re.compile(
    rf"""(["']?{_SECRET_KEY}["']?\s*:\s+)(?!!secret\s)"""
    r"""("(?:\\.|[^"\\])*"|'(?:''|[^'])*'|[^\s"'][^\r\n]*|.+)""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to repair, or with severity `warning` to know.

    Attributes:
        file: As it was given on the command line.
        line: From 1; 0 where it is about the whole file.
        column: From 1, in characters.
        path: Keys down to the value, joined by dots; empty for the whole file.
        cause: What was found and what was expected.
        remedy: What to do about it; may be empty.
        severity: An error makes its file unusable; a warning does not.
        source: The line of the file, passwords in the clear replaced by `***`.
        caret: How many characters of `source` stand before the place.
    """

    file: str
    line: int
    column: int
    path: str
    cause: str
    remedy: str = ""
    severity: Severity = "error"
    source: str = ""
    caret: int = 0

    def __str__(self) -> str:
        """Place, path, cause, remedy; then the line and a mark under the place."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        said = "; ".join(part for part in (self.cause, self.remedy) if part)
        parts = (place, "warning" if self.severity == "warning" else "", self.path, said)
        head = ": ".join(part for part in parts if part)
        if not self.source:
            return head
        return f"{head}\n    {self.source}\n    {' ' * self.caret}^"


class ConfigUnusable(ConfigError):
    """The configuration cannot be used at all.

    Attributes:
        problems: Everything found, in all files.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before it has a place.

    Attributes:
        path: The value it is about; where that does not exist, the nearest block around it.
        cause: What was found and what was expected.
        remedy: What to do about it.
        severity: Whether the file can be used nevertheless.
        at: Line and column from 1 where the path cannot tell, such as in broken YAML.
        is_fatal: An error that keeps its file from being used; one of the device page's address
            does not, for the box watches without it.
    """

    path: KeyPath
    cause: str
    remedy: str = ""
    severity: Severity = "error"
    at: tuple[int, int] | None = None
    is_fatal: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """Where one value stands.

    Attributes:
        line: Of its key, or of the value itself in a list; from 1.
        column: From 1.
        text: The value as written, references not resolved; empty for a list or a block.
    """

    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read.

    Attributes:
        file: Its name, as it is shown.
        sha256: Hex digest of its bytes; empty where it could not be read.
        lines: Its text.
        data: What it says, as plain data with references resolved; None when empty or broken.
        marks: Where each value stands.
        findings: What was wrong already while reading it.
        unread: Paths whose value could not be had, such as an unknown secret.
        secrets: Texts that must not be shown, each with what is shown instead.
        in_clear: Paths of values that are passwords, or hold one, and are written out here.
        others: Problems of other files this one depends on, such as `secrets.yaml`.
        layers: Blocks of other documents that lie under this one, uppermost first: a value that
            is not written here was written there.
    """

    file: str
    sha256: str = ""
    lines: tuple[str, ...] = field(default=(), repr=False)
    data: Any = field(default=None, repr=False)
    marks: Mapping[KeyPath, Mark] = field(default_factory=dict, repr=False)
    findings: tuple[Finding, ...] = ()
    unread: tuple[KeyPath, ...] = ()
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    in_clear: tuple[KeyPath, ...] = ()
    others: tuple[Problem, ...] = ()
    layers: tuple[tuple[Document, KeyPath], ...] = field(default=(), repr=False)

    def mark(self, path: KeyPath) -> Mark | None:
        """Where a value stands, here or in a layer below; None where it stands nowhere."""
        places = (self.marks, path), *((d.marks, (*layer, *path)) for d, layer in self.layers)
        return next((marks[at] for marks, at in places if at in marks), None)

    def problem(self, finding: Finding) -> Problem:
        """Give a finding its place, and remove every secret from its text."""
        for below, layer in self.layers if not finding.at else ():
            path = (*layer, *finding.path)
            if below.depth(path) - len(layer) > self.depth(finding.path):
                return below.problem(replace(finding, path=path))
        line, column = finding.at or self.place(finding.path)
        source = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        before = masked(source[: column - 1]).replace("\t", "→")
        source = masked(source).replace("\t", "→").rstrip()
        return Problem(
            self.file,
            line,
            column,
            self._scrubbed(".".join(map(str, finding.path))),
            self._scrubbed(finding.cause),
            self._scrubbed(finding.remedy),
            finding.severity,
            source,
            len(before),
        )

    def place(self, path: KeyPath) -> tuple[int, int]:
        """Line and column of a value, or of the nearest block around it; 0, 0 in an empty file."""
        mark = self.marks.get(path[: max(self.depth(path), 0)])
        return (mark.line, mark.column) if mark else (0, 0)

    def depth(self, path: KeyPath) -> int:
        """How many keys of a path are written in this file; -1 in an empty one."""
        lengths = range(len(path), -1, -1)
        return next((length for length in lengths if path[:length] in self.marks), -1)

    def _scrubbed(self, text: str) -> str:
        for secret, shown in sorted(self.secrets, key=lambda pair: -len(pair[0])):
            text = text.replace(secret, shown)
        for pattern in (_IN_URL, _IN_QUERY):
            text = pattern.sub(_hide, text)
        return text


def masked(text: str) -> str:
    """A line of a file with passwords in the clear replaced by `***`; references stay."""
    for pattern in (_IN_URL, _IN_QUERY, _AFTER_KEY):
        text = pattern.sub(_hide, text)
    return text


def is_secret_key(key: str | int) -> bool:
    """Whether a key reads like that of a password, also when misspelt."""
    return isinstance(key, str) and bool(_IS_SECRET_KEY.fullmatch(key))


def passwords(text: str) -> list[str]:
    """Passwords in the clear inside a text such as an address; references do not count."""
    found = [m[2] for pattern in (_IN_URL, _IN_QUERY) for m in pattern.finditer(text)]
    return [word for word in found if word and not _REFERENCES.fullmatch(word)]


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like `word`; empty where none is close."""
    return next(iter(difflib.get_close_matches(word.lower(), list(known), n=1)), "")


def suggest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'yard'?`, or nothing where no known word is close."""
    near = nearest(word, known)
    return f"did you mean '{near}'?" if near else ""


def any_of(words: Iterable[str], joint: str = "or") -> str:
    """Words in a sentence: `'left', 'right' or 'any'`."""
    quoted = [f"'{word}'" for word in words]
    return f" {joint} ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))


def _hide(found: re.Match[str]) -> str:
    secret = found[2]
    bare = secret.strip("\"'")
    return found[0] if not bare or _REFERENCES.fullmatch(bare) else found[1] + HIDDEN
