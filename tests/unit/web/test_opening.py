"""The page opens, costs nothing while nobody looks, and never stops the watching."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from edge.config import load
from edge.runtime.asker import HANGUP
from tests.clips import encode
from tests.page import Opened, browser_at, configured, opened, running
from tests.servers import eventually, listening, mosquitto


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A box with one camera that shows something still."""
    still = encode(tmp_path / "still.mp4", n_frames=60, is_steady=True, has_box=False)
    return configured(tmp_path / "box", still)


def test_nothing_is_decoded_or_coded_while_nobody_looks(folder: Path) -> None:
    """A still camera's packets are passed over until somebody looks.

    Then each picture is decoded, and coded once however many look.
    """
    with opened(folder) as (daemon, browser):
        browser.begin()
        camera = daemon.service.cameras[0]
        panel = daemon.page.panel
        assert eventually(lambda: camera.counters.n_passed > 20, 30)
        assert panel.n_coded == 0

        live = "/api/cameras/street/live"
        with browser.listening(live) as one, browser.listening(live) as two:
            assert (one.headers["content-type"] or "").startswith("multipart/x-mixed-replace")
            assert b"image/jpeg" in one.read(200)
            assert two.read(200)
            began, n_coded = time.monotonic(), panel.n_coded
            n_passed, n_packets = camera.counters.n_passed, camera.reader.n_packets
            time.sleep(1.5)
            passed_s = time.monotonic() - began
            assert 1 <= panel.n_coded - n_coded <= passed_s * 5 + 2
            assert camera.counters.n_passed - n_passed <= 2
            assert camera.reader.n_packets - n_packets > 5
        viewers = daemon.service.viewers("street")
        assert viewers is not None
        assert eventually(lambda: not viewers.is_watched, 10)
        n_coded, n_passed = panel.n_coded, camera.counters.n_passed
        assert eventually(lambda: camera.counters.n_passed > n_passed + 10, 30)
        assert panel.n_coded == n_coded


def test_who_looks_goes_on_looking_over_a_reload(folder: Path) -> None:
    """The camera begins anew, the picture stays; a camera that is taken out ends it."""
    file = folder / "cameras" / "street.yaml"
    with opened(folder) as (_, browser):
        browser.begin()
        with browser.listening("/api/cameras/street/live") as live:
            assert live.read(2000)
            file.write_text(file.read_text().replace("fps: 8", "fps: 7"))
            assert browser.ask("POST", "/api/reload", {}).status == 200
            assert len(live.read(20_000)) == 20_000
            file.unlink()
            assert browser.ask("POST", "/api/reload", {}).status == 200
            while live.read(10_000):
                pass
        assert browser.ask("GET", "/api/cameras/street/picture").status == 404


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        pytest.param("", "cannot be opened: Address already in use", id="its port is taken"),
        pytest.param(
            "0.0.0.0:0", "it needs web.cert_file, web.key_file and a user", id="unprotected"
        ),
    ],
)
def test_a_page_that_cannot_be_opened_stops_no_watching(
    folder: Path, listen: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said in the log, and the box watches; a reload tries again."""
    file = folder / "appliance.yaml"
    text = file.read_text()
    with opened(folder) as (_, other):
        taken = listen or f"127.0.0.1:{other.port}"
        file.write_text(
            text.replace("127.0.0.1:0", taken).replace(str(folder / "var"), str(folder / "two"))
        )
        with running(Opened(load(folder), lambda: load(folder))) as daemon:
            assert words in daemon.page.trouble
            assert any(words in record.message for record in caplog.records)
            (camera,) = daemon.service.cameras
            assert eventually(lambda: camera.status.state == "watching", 30)
            file.write_text(file.read_text().replace(taken, "127.0.0.1:0"))
            assert daemon.service.config.folder == folder
            daemon._ask_reload(HANGUP)
            assert eventually(lambda: daemon.page.url != "", 30)
            assert daemon.page.trouble == ""


@pytest.mark.network
def test_the_control_room_hears_why_the_page_is_not_open(folder: Path, tmp_path: Path) -> None:
    """The journal of a box in the field is read by nobody."""
    file = folder / "appliance.yaml"
    with mosquitto(tmp_path) as broker, listening(broker.port) as heard, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        text = file.read_text().replace("127.0.0.1:0", taken)
        file.write_text(text.replace('127.0.0.1:1"', f'127.0.0.1:{broker.port}"'))
        with running(Opened(load(folder), lambda: load(folder))):
            assert eventually(lambda: bool(heard.matching("/health")), 20)
    said = heard.matching("/health")[0].json["page"]
    assert taken in said
    assert "cannot be opened: Address already in use" in said


def test_the_demo_s_page_shows_and_changes_no_file(folder: Path) -> None:
    """A configuration that has no files is seen; what would write is refused in words."""
    with running(Opened(load(folder))) as daemon:
        browser = browser_at(daemon)
        browser.begin()
        found = browser.ask("GET", "/api/cameras/street").json
        assert found["file"] is None
        assert found["rules"][0]["name"] == "yard-entry"
        refused = browser.ask("PUT", "/api/cameras/street", {"sha256": "", "zones": {}})
        assert refused.status == 409
        assert "edge run" in refused.json["error"]
