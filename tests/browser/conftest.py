"""One browser, one broker and one daemon for all tests of the page."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from edge.demo.street import Camera, Scene, render
from edge.web.users import Role, Users
from tests.servers import Listener, eventually, free_port, listening, mosquitto

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed; run: pip install playwright"
)
from playwright.sync_api import (  # noqa: E402
    Browser,
    BrowserContext,
    Page,
    StorageState,
    sync_playwright,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HERE = Path(__file__).resolve().parent
PICTURES = os.environ.get("EDGE_PAGE_PICTURES", "")
"""A folder for the pictures of the documentation; empty where none are to be taken."""

PASSWORD = "three grey herons wade"  # noqa: S105 - of users made here
EVIDENCE = {"max_gib": 1, "min_free_gib": 0, "pre_seconds": 2, "post_seconds": 2}
STREET = """\
# Fitted on 3 March; ask Jo before turning it.
version: 1
camera: street
name: High Street, north end
source: {kind: file, path: clips/street.mp4, loop: true, realtime: true}
analyse: {detector: anything, fps: 8, gate: always}

zones:
  # the door of number 12
  doorway: [[0.02, 0.55], [0.20, 0.55], [0.20, 0.75], [0.02, 0.75]]
lines:
  middle: [[0.47, 0.99], [0.47, 0.58]]  # over both pavements
rules:
  - {name: crossing, kind: line_crossing, line: middle, direction: right, priority: alert}
"""


@dataclass
class Box:
    """A running appliance.

    Attributes:
        url: Of its page.
        folder: Of its configuration.
        heard: What its broker carries.
        process: The daemon.
        login: Opens a page of a browser of its own, somebody logged in; `None` for nobody.
        faults: What scripts of the pages failed with.
    """

    url: str
    folder: Path
    heard: Listener
    process: subprocess.Popen[bytes]
    login: Callable[[str | None], Page]
    faults: list[str]

    @property
    def street(self) -> Path:
        """The camera's file."""
        return self.folder / "cameras" / "street.yaml"

    @staticmethod
    def log_in(page: Page, user: str) -> None:
        """Fill in the form."""
        page.get_by_label("User").fill(user)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()

    def reload(self) -> None:
        """As `systemctl reload edge` does."""
        self.process.send_signal(signal.SIGHUP)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; run: apt-get install chromium")
    arguments = ["--disable-gpu"]  # drawn by the processor either way; without a process for it
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # it will not have root in its sandbox
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


@pytest.fixture(scope="package")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of the rendered street, where people and cars pass; small, to be soon made."""
    path = tmp_path_factory.mktemp("clips") / "street.mp4"
    small = Camera() if PICTURES else Camera(width=640, height=360)
    render(path, Scene(seconds=6.0, fps=8, camera=small))
    return path


@pytest.fixture(scope="package")
def running(
    browser: Browser, street: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Box]:
    """A box with one camera, two technicians and a viewer."""
    folder = tmp_path_factory.mktemp("site")
    with mosquitto(folder) as broker, listening(broker.port) as heard:
        port = _configure(folder, broker.port, street)
        url = f"http://127.0.0.1:{port}/"
        with (folder / "log").open("wb") as log, _daemon(folder, log.fileno()) as process:
            if not eventually(lambda: _answers(url), 20.0):
                pytest.fail((folder / "log").read_text())
            faults: list[str] = []
            with _people(browser, url, faults) as login:
                yield Box(url, folder, heard, process, login, faults)


@pytest.fixture
def box(running: Box) -> Box:
    """The box, its camera's file as it was at the start."""
    if running.street.read_text() != STREET:
        running.street.write_text(STREET)
        n_heard = len(running.heard.matching("/config"))
        running.reload()
        assert eventually(lambda: len(running.heard.matching("/config")) > n_heard)
    return running


def _configure(folder: Path, broker_port: int, street: Path) -> int:
    port = free_port()
    appliance = {
        "version": 1,
        "site": "westminster",
        "node": "cabinet-017",
        "mqtt": {"url": f"mqtt://127.0.0.1:{broker_port}", "root": "cctv"},
        "storage": {"path": str(folder / "var"), "evidence": EVIDENCE},
        "detectors": {"anything": {"kind": "motion"}},
        "web": {"listen": f"127.0.0.1:{port}"},
    }
    (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    for name in ("cameras", "clips", "var"):
        (folder / name).mkdir()
    (folder / "clips" / "street.mp4").symlink_to(street)
    (folder / "cameras" / "street.yaml").write_text(STREET)
    users = Users(folder / "var")
    roles: dict[str, Role] = {"anna": "technician", "ben": "technician", "vera": "viewer"}
    for name, role in roles.items():
        users.add(name, role, PASSWORD)
    return port


@contextmanager
def _daemon(folder: Path, log: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "edge", "run", "--config", str(folder)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    place = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((place.hostname, place.port)) == 0


@contextmanager
def _people(
    browser: Browser, url: str, faults: list[str]
) -> Iterator[Callable[[str | None], Page]]:
    """Pages for people; each logs in once and keeps their cookie."""
    states: dict[str, StorageState] = {}
    contexts: list[BrowserContext] = []

    def login(user: str | None) -> Page:
        state = states.get(user or "")
        context = browser.new_context(
            viewport={"width": 1280, "height": 900}, storage_state=state, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security" in said.text else None,
        )
        page.goto(url)
        if user is not None and state is None:
            Box.log_in(page, user)
            page.get_by_role("heading", name="Cameras").wait_for()
            states[user] = context.storage_state()
        return page

    yield login
    for context in contexts:
        context.close()


@pytest.fixture(scope="package")
def anna(running: Box) -> Page:
    """A technician's browser."""
    found = running.login("anna")
    found.on("dialog", lambda dialog: dialog.accept())  # leave, whatever was drawn
    return found


@pytest.fixture
def page(box: Box, anna: Page) -> Iterator[Page]:
    """The page as a technician first sees it; no script of it may have failed."""
    anna.goto("about:blank")
    anna.goto(box.url)
    anna.locator("article.tile").first.wait_for()
    yield anna
    assert box.faults == []
