"""Drawing on the picture: with a mouse, with keys alone, and two people at once."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.browser.conftest import STREET, Box
from tests.servers import eventually

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow]

GROUND = [(0.05, 0.60), (0.95, 0.60), (0.95, 0.97), (0.05, 0.97)]


def open_camera(page: Page) -> None:
    page.get_by_role("link", name="High Street, north end").click()
    page.get_by_role("button", name="Draw zone").wait_for()
    expect(page.locator(".on-picture")).to_be_hidden()


def tap(page: Page, points: Iterable[tuple[float, float]]) -> None:
    """Click places of the picture, in fractions of it."""
    for x, y in points:
        box = page.locator("svg.drawing").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".summary", has_text="Saved, and in force.").wait_for()


def add_rule(page: Page, kind: str, name: str) -> None:
    page.get_by_role("tab", name="Rules").click()
    page.get_by_label("New rule").select_option(kind)
    page.get_by_role("button", name="Add rule").click()
    field = page.get_by_role("textbox", name="Name").last
    field.fill(name)
    field.press("Tab")


def written(box: Box) -> dict[str, object]:
    found = yaml.safe_load(box.street.read_text())
    assert isinstance(found, dict)
    return found


def test_a_zone_is_drawn_saved_and_reports(box: Box, page: Page) -> None:
    """From a mouse on the picture of a running camera to an event at the broker."""
    open_camera(page)
    page.get_by_role("button", name="Draw zone").click()
    tap(page, [*GROUND, GROUND[0]])
    name = page.get_by_role("textbox", name="Name")
    name.fill("pavement")
    name.press("Tab")
    add_rule(page, "zone_entry", "on-the-pavement")
    expect(page.locator(".diff")).to_contain_text("+  - {name: on-the-pavement")
    assert box.street.read_text() == STREET, "nothing is written before it is saved"
    save(page)

    text = box.street.read_text()
    for kept in ("# Fitted on 3 March", "  # the door of number 12\n  doorway:", "# over both"):
        assert kept in text
    zones = written(box)["zones"]
    assert isinstance(zones, dict)
    for drawn, wanted in zip(zones["pavement"], GROUND, strict=True):
        assert drawn == pytest.approx(wanted, abs=0.002)
    assert eventually(
        lambda: [
            event
            for event in box.heard.matching("/event/zone_entered")
            if event.json["rule"] == "on-the-pavement" and event.json["where"] == "pavement"
        ],
        20.0,
    )


def test_the_last_save_is_undone(box: Box, page: Page) -> None:
    """The file is, byte for byte, what it was before the last change made on the page."""
    open_camera(page)
    page.get_by_role("button", name="doorway").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    save(page)
    assert box.street.read_text() != STREET
    page.get_by_role("button", name="Undo last save").click()
    page.locator(".summary", has_text="The last save is undone").wait_for()
    assert box.street.read_text() == STREET
    expect(page.get_by_role("button", name="doorway")).to_be_visible()


def test_keys_alone_draw_a_zone(box: Box, page: Page) -> None:
    """Tab, arrows, Space and Enter do what a mouse does; no mouse is touched."""
    page.get_by_role("link", name="High Street, north end").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Draw zone").wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Draw zone":
            break
    page.keyboard.press("Enter")
    for keys in ("Shift+ArrowLeft", "Shift+ArrowDown", "Shift+ArrowRight"):
        for _ in range(4):
            page.keyboard.press(keys)
        page.keyboard.press("Space")
    expect(page.locator("#polite")).to_contain_text("Point 3: 50.0 % across, 70.0 % down")
    page.keyboard.press("Enter")
    expect(page.locator("#polite")).to_contain_text("zone zone-1 with 3 points is drawn")
    # The first point has the focus: it is moved, one is added after it, and that is removed.
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Insert")
    expect(page.locator(".grip")).to_have_count(4)
    page.keyboard.press("Delete")
    expect(page.locator(".grip")).to_have_count(3)
    save_button = page.get_by_role("button", name="Save", exact=True)
    expect(save_button).to_be_enabled()
    save_button.focus()
    page.keyboard.press("Enter")
    page.locator(".summary", has_text="Saved, and in force.").wait_for()
    zones = written(box)["zones"]
    assert isinstance(zones, dict)
    assert zones["zone-1"] == [[0.3, 0.495], [0.3, 0.7], [0.5, 0.7]]


def test_points_are_dragged_and_each_step_is_undone(page: Page) -> None:
    """A drag is one step; undo takes back the steps one by one, and redo brings them again."""
    open_camera(page)
    page.get_by_role("button", name="doorway").click()
    across = page.get_by_label("Point 1, across")
    expect(across).to_have_value("2")
    grip = page.locator(".grip").first.bounding_box()
    assert grip is not None
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(grip["x"] + 60, grip["y"] + 8, steps=6)
    page.mouse.up()
    moved = across.input_value()
    assert float(moved) > 5
    page.get_by_label("Point 2, down").fill("50")
    page.get_by_label("Point 2, down").press("Tab")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_label("Point 2, down")).to_have_value("55")
    expect(across).to_have_value(moved)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(across).to_have_value("2")
    expect(page.get_by_text("Nothing has been changed.")).to_be_visible()
    page.get_by_role("button", name="Redo").click()
    expect(across).to_have_value(moved)


def test_the_arrow_shows_the_side_the_contract_means(page: Page) -> None:
    """The line goes up the picture, away from the camera: its right is the picture's right."""
    open_camera(page)
    side = page.locator("svg.drawing text.side")
    expect(side).to_have_text("right")
    line = page.locator(".shape.line polyline.stroke").bounding_box()
    word = side.bounding_box()
    assert line is not None
    assert word is not None
    assert word["x"] > line["x"]
    page.get_by_role("button", name="middle").click()
    page.get_by_role("button", name="Swap left and right").click()
    expect(side).to_have_text("right")
    swapped = side.bounding_box()
    assert swapped is not None
    assert swapped["x"] < line["x"]


