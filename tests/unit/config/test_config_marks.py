"""Reading YAML: places, values, secrets, and files meant to break the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.config import marks
from edge.config.credentials import Secrets
from edge.config.problem import Document, Finding

CASES = Path(__file__).resolve().parents[2] / "config"


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def _read(folder: Path, text: str) -> Document:
    file = folder / "file.yaml"
    file.write_text(text, encoding="utf-8")
    return marks.read(file, Secrets(folder))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param(("a",), (1, 1), id="key of a block"),
        pytest.param(("a", "b"), (2, 3), id="key in a block"),
        pytest.param(("a", "b", 1), (2, 11), id="entry of a list, at its value"),
        pytest.param(("c", 0, "d"), (4, 5), id="key in an entry"),
        pytest.param(("c", 0, "gone"), (4, 5), id="missing key, at the block around it"),
        pytest.param(("gone", 3), (1, 1), id="missing block, at the top"),
    ],
)
def test_a_value_is_found_in_its_file(
    tmp_path: Path, path: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    """A path leads to the key's line and column, or to the nearest block that exists."""
    document = _read(tmp_path, "a:\n  b: [17, 4]\nc:\n  - d: yes\n")
    assert document.place(path) == place


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("8", 8),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("yes", True),
        ("Off", False),
        ("", None),
        ("~", None),
        ("22:30", "22:30"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("2026-11-23", "2026-11-23"),
        ("'8'", "8"),
        ("y", "y"),
        ("!!str 8", "8"),
        ("٣", "٣"),
    ],
)
def test_plain_values_are_read_without_surprises(
    tmp_path: Path, written: str, value: object
) -> None:
    """Decimal numbers and yes/no are values; whatever else looks like a number stays text."""
    document = _read(tmp_path, f"a: {written}\n")
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)
    assert not document.findings


def test_keys_are_texts_as_written(tmp_path: Path) -> None:
    """A zone may be called `no` or `7`."""
    assert _read(tmp_path, "no: 1\n7: 2\nnull: 3\n").data == {"no": 1, "7": 2, "null": 3}


def test_both_parsers_read_the_same() -> None:
    """What libyaml makes of a file are the values and places the Python parser finds."""

    def read(text: str, loader: Any) -> object:
        try:
            root = marks._node(text, loader)
        except yaml.YAMLError:
            return None
        reader = marks._Reader(Secrets(CASES))
        return root and (reader.value(root, (), root), reader.marks)

    for file in CASES.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        assert read(text, marks._FAST) == read(text, marks._PLAIN), file


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: &a [*a]\n", id="a value that contains itself"),
        pytest.param("a: " + "[" * 100_000, id="open brackets"),
        pytest.param("- " * 100_000, id="lists in lists"),
        pytest.param(
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{key}: &{key} [{','.join([f'*{before}'] * 9)}]\n"
                for before, key in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            id="aliases that double",
        ),
    ],
)
def test_a_file_that_never_ends_is_refused(tmp_path: Path, text: str) -> None:
    """A file that would fill memory or the stack gives one finding, and the process lives."""
    document = _read(tmp_path, text)
    assert [finding.cause for finding in document.findings] == [
        "too many values, or blocks in blocks"
    ]


