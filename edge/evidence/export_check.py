"""Check an export of evidence: python3 verify.py [FOLDER or ZIP].

Needs Python 3.8 or newer and nothing else; this file travels with every export as `verify.py`.
Names each file that was changed, is missing or was added. Exits with 0 where there is none, else 1.

`SHA256SUMS` lists every other file, as `sha256sum -c SHA256SUMS` checks too, and ends with the
digest of itself. Whoever changed a file and the list with it is found by the digest of the list,
printed at the end: compare it with the one noted when the export was made.

Where records of the audit log are in it, each is followed by its proof (RFC 6962) to the checkpoint
that the log signed, and media and event messages are compared with what those records say.
Who signed the checkpoint is not checked: Python has no Ed25519. `edge evidence verify` does that.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

SUMS = "SHA256SUMS"
UNSIGNED = (
    "who signed the checkpoint is NOT checked here: `edge evidence verify` does that; a checkpoint "
    "that a witness keeps shows that there is no other log"
)
RECORDS, HEAD, KEYS = "audit.jsonl", "audit-checkpoint.txt", "audit-keys.txt"
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
OWN = re.compile(rb"# this list: ([0-9a-f]{64})\n")
UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


class Export:
    """The files of an export, in a folder or a zip."""

    def __init__(self, place: Path) -> None:
        self.zip = zipfile.ZipFile(place) if place.is_file() else None
        self.place = place
        if self.zip:
            self.names = [name for name in self.zip.namelist() if not name.endswith("/")]
        else:
            found = (path for path in sorted(place.rglob("*")) if not path.is_dir())
            self.names = [path.relative_to(place).as_posix() for path in found]

    def open(self, name: str) -> IO[bytes]:
        """A file's content."""
        return self.zip.open(name) if self.zip else (self.place / name).open("rb")

    def digest(self, name: str) -> str:
        """SHA-256 of a file."""
        with self.open(name) as content:
            return digest_of(content)

    def read(self, name: str) -> bytes:
        """All of a small file."""
        with self.open(name) as content:
            return content.read()


def digest_of(content: IO[bytes]) -> str:
    """SHA-256 of what is left to read."""
    found = hashlib.sha256()
    for chunk in iter(lambda: content.read(1 << 20), b""):
        found.update(chunk)
    return found.hexdigest()


def listed(content: bytes) -> dict[str, str] | None:
    """What SHA256SUMS says: (digest by name), or None where it was changed itself."""
    *_, last = content.splitlines(keepends=True) or [b""]
    own = OWN.fullmatch(last)
    body = content[: len(content) - len(last)]
    if not own or own.group(1).decode() != hashlib.sha256(body).hexdigest():
        return None
    return entries(body)


def entries(content: bytes) -> dict[str, str]:
    """Digest by name, of the lines that can be read."""
    lines = (LINE.fullmatch(line) for line in content.decode("utf-8", "replace").splitlines())
    return {line.group(2): line.group(1) for line in lines if line}


def check(place: Path) -> tuple[list[str], str]:
    """What is wrong with an export: a list of "name: what"; and the digest of its list."""
    try:
        export = Export(place)
        content = export.read(SUMS)
    except UNREADABLE as exc:
        return [f"{place.name}: cannot be read as an export: {exc}"], ""
    problems = []
    sums = listed(content)
    if sums is None:
        problems.append(f"{SUMS}: changed: its own digest differs; what follows may be its fault")
        sums = entries(content)
    there = set(export.names)
    problems += [f"{name}: missing" for name in sorted(set(sums) - there)]
    problems += [f"{name}: not part of the export" for name in sorted(there - set(sums) - {SUMS})]
    problems += [f"{name}: there twice" for name in there if export.names.count(name) > 1]
    for name in sorted(set(sums) & there):
        problems += fault(export, name, sums)
    problems += audited(export, sums)[0]
    return problems + beside(place), hashlib.sha256(content).hexdigest()


def fault(export: Export, name: str, sums: dict[str, str]) -> list[str]:
    """What is wrong with one file: none or one."""
    try:
        if export.digest(name) != sums[name]:
            return [f"{name}: changed: its SHA-256 is not the one in {SUMS}"]
        if name.startswith("media/") and name.endswith(".json"):
            said = json.loads(export.read(name))
            media = name[: -len(".json")]
            if sums.get(media, said["sha256"]) != said["sha256"]:
                return [f"{media}: its SHA-256 is not the one in its sidecar"]
    except UNREADABLE as exc:
        return [f"{name}: cannot be read: {exc}"]
    return []


def beside(place: Path) -> list[str]:
    """What is wrong with a zip as a whole, by the digest that lies beside it."""
    noted = place.with_name(place.name + ".sha256")
    if not place.is_file() or not noted.is_file():
        return []
    with place.open("rb") as content:
        found = digest_of(content)
    if noted.read_bytes() == f"{found}  {place.name}\n".encode():
        return []
    return [f"{place.name}: changed, or {noted.name} was: they do not agree"]


