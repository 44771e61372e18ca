"""What goes wrong is said where it is wrong."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, STREET, Box
from tests.browser.test_drawing import open_camera
from tests.servers import eventually

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow]


def test_a_file_broken_by_hand_is_shown_at_its_line(box: Box, page: Page) -> None:
    """On every view: file, line and column, cause, remedy and a caret; mended, it goes."""
    box.street.write_text(STREET.replace("line: middle,", "line: midle,"))
    box.reload()
    banner = page.locator("#banners")
    expect(banner).to_contain_text("The last good configuration stays in force")
    expect(banner).to_contain_text("cameras/street.yaml:14:43")
    expect(banner).to_contain_text("no line named 'midle'")
    expect(banner).to_contain_text("did you mean 'middle'?")
    lines = banner.locator("pre").inner_text().split("\n")
    assert lines[0][lines[1].index("^") :].startswith("line: midle")
    expect(page.get_by_text("Watching").first).to_be_visible()
    box.street.write_text(STREET)
    box.reload()
    expect(banner).not_to_contain_text("error")


def test_a_rule_that_names_nothing_cannot_be_saved(box: Box, page: Page) -> None:
    """The problem stands at its line of what would be written, and Save is off until it is gone."""
    open_camera(page)
    page.get_by_role("button", name="middle").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    problem = page.locator(".result .problem")
    expect(problem).to_contain_text("no line named 'middle'")
    expect(problem.locator("pre")).to_contain_text("^")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(problem).to_have_count(0)
    assert box.street.read_text() == STREET


def test_an_alert_appears_as_it_happens(box: Box, page: Page) -> None:
    """With its picture; a screen reader hears it whatever view is open."""
    page.get_by_role("link", name="Alerts").click()
    before = page.locator("li.alert").count()
    expect(page.locator("li.alert img").first).to_be_visible(timeout=20_000)
    expect(page.locator("li.alert").first).to_contain_text("line crossed at middle to the right")
    expect(page.locator("#assertive")).to_contain_text("Alert from street")
    assert page.locator("li.alert").count() >= before
    shown = page.locator("li.alert figure", has_text="Evidence: the picture of").first
    expect(shown).to_be_visible(timeout=20_000)
    assert eventually(lambda: shown.locator("img").evaluate("image => image.naturalWidth > 100"))


def test_health_names_broker_outbox_and_what_the_doctor_found(page: Page) -> None:
    """In words, with the remedy of whatever is not fine."""
    page.get_by_role("link", name="Health").click()
    expect(page.locator(".state", has_text="Connected")).to_be_visible()
    expect(page.get_by_text("everything was delivered")).to_be_visible()
    page.get_by_role("button", name="Examine the box").click()
    checks = page.locator(".checks li")
    checks.first.wait_for(timeout=30_000)
    expect(page.locator(".checks")).to_contain_text("camera street")


def test_a_viewer_looks_and_changes_nothing(box: Box) -> None:
    """No button that would be refused is offered."""
    page = box.login("vera")
    page.get_by_role("link", name="High Street, north end").click()
    page.get_by_role("button", name="doorway").click()
    expect(page.get_by_label("Point 1, across")).to_be_disabled()
    for name in ("Draw zone", "Save"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.context.close()


def test_a_login_attack_is_slowed(box: Box) -> None:
    """After five wrong passwords the page makes wait, longer each time, and says how long."""
    page = box.login(None)
    answers: list[int] = []
    enter = page.get_by_role("button", name="Log in")
    for n in range(6):
        page.get_by_label("User").fill("anna")
        page.get_by_label("Password").fill(f"guess number {n}")
        with page.expect_response("**/api/login") as answer:
            enter.click()
        answers.append(answer.value.status)
    assert answers == [401] * 5 + [429]
    expect(page.get_by_role("dialog")).to_contain_text(re.compile("wait [0-9]+ s"))
    expect(enter).to_be_disabled()
    started = time.monotonic()
    expect(enter).to_be_enabled()
    assert time.monotonic() - started < 5
    page.get_by_label("Password").fill(PASSWORD)
    enter.click()
    page.get_by_role("heading", name="Cameras").wait_for()
    page.context.close()
