"""Weights are found, proven, and brought here; a wrong file is never used."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge.detectors import Models, pull
from edge.detectors._weights import SHIPPED
from edge.errors import ModelError, ModelMismatch, ModelMissing
from tests.unit.detectors.tiny_model import write_card

CONTENT = b"weights" * 20_000
URL = "https://example.org/tiny.onnx"


def card_of(content: bytes = CONTENT, *, url: str | None = URL) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    weights = {"file": "tiny.onnx", "sha256": sha256, "bytes": len(content)}
    return {"weights": [{**weights, "url": url, "note": "Export it yourself."}]}


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """One folder with a card and no weights."""
    write_card(tmp_path / "a", **card_of())
    return Models([tmp_path / "a", tmp_path / "b"], shipped=tmp_path / "none")


@pytest.mark.parametrize("place", ["a/tiny/tiny.onnx", "a/tiny.onnx", "b/tiny/tiny.onnx"])
def test_weights_are_found_in_every_place_promised(
    models: Models, tmp_path: Path, place: str
) -> None:
    """Folder of the model, or the folder itself, along the search path."""
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    assert models.find("tiny") == path
    assert models.digest(path) == hashlib.sha256(CONTENT).hexdigest()


def test_missing_weights_name_the_places_and_the_commands(models: Models, tmp_path: Path) -> None:
    """A technician reads where it was sought and what to type, with and without internet."""
    with pytest.raises(ModelMissing) as caught:
        models.find("tiny")
    assert str(caught.value) == (
        f"no weights for model tiny: sought tiny.onnx in {tmp_path}/a, {tmp_path}/b; "
        "run `edge model pull tiny`, or, on a site without internet, "
        "`edge model pull tiny --from FILE`"
    )


def test_a_stranger_is_refused_and_passed_over(models: Models, tmp_path: Path) -> None:
    """A file with another SHA-256 is an error, unless the right one lies further on."""
    stranger = tmp_path / "a" / "tiny.onnx"
    stranger.write_bytes(b"something else")
    with pytest.raises(ModelMismatch) as caught:
        models.find("tiny")
    text = str(caught.value)
    assert text.startswith(f"{stranger} is not the weights of tiny: expected SHA-256 ")
    assert hashlib.sha256(CONTENT).hexdigest() in text
    assert hashlib.sha256(b"something else").hexdigest() in text
    assert "edge model pull tiny" in text
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "tiny.onnx").write_bytes(CONTENT)
    assert models.find("tiny") == tmp_path / "b" / "tiny.onnx"


def test_a_file_that_changes_is_read_again(models: Models, tmp_path: Path) -> None:
    """The remembered digest is of this size and time only."""
    path = tmp_path / "a" / "tiny.onnx"
    path.write_bytes(CONTENT)
    assert models.find("tiny") == path
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelMismatch):
        models.find("tiny")


def test_an_unknown_name_is_answered_with_a_near_one(models: Models) -> None:
    """A typing error costs one glance."""
    with pytest.raises(ModelMissing, match=r"no model card named 'tinny'; did you mean 'tiny'\?"):
        models.card("tinny")


def test_the_search_path_is_the_promised_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """./models, storage, then $EDGE_MODELS; and the shipped cards are always there."""
    monkeypatch.setenv("EDGE_MODELS", f"{tmp_path}/x{os.pathsep}{tmp_path}/y{os.pathsep}")
    models = Models.on_this_machine(tmp_path / "storage")
    assert models.folders == (
        Path("models"),
        tmp_path / "storage" / "models",
        tmp_path / "x",
        tmp_path / "y",
    )
    assert {"yolox-nano", "deimv2-femto"} <= set(models.names())
    assert models.card("yolox-nano").weights[0].url is not None


def test_a_card_of_ones_own_comes_before_the_shipped_one(tmp_path: Path) -> None:
    """A site may replace a card without touching the installation."""
    write_card(tmp_path, "yolox-nano", source="https://example.org/ours")
    models = Models([tmp_path], shipped=SHIPPED)
    assert models.card("yolox-nano").source == "https://example.org/ours"


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A web server on loopback: its address, and the pages it has."""
    pages: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(CONTENT if page is None else page)))
            self.end_headers()
            if page is not None:
                # One page promises more than it sends: the connection breaks off.
                self.wfile.write(page[:1000] if self.path == "/broken" else page)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", pages
        http.shutdown()
        thread.join()


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.name != "card.yaml")