@pytest.mark.parametrize(
    ("content", "at", "cause"),
    [
        (b"a: 1\nname: caf\xe9\n", (2, 10), "not UTF-8 text"),
        (b"a: 1\nb: \x07\n", (2, 4), "character U+0007 cannot stand in YAML"),
        (b"a: *x\n", (1, 4), "a text that begins with '*' needs quotes"),
        (b'a: "C:\\x"\n', (1, 9), "in double quotes '\\' has a special meaning"),
        (b"a: 1\n---\nb: 2\n", (2, 1), "a second document begins here"),
        (b"a: [1]]\n", (1, 7), "a closing bracket that was never opened"),
        (b"rules:\n  -name: a\n   kind: b\n", (2, 3), "a '-' without a space after it"),
        (b"a:1\nb: 2\n", (1, 2), "a ':' without a space after it"),
        (b"a:\n    b: 1\n  c: 2\n", (3, 3), "the indentation of this line fits no line above"),
        (b"a: 1\n<<: {b: 2}\n", (2, 1), "YAML's merge key '<<' is not supported"),
        (b"[a]: 1\n", (1, 1), "a key must be a text"),
        (b"a: !env X\n", None, "cannot use '!env' here"),
        (b"a: !!int x\n", None, "cannot use '!!int' here"),
        (b"a: !x {b: 1}\n", None, "cannot use '!x' here"),
        (b"a: " + b"9" * 400 + b"\n", None, "this number is too large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_broken_yaml_is_explained(
    tmp_path: Path, content: bytes, at: tuple[int, int] | None, cause: str
) -> None:
    """Each gives one finding, at the place to repair."""
    file = tmp_path / "file.yaml"
    file.write_bytes(content)
    (finding,) = marks.read(file, Secrets(tmp_path)).findings
    assert (finding.at, finding.cause) == (at, cause)


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    """A file saved by a Windows editor is read like any other."""
    file = tmp_path / "file.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert marks.read(file, Secrets(tmp_path)).data == {"a": 1, "b": 2}


def test_a_credential_comes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`!secret` asks the service's credentials first, `secrets.yaml` next."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "one").write_text("from systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("one: from the file\ntwo: 0123\n")
    secrets.chmod(0o600)

    wanted = {"a": "from systemd", "b": "0123"}
    assert _read(tmp_path, "a: !secret one\nb: !secret two\n").data == wanted
    # `edge check` has no credentials of its own; it finds those that install.sh hands the service.
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert _read(tmp_path, "a: !secret one\nb: !secret two\n").data == wanted


def test_a_secret_cannot_name_a_file_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is a name, not a path out of the credentials folder."""
    (tmp_path / "credentials").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "other").write_text("hunter2")

    document = _read(tmp_path, "a: !secret ../other\n")
    assert document.findings[0].cause == "'../other' cannot be the name of a secret"
    assert "hunter2" not in str(document.data)


def test_variables_are_put_into_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several may stand in one text; what they give is not looked into again."""
    monkeypatch.setenv("ONE", "1")
    monkeypatch.setenv("TWO", "${ONE}")
    assert _read(tmp_path, 'a: "x-${ONE}-${TWO}"\n').data == {"a": "x-1-${ONE}"}


def test_a_document_does_not_show_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its repr nor a problem that quotes the value holds what a reference gave."""
    monkeypatch.setenv("WORD", "opensesame")
    document = _read(tmp_path, "a: ${WORD}\npassword: plainly\n")
    said = str(document.problem(Finding(("a",), "got 'opensesame'", "not plainly")))

    assert said.endswith("a: got '${WORD}'; not ***\n    a: ${WORD}\n    ^")
    assert "opensesame" not in repr(document)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("url: rtsp://u:p@ss w@h/1", "url: rtsp://u:***@h/1"),
        ("url: rtsp://${U}:${P}@h/1", "url: rtsp://${U}:${P}@h/1"),
        ("url: rtsp://10.0.0.1:554/1", "url: rtsp://10.0.0.1:554/1"),
        ("url: rtsp://h/user=a&password=b&x=1", "url: rtsp://h/user=a&password=***&x=1"),
        ("password: a b # c", "password: ***"),
        ("mqtt_passwrd: 'a'  # c", "mqtt_passwrd: ***  # c"),
        ('{"pasword": "a\\"b", c: d}', '{"pasword": ***, c: d}'),
        ("password: !secret mqtt", "password: !secret mqtt"),
        ('password: "${P}"', 'password: "${P}"'),
        ("key_file: tls/node.key", "key_file: tls/node.key"),
    ],
)
def test_passwords_in_the_clear_are_masked(tmp_path: Path, line: str, shown: str) -> None:
    """The printed line hides passwords, also where YAML or the key is broken; references stay."""
    problem = Document("f", lines=(line,)).problem(Finding((), "x", at=(1, 1)))
    assert problem.source == shown
