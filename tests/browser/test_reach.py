"""Everybody can use the page: by screen reader, in the sun, at night, with a finger, and soon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.options import kinds
from edge.rules import RuleOptions
from tests.browser.conftest import PICTURES, Box
from tests.browser.test_drawing import open_camera, tap

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow]

USABLE_MS = 1000.0
CONTROLS = {
    "button", "link", "textbox", "combobox", "spinbutton", "radio", "checkbox", "tab", "tabpanel",
    "image", "application", "region", "dialog", "DisclosureTriangle", "toolbar", "navigation",
}  # fmt: skip

# Text that cannot be read on what is behind it; pictures are left out, whose labels bring a ground.
POOR_CONTRAST = """() => {
  const parse = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor = new Set();
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
    if (node.closest("svg, .unseen, noscript, option, .skip")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const what = `${node.tagName}.${node.className} "${node.textContent.slice(0, 40)}"`;
    if (ratio < 4.5) poor.add(`${what} ${ratio.toFixed(2)}`);
  }
  return [...poor];
}"""

SMALL_TARGETS = """() => [...document.querySelectorAll("button, select, input, summary, nav a")]
  .filter((node) => node.checkVisibility() && !node.closest(".unseen, .skip"))
  .map((node) => [node.textContent.slice(0, 30) || node.type, node.getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([words, box]) => `${words} ${box.width}x${box.height}`)"""


def views(page: Page) -> Iterator[str]:
    """Every view a technician comes to, one after the other, each with its name."""
    expect(page.locator(".on-picture")).to_be_hidden()
    page.locator(".figures", has_text="Pictures/s8").wait_for()
    yield "cameras"
    open_camera(page)
    page.get_by_role("button", name="doorway").click()
    page.get_by_label("Point 3, across").fill("24")
    page.get_by_label("Point 3, across").press("Tab")
    page.locator(".diff").wait_for()
    yield "draw"
    page.get_by_role("tab", name="Rules").click()
    page.locator("details.rule summary").first.click()
    yield "rules"
    page.get_by_role("tab", name="Try").click()
    button = page.get_by_role("button", name="Try on the last minutes")
    button.click()
    expect(button).to_be_enabled(timeout=20_000)
    yield "try"
    page.get_by_role("tab", name="Calibration").click()
    for corner, metres in {
        (0.10, 0.92): (0, 0), (0.85, 0.92): (12, 0), (0.70, 0.62): (12, 9), (0.25, 0.62): (0, 9),
        (0.48, 0.74): (6, 4),
    }.items():  # fmt: skip
        page.evaluate("window.scrollTo(0, 0)")
        tap(page, [corner])
        fields = page.get_by_role("tabpanel", name="Calibration").get_by_role("spinbutton")
        for field, metre in zip(list(fields.all())[-2:], metres, strict=True):
            field.fill(str(metre))
            field.press("Tab")
    page.get_by_role("button", name="Use this calibration").wait_for()
    yield "calibration"
    page.get_by_role("link", name="Alerts").click()
    page.locator("li.alert img").first.wait_for(timeout=20_000)
    yield "alerts"
    page.get_by_role("link", name="Health").click()
    page.get_by_role("button", name="Examine the box").click()
    page.locator(".checks li").first.wait_for(timeout=30_000)
    yield "health"


def touch(page: Page, points: Iterable[tuple[float, float]]) -> None:
    """Tap places of the picture with a finger."""
    client = page.context.new_cdp_session(page)
    client.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    box = page.locator("svg.drawing").bounding_box()
    assert box is not None
    for x, y in points:
        at = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    client.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    client.detach()


def unnamed(page: Page) -> list[str]:
    """Controls of the accessibility tree that a screen reader has no name for."""
    client = page.context.new_cdp_session(page)
    nodes: list[dict[str, Any]] = client.send("Accessibility.getFullAXTree")["nodes"]
    client.detach()
    found = [node for node in nodes if not node["ignored"]]
    controls = [node for node in found if node["role"]["value"] in CONTROLS]
    assert len(controls) > 3, "the tree was read"
    return [str(node) for node in controls if not node.get("name", {}).get("value", "").strip()]


def picture(page: Page, name: str) -> None:
    """For the documentation, where they were asked for."""
    if PICTURES:
        page.mouse.move(0, 0)
        page.evaluate("window.scrollTo(0, 0)")
        path = Path(PICTURES) / f"page-{name}.jpg"
        page.screenshot(path=path, type="jpeg", quality=72)


def test_every_view_is_named_readable_and_large_enough(box: Box, page: Page) -> None:
    """Names for every control, contrast in both themes, targets of 24 px or more; no motion."""
    for name in views(page):
        picture(page, name)
        assert unnamed(page) == [], name
        assert page.evaluate(SMALL_TARGETS) == [], name
        for theme in ("dark", "light"):
            page.get_by_label("Colours").select_option(theme)
            assert page.evaluate(POOR_CONTRAST) == [], f"{name}, {theme}"
            if name == "draw" and theme == "dark":
                picture(page, "dark")
        assert page.evaluate("document.querySelectorAll('h1').length") == 1, name
    motion = "getComputedStyle(document.querySelector('button')).transitionDuration"
    assert page.evaluate(motion) == "0s"


def test_the_login_is_named_and_readable(box: Box) -> None:
    """As the views behind it."""
    page = box.login(None)
    page.get_by_label("User").wait_for()
    picture(page, "login")
    assert unnamed(page) == []
    assert page.evaluate(POOR_CONTRAST) == []
    page.context.close()


def test_on_a_tablet_nothing_is_out_of_reach(page: Page) -> None:
    """Held upright, no view is wider than the screen, and a finger draws a line."""
    page.set_viewport_size({"width": 820, "height": 1180})
    try:
        open_camera(page)
        page.get_by_role("button", name="Draw line").click()
        touch(page, [(0.2, 0.8), (0.6, 0.8), (0.61, 0.8)])  # the last one again: it is finished
        expect(page.locator(".grip")).to_have_count(2)
        picture(page, "tablet")
        for name in ("Cameras", "Alerts", "Health"):
            page.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()
            assert page.evaluate("document.documentElement.scrollWidth") <= 820, name
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})


def test_the_form_knows_every_rule(page: Page) -> None:
    """Kinds, their own options and what holds where nothing is said: as the box has them."""
    shown = page.evaluate("import('/static/kinds.js').then((module) => module.KINDS)")
    assert set(shown) == set(kinds("edge.rules"))
    for name, options in kinds("edge.rules").items():
        own = {
            key: None if field.is_required() else field.default
            for key, field in options.model_fields.items()
            if key not in RuleOptions.model_fields and key not in {"zone", "line", "owners"}
        }
        assert {key: standard for key, _, _, standard in shown[name]["options"]} == own, name
        places = {"zone", "line"} & set(options.model_fields)
        assert set(shown[name]["shapes"]) == places, name


@pytest.mark.bench
def test_the_page_is_usable_within_a_second(page: Page) -> None:
    """From the address to the cameras and how they are, with nothing in the browser's cache."""
    client = page.context.new_cdp_session(page)
    client.send("Network.setCacheDisabled", {"cacheDisabled": True})
    took = []
    for _ in range(3):
        page.reload(wait_until="commit")
        page.locator("article.tile .figures").first.wait_for()
        took.append(page.evaluate("performance.now()"))
    client.detach()
    print("usable after", took)
    assert min(took) < USABLE_MS, took