def test_a_download_is_verified_and_used(
    models: Models, tmp_path: Path, server: tuple[str, dict[str, bytes]]
) -> None:
    """From address to search path, told as it goes; a second time nothing is fetched."""
    address, pages = server
    pages["/tiny.onnx"] = CONTENT
    steps: list[tuple[int, int]] = []
    path = pull(
        models.card("tiny"),
        tmp_path / "b",
        progress=lambda *step: steps.append(step),
        url=f"{address}/tiny.onnx",
    )
    assert path == models.find("tiny") == tmp_path / "b" / "tiny" / "tiny.onnx"
    assert path.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    pages.clear()
    assert pull(models.card("tiny"), tmp_path / "b", url=f"{address}/tiny.onnx") == path


class Bad(NamedTuple):
    """A page that must not be installed, and what is said instead."""

    page: str
    content: bytes | None
    error: type[ModelError]
    text: str


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(Bad("/gone", None, ModelError, "answered 404 Not Found; fetch"), id="404"),
        pytest.param(
            Bad("/x", b"w" * len(CONTENT), ModelMismatch, "nothing was installed"), id="other"
        ),
        pytest.param(
            Bad("/x", CONTENT + b"!", ModelMismatch, "is longer than the 140000 bytes"), id="longer"
        ),
        pytest.param(
            Bad("/x", CONTENT[:-9], ModelError, "broke off after 139991 of 140000"), id="shorter"
        ),
        pytest.param(Bad("/broken", CONTENT, ModelError, "/broken"), id="connection breaks"),
    ],
)
def test_a_bad_download_leaves_nothing(
    models: Models, tmp_path: Path, server: tuple[str, dict[str, bytes]], bad: Bad
) -> None:
    """Whatever goes wrong, it is said, and no file bears the weights' name."""
    address, pages = server
    if bad.content is not None:
        pages[bad.page] = bad.content
    with pytest.raises(bad.error, match=bad.text):
        pull(models.card("tiny"), tmp_path / "b", url=address + bad.page, timeout_s=5)
    assert leftovers(tmp_path / "b") == ["tiny"]


def test_no_network_says_what_to_do_instead(models: Models, tmp_path: Path) -> None:
    """A refused connection names the address and the way round."""
    with pytest.raises(ModelError, match=r"127.0.0.1:9/x cannot be downloaded: .*--from FILE"):
        pull(models.card("tiny"), tmp_path, url="http://127.0.0.1:9/x", timeout_s=5)


def test_a_file_brought_by_hand_is_verified_too(models: Models, tmp_path: Path) -> None:
    """Any name will do, the content must be right."""
    stick = tmp_path / "download (1).bin"
    stick.write_bytes(CONTENT)
    assert pull(models.card("tiny"), tmp_path / "b", stick) == models.find("tiny")
    stick.write_bytes(b"holiday pictures")
    with pytest.raises(ModelMismatch, match="is not the weights of tiny"):
        pull(models.card("tiny"), tmp_path / "c", stick)
    with pytest.raises(ModelError, match=r"nothing cannot be read: No such file"):
        pull(models.card("tiny"), tmp_path / "c", tmp_path / "nothing")
    assert not (tmp_path / "c").exists()


def test_a_card_without_address_says_how_to_get_the_file(tmp_path: Path) -> None:
    """Nothing to download is not a failure of the network."""
    write_card(tmp_path, **card_of(url=None))
    with pytest.raises(ModelMissing, match=r"no address .*Export it yourself\..*--from FILE"):
        pull(Models([tmp_path]).card("tiny"), tmp_path)


def test_a_full_disk_is_said_and_leaves_nothing(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk's own error, with a remedy, and no half a file."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    stick = tmp_path / "stick"
    stick.write_bytes(CONTENT)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match=r"tiny.onnx cannot be written: No space left.*free space"):
        pull(models.card("tiny"), tmp_path / "b", stick)
    assert leftovers(tmp_path / "b") == ["tiny"]


def test_a_folder_that_is_a_file_is_said(models: Models, tmp_path: Path) -> None:
    """A wrong `--into` is the user's mistake, not a trace."""
    stick = tmp_path / "stick"
    stick.write_bytes(CONTENT)
    with pytest.raises(ModelError, match=r"cannot be written: (Not a directory|File exists)"):
        pull(models.card("tiny"), stick, stick)
