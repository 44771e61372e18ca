"""What a technician does once it is drawn: tries a recording, measures the ground, keeps back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import STREET, Box
from tests.browser.test_drawing import open_camera, save, tap, written
from tests.servers import eventually

pytestmark = [pytest.mark.network, pytest.mark.slow]

N_CAMERAS = 5
GROUND = {(0.10, 0.92): (0, 0), (0.85, 0.92): (12, 0), (0.70, 0.62): (12, 9), (0.25, 0.62): (0, 9)}


def test_a_recording_is_uploaded_and_tried(page: Page, street: Path) -> None:
    """Judged on the box by the rules as drawn, and gone afterwards; nothing is saved."""
    open_camera(page)
    page.get_by_role("tab", name="Try").click()
    panel = page.get_by_role("tabpanel", name="Try")
    panel.get_by_label("Video file").set_input_files(street)
    button = panel.get_by_role("button", name="Try on the recording")
    button.click()
    expect(button).to_be_enabled(timeout=30_000)
    expect(panel.locator(".outcome")).to_contain_text("of street.mp4")
    expect(panel.locator(".outcome")).to_contain_text("line crossed at middle to the right")
    expect(page.get_by_text("Nothing has been changed.")).to_be_visible()


def test_the_page_says_how_many_minutes_there_are(page: Page) -> None:
    """And that a recording was not given is said where it is asked for."""
    open_camera(page)
    page.get_by_role("tab", name="Try").click()
    panel = page.get_by_role("tabpanel", name="Try")
    expect(panel).to_contain_text("remembers who it followed for 10 minutes, without pictures")
    panel.get_by_role("button", name="Try on the recording").click()
    clip = panel.get_by_label("Video file")
    assert clip.evaluate("node => document.activeElement === node")


def test_the_ground_is_clicked_measured_and_saved(box: Box, page: Page) -> None:
    """Four places and where they are in metres, written into the camera's file."""
    open_camera(page)
    page.get_by_role("tab", name="Calibration").click()
    panel = page.get_by_role("tabpanel", name="Calibration")
    for corner, metres in GROUND.items():
        page.evaluate("window.scrollTo(0, 0)")
        tap(page, [corner])
        fields = list(panel.get_by_role("spinbutton").all())[-2:]
        for field, metre in zip(fields, metres, strict=True):
            field.fill(str(metre))
            field.press("Tab")
    panel.get_by_role("button", name="Use this calibration").click()
    expect(page.locator(".diff")).to_contain_text("calibration")
    save(page)
    calibration = written(box)["calibration"]
    assert isinstance(calibration, dict)
    assert sorted(map(tuple, calibration["ground"].values())) == sorted(GROUND.values())
    for place, metres in calibration["ground"].items():
        (corner,) = [at for at, there in GROUND.items() if there == tuple(metres)]
        assert calibration["points"][place] == pytest.approx(corner, abs=0.005)
    assert "# Fitted on 3 March" in box.street.read_text()


def test_a_rule_is_kept_back_with_a_reason_and_let_out_again(box: Box, page: Page) -> None:
    """The control room is told both; without a reason nothing happens."""

    def disarmed() -> list[object]:
        states = box.heard.matching("/camera/street/state/crossing")
        return [state.json.get("disarmed_until") for state in states if state.payload]

    open_camera(page)
    page.get_by_role("tab", name="Rules").click()
    page.locator("details.rule summary").first.click()
    page.locator("details.arming summary").click()
    page.get_by_role("button", name="Keep back").click()
    assert not any(disarmed()[-1:]), "nobody said why"
    page.get_by_label("Why").fill("roadworks until Friday")
    page.get_by_label("Minutes", exact=True).fill("5")
    page.get_by_role("button", name="Keep back").click()
    expect(page.locator(".arming")).to_contain_text("crossing is kept back for 5 minutes.")
    assert eventually(lambda: bool(disarmed()[-1]), 10)
    expect(page.get_by_text("kept back until").first).to_be_visible()
    page.get_by_role("button", name="Let out again").click()
    expect(page.locator(".arming")).to_contain_text("crossing reports again.")
    assert eventually(lambda: not disarmed()[-1], 10)


@pytest.fixture
def more_cameras(box: Box) -> Iterator[None]:
    """Cameras beside the first one."""
    files = [box.street.with_name(f"side-{n}.yaml") for n in range(1, N_CAMERAS)]

    def take_up() -> None:
        n_heard = len(box.heard.matching("/config"))
        box.reload()
        assert eventually(lambda: len(box.heard.matching("/config")) > n_heard, 20)

    for file in files:
        text = STREET.replace("camera: street", f"camera: {file.stem}")
        file.write_text(text.replace("High Street, north end", f"Side street {file.stem[-1]}"))
    take_up()
    yield
    for file in files:
        file.unlink()
    take_up()


@pytest.mark.usefixtures("more_cameras")
def test_many_cameras_at_once_each_show_their_picture(page: Page) -> None:
    """More than a browser has connections for: each in its turn, and the page still answers."""
    tiles = page.locator("article.tile")
    expect(tiles).to_have_count(N_CAMERAS)
    for tile in tiles.all():
        tile.scroll_into_view_if_needed()
        expect(tile.locator(".on-picture")).to_be_hidden(timeout=20_000)
        assert tile.locator("canvas").evaluate("canvas => canvas.width") >= 640
        expect(tile.locator(".figures")).to_be_visible()
    page.get_by_role("link", name="Side street 2").click()
    expect(page.get_by_role("button", name="Draw zone")).to_be_visible()
