"""Colours of the page: each pair that stands together can be read, in light and in dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[3] / "edge" / "web" / "static"

TEXT = 4.5
"""Least contrast of text: WCAG 2.2, 1.4.3 (AA)."""

GRAPHIC = 3.0
"""Least contrast of what tells a control or a state: 1.4.11."""

ON_PAGE = [
    *((ink, ground, TEXT) for ink in ("ink", "quiet", "accent", "accent-hover", "good", "fair",
      "bad") for ground in ("ground", "surface", "sunken")),
    *((ink, "chosen", TEXT) for ink in ("ink", "accent")),
    *((level, f"{level}-back", TEXT) for level in ("good", "fair", "bad", "added", "removed")),
    *(("ink", f"{level}-back", TEXT) for level in ("good", "fair", "bad")),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    ("on-bad", "bad", TEXT),
    ("on-night", "night", TEXT),
    *((edge, ground, GRAPHIC) for edge in ("edge", "focus") for ground in ("ground", "surface")),
    ("edge", "sunken", GRAPHIC),
    ("focus", "chosen", GRAPHIC),
]  # fmt: skip
ON_PICTURE = ["zone", "line", "mask", "seen", "fired", "mark", "on-night"]


def themes() -> dict[str, dict[str, str]]:
    """Values of the custom properties, by theme; the last block holds for both."""
    found: dict[str, dict[str, str]] = {"light": {}, "dark": {}}
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", (STATIC / "theme.css").read_text())
    for selector, body in blocks:
        values = dict(re.findall(r"--([\w-]+):\s*([^;]+);", body))
        for name in ["dark"] if "dark" in selector else ["light", "dark"]:
            found[name] |= values
    return found


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_arithmetic_is_wcags() -> None:
    """Black on white is 21; a grey that just fails is told from one that just passes."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") < TEXT < contrast("#767676", "#ffffff")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_stands_together_can_be_read(theme: str) -> None:
    """Every pair, with its figure where it fails."""
    values = themes()[theme]
    poor = [
        f"--{one} on --{other}: {ratio:.2f}, expected {least}"
        for one, other, least in ON_PAGE
        if (ratio := contrast(values[one], values[other])) < least
    ]
    assert poor == []


def test_lines_on_the_picture_stand_out_from_their_casing() -> None:
    """A line has a dark casing, so it is seen whatever is behind it."""
    values = themes()["light"]
    assert all(contrast(values[name], values["casing"]) >= 7 for name in ON_PICTURE)


@pytest.mark.parametrize("sheet", ["style.css", "editor.css"])
def test_no_other_sheet_names_a_colour(sheet: str) -> None:
    """Or the pairs above would not be all there are."""
    text = re.sub(r"/\*.*?\*/", "", (STATIC / sheet).read_text(), flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*;)|\b(?:rgb|hsl|oklch)a?\(", text) == []


def test_nothing_is_written_into_the_page_that_its_policy_forbids() -> None:
    """No inline script or style, nothing from elsewhere."""
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), f"{file.name} names another place"
        assert "innerHTML" not in text, f"{file.name} makes elements from text"


def test_all_of_the_page_is_asked_for_at_once() -> None:
    """A module that the page's first answer does not name costs a round trip more."""
    html = (STATIC / "index.html").read_text()
    named = set(re.findall(r'(?:href|src)="/static/([\w.-]+)"', html))
    assert named == {file.name for file in STATIC.iterdir()} - {"index.html"}