def test_two_people_do_not_overwrite_each_other(box: Box, page: Page) -> None:
    """Who saves second is told, sees both versions of what both changed, and loses nothing."""
    ben = box.login("ben")
    for one in (page, ben):
        open_camera(one)
        one.get_by_role("button", name="doorway").click()
    page.get_by_label("Point 1, across").fill("5")
    page.get_by_label("Point 1, across").press("Tab")
    page.get_by_role("button", name="Draw mask").click()
    tap(page, [(0.01, 0.01), (0.3, 0.01), (0.3, 0.2)])
    page.get_by_role("button", name="Finish").click()
    ben.get_by_label("Point 1, across").fill("8")
    ben.get_by_label("Point 1, across").press("Tab")
    ben.get_by_role("button", name="Draw line").click()
    tap(ben, [(0.6, 0.9), (0.8, 0.9)])
    ben.get_by_role("button", name="Finish").click()
    for one in (page, ben):
        expect(one.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    save(page)

    ben.get_by_role("button", name="Save", exact=True).click()
    told = ben.get_by_role("group", name="Two people changed this camera")
    expect(told).to_contain_text("Nothing of yours is lost")
    expect(told).to_contain_text("0.05")
    expect(told).to_contain_text("0.08")
    now = written(box)
    assert "mask-1" in str(now["masks"]), "what anna saved is still there"
    told.get_by_label(re.compile("Theirs")).check()
    ben.get_by_role("button", name="Join both").click()
    expect(ben.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    save(ben)
    both = written(box)
    assert "mask-1" in str(both["masks"])
    assert "line-1" in str(both["lines"])
    assert isinstance(both["zones"], dict)
    assert both["zones"]["doorway"][0] == [0.05, 0.55]
    ben.context.close()


def test_what_is_drawn_outlives_a_session(box: Box, page: Page) -> None:
    """A session that ended asks for the password on top of the drawing, which is then saved."""
    open_camera(page)
    page.get_by_role("button", name="Draw zone").click()
    tap(page, GROUND[:3])
    page.context.clear_cookies()
    page.get_by_role("heading", name="Log in to this box").wait_for()
    expect(page.get_by_role("dialog")).to_contain_text("What you have drawn is still here")
    box.log_in(page, "anna")
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    save(page)
    assert "zone-1" in box.street.read_text()


def test_rules_are_tried_before_they_are_armed(page: Page) -> None:
    """What the ring holds is judged by the rules as drawn; nothing is saved."""
    open_camera(page)
    page.get_by_role("tab", name="Try").click()
    button = page.get_by_role("button", name="Try on the last minutes")
    outcome = page.get_by_role("tabpanel", name="Try").locator(".outcome")
    for _ in range(20):  # until somebody has crossed since the camera's file was taken up
        button.click()
        expect(button).to_be_enabled(timeout=20_000)
        if "crossing" in outcome.inner_text():
            break
        page.wait_for_timeout(500)
    expect(outcome).to_contain_text("line crossed at middle to the right")
    expect(page.get_by_text("Nothing has been changed.")).to_be_visible()