class Log:
    """The audit log's records in an export, and what they say against the rest of it."""

    def __init__(self, export: Export, sums: dict[str, str]) -> None:
        self.origin, self.size, self.root = checkpoint(export.read(HEAD))
        messages = export.read("events.jsonl").splitlines()
        self.messages = {json.loads(line)["id"]: line for line in messages}
        found = {name for name in sums if name.startswith("media/") and not name.endswith(".json")}
        self.media = {name.rpartition("/")[2]: (name, sums[name]) for name in found}
        self.n_proven = self.n_newer = 0
        self.media_recorded: set[str] = set()
        self.messages_recorded: set[str] = set()
        self.problems: list[str] = []
        for line in export.read(RECORDS).splitlines():
            try:
                self.take(json.loads(line))
            except (*UNREADABLE, TypeError, AttributeError) as exc:
                self.problems.append(f"{RECORDS}: a record that cannot be read: {exc!r}")

    def take(self, given: dict[str, Any]) -> None:
        """One record with its proof, or without where it is newer than the checkpoint."""
        record = json.loads(given["record"])
        if given["proof"] is None:
            self.n_newer += 1
        elif record["n"] == given["n"] and is_included(given, self.size, self.root):
            self.n_proven += 1
        else:
            self.problems.append(f"{RECORDS}: record {given['n']} is not in the log of {HEAD}")
            return
        facts, is_proven = record["facts"], given["proof"] is not None
        if record["kind"] == "evidence.made" and facts["ref"] in self.media:
            name, digest = self.media[facts["ref"]]
            if digest != facts["sha256"]:
                self.problems.append(f"{name}: its SHA-256 is not the one in the audit log")
            elif is_proven:
                self.media_recorded.add(name)
        if record["kind"] == "event" and facts["id"] in self.messages and "personal" in given:
            message = self.messages[facts["id"]]
            if b'"made_from"' in message:
                return
            if not is_recorded(message, given["personal"], record):
                self.problems.append(f"events.jsonl: {facts['id']} is not as in the audit log")
            elif is_proven:
                self.messages_recorded.add(facts["id"])

    def remarks(self) -> list[str]:
        """What is proven, and what is not."""
        n_media, n_messages = len(self.media_recorded), len(self.messages_recorded)
        proven = f"{self.n_proven} records are in {self.origin}, a log of {self.size} records"
        if self.n_newer:
            proven += f"; {self.n_newer} are newer than {HEAD} and not proven"
        same = (
            f"{n_media} of {len(self.media)} media files and {n_messages} of "
            f"{len(self.messages)} events are proven to be as they were recorded"
        )
        return [proven, same, UNSIGNED]


def audited(export: Export, sums: dict[str, str]) -> tuple[list[str], list[str]]:
    """What is wrong by the audit log's records, and what they prove."""
    if RECORDS not in export.names:
        return [], ["the audit log was not provided: nothing here is compared with it"]
    try:
        log = Log(export, sums)
    except UNREADABLE as exc:
        return [f"{RECORDS}: it, {HEAD} or events.jsonl cannot be read: {exc!r}"], []
    return log.problems, log.remarks()


def checkpoint(note: bytes) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint; of nothing where the log had not signed any."""
    if not note:
        return "that has signed nothing yet", 0, b""
    origin, size, root = note.decode("utf-8").split("\n\n")[0].split("\n")
    return origin, int(size), base64.b64decode(root, validate=True)


def is_included(given: dict[str, Any], size: int, root: bytes) -> bool:
    """Whether a record is in a tree, by its proof (RFC 9162, 2.1.3.2)."""
    fn, sn = given["n"], size - 1
    if not 0 <= fn <= sn:
        return False
    found = hashlib.sha256(b"\x00" + given["record"].encode("utf-8")).digest()
    for step in map(bytes.fromhex, given["proof"]):
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            found = hashlib.sha256(b"\x01" + step + found).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + step).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == root


def is_recorded(message: bytes, personal: str, record: dict[str, Any]) -> bool:
    """Whether the personal part is the record's, and holds the hash of this event message."""
    part = json.loads(personal)
    begin, end = f'{{"n":{record["n"]},"personal":', f',"salt":"{part["salt"]}"}}'
    if not personal.startswith(begin) or not personal.endswith(end):
        return False
    salted = bytes.fromhex(part["salt"]) + personal[len(begin) : -len(end)].encode("utf-8")
    told = (hashlib.sha256(salted).hexdigest(), hashlib.sha256(message).hexdigest())
    return told == (record["personal"], part["personal"]["message_sha256"])


def proven(place: Path) -> list[str]:
    """What the audit log's records in an export prove, and what they do not."""
    try:
        export = Export(place)
        return audited(export, entries(export.read(SUMS)))[1]
    except UNREADABLE:
        return []


def main() -> int:
    """Check, and say what was found."""
    default = Path(__file__).resolve().parent
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    problems, digest = check(place)
    for problem in problems:
        sys.stdout.write(f"WRONG  {problem}\n")
    verdict = f"{len(problems)} problems" if problems else "every file is as it was exported"
    remarks = "".join(f"audit log: {remark}\n" for remark in proven(place))
    sys.stdout.write(f"{verdict}\n{remarks}digest of the list: {digest or 'none'}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
