"""The sign-off report as a browser shows and prints it; EDGE_PAGE_PICTURES takes its picture."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from playwright.sync_api import Browser, Page

from edge.cli import main
from edge.demo.street import DEMO_LINE, DEMO_ZONE, cached
from edge.detectors import Models
from edge.errors import ModelError
from tests.browser.conftest import PICTURES
from tests.integration.test_chain import Appliance
from tests.rtsp_camera import RtspCamera
from tests.servers import eventually, listening, mosquitto

pytestmark = [pytest.mark.network, pytest.mark.timeout(240)]

A4_PX = (794, 1123)
"""At 96 pixels an inch."""

MODEL = "yolox-nano"


def _detector() -> dict[str, object]:
    """The network where its weights are here, as in the documentation's picture."""
    try:
        Models.on_this_machine().find(MODEL)
    except ModelError:
        return {"kind": "motion"}
    return {"kind": "auto", "model": MODEL, "confidence": 0.35}


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a box whose camera people pass, with a line far up that nobody crosses."""
    # The picture shows the demo's street, which is drawn once and kept.
    drawn = PICTURES and cached(Path.home() / ".cache/edge")[0]
    street: Path = drawn or request.getfixturevalue("street")
    folder = tmp_path_factory.mktemp("harbour")
    (folder / "cameras").mkdir()
    with mosquitto(folder, "allow_anonymous true") as broker, RtspCamera(street) as camera:
        appliance = {
            "version": 1,
            "site": "harbour",
            "node": "cabinet-017",
            "mqtt": {"url": f"mqtt://127.0.0.1:{broker.port}"},
            "storage": {"path": str(folder / "var")},
            "detectors": {"street": _detector()},
        }
        file = {
            "version": 1,
            "camera": "high-street-north",
            "name": "High Street, north end",
            "source": {"kind": "rtsp", "url": camera.url},
            "analyse": {"detector": "street", "fps": 8, "gate": "always"},
            "lines": {"middle": DEMO_LINE, "far-end": [[0.46, 0.40], [0.52, 0.40]]},
            "zones": {"crossing": DEMO_ZONE},
            "masks": {"flats": [[0.0, 0.0], [0.24, 0.0], [0.24, 0.42], [0.0, 0.5]]},
            "rules": [
                {"name": "passing", "kind": "line_crossing", "line": "middle"},
                {"name": "far-end", "kind": "line_crossing", "line": "far-end"},
                {"name": "entry", "kind": "zone_entry", "zone": "crossing"},
            ],
            "calibration": {
                "size": [1280, 720],
                "points": {"a": [0.1, 0.9], "b": [0.9, 0.9], "c": [0.3, 0.55], "d": [0.7, 0.55]},
                "ground": {"a": [-5, 8], "b": [5, 8], "c": [-5, 20], "d": [5, 20]},
            },
        }
        (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
        (folder / "cameras/high-street-north.yaml").write_text(json.dumps(file))
        with listening(broker.port) as room:
            box = Appliance(folder)
            try:
                assert eventually(lambda: room.matching("/event/"), 60), box.output
                where = ("--config", str(folder), "--output", str(folder / "report"))
                main(
                    ["commission", *where, "--no-bench", "--walk", "20", "--engineer", "A. Example"]
                )
            finally:
                box.end(signal.SIGTERM)
    return folder / "report/commission.html"


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, as wide as paper."""
    size = {"width": A4_PX[0], "height": A4_PX[1]}
    context = browser.new_context(viewport=size, device_scale_factor=1)  # type: ignore[arg-type]
    opened = context.new_page()
    opened.goto(report.as_uri())
    yield opened
    context.close()


def test_a_report_can_be_read_on_paper(page: Page) -> None:
    """Nothing is wider than the sheet, the camera's picture is there, the silent rule is framed."""
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= A4_PX[0]
    assert page.evaluate("document.querySelector('.camera img').naturalWidth") > 0
    silent = page.locator(".silent")
    assert silent.locator("li").all_inner_texts() == ["high-street-north/far-end"]
    assert page.locator(".verdict").inner_text().startswith("NOT READY")
    assert page.pdf(format="A4").startswith(b"%PDF")
    if PICTURES:
        _picture(page)


def _picture(page: Page) -> None:
    """The first page and the camera's, side by side."""
    sides = []
    for title in ("", "Cameras"):
        if title:
            heading = page.locator("h2", has_text=title)
            heading.evaluate("e => window.scrollTo(0, e.offsetTop - 40)")
        shot = np.frombuffer(page.screenshot(type="png"), np.uint8)
        side = cv2.imdecode(shot, cv2.IMREAD_COLOR)
        assert side is not None
        sides.append(side)
    between = np.full((A4_PX[1], 8, 3), 128, np.uint8)
    both = cv2.hconcat([sides[0], between, sides[1]])
    both = cv2.resize(
        both, None, fx=1330 / both.shape[1], fy=1330 / both.shape[1], interpolation=cv2.INTER_AREA
    )
    cv2.imwrite(str(Path(PICTURES) / "commission.jpg"), both, [cv2.IMWRITE_JPEG_QUALITY, 80])
