"""The page's addresses, asked as a browser asks them, of a box that watches."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from edge.audit import read
from edge.web.access import Access
from edge.web.app import create_app
from edge.web.sessions import Brake, Sessions
from edge.web.users import Users
from tests.clips import encode
from tests.page import Browser, Opened, configured, opened
from tests.servers import eventually

PASSWORDS = ("clear-hunter2", "secret-hunter2", "variable-hunter2", "broker-hunter2")
SECRET_CAMERAS = {
    "in-clear": 'url: "rtsp://admin:clear-hunter2@127.0.0.1:1/s"',
    "in-secrets": "url: !secret address",
    "in-environment": 'url: "rtsp://admin:${CAM_WORD}@127.0.0.1:1/s"',
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something moves in it."""
    return encode(tmp_path_factory.mktemp("clips") / "c.mp4", n_frames=60, is_steady=True)


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, clip: Path
) -> Iterator[tuple[Path, Opened, Browser]]:
    """A box with a camera that works, and three with passwords that cannot be reached."""
    folder = configured(tmp_path_factory.mktemp("box"), clip)
    appliance = (folder / "appliance.yaml").read_text()
    (folder / "appliance.yaml").write_text(
        appliance.replace('127.0.0.1:1"', '127.0.0.1:1", username: u, password: broker-hunter2')
    )
    (folder / "secrets.yaml").write_text('address: "rtsp://admin:secret-hunter2@127.0.0.1:1/s"\n')
    (folder / "secrets.yaml").chmod(0o600)
    for name, url in SECRET_CAMERAS.items():
        (folder / "cameras" / f"{name}.yaml").write_text(
            f"version: 1\ncamera: {name}\nsource: {{kind: rtsp, {url}}}\n"
            "analyse: {detector: street}\nrules: []\n"
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAM_WORD", "variable-hunter2")
        with opened(folder) as (daemon, browser):
            browser.begin()
            street = next(c for c in daemon.service.cameras if c.name == "street")
            assert eventually(lambda: street.counters.n_frames > 3, 30)
            yield folder, daemon, browser


def draft(browser: Browser, camera: str = "street") -> dict[str, Any]:
    """What the page holds of a camera once it has loaded it."""
    found = browser.ask("GET", f"/api/cameras/{camera}").json
    keys = ("sha256", "zones", "lines", "masks", "rules", "calibration")
    return {key: found[key] for key in keys}


def test_the_box_tells_how_it_is(running: tuple[Path, Opened, Browser]) -> None:
    """Cameras with state and figures, outbox, broker, configuration."""
    _, _, browser = running
    box = browser.ask("GET", "/api/box").json
    assert (box["site"], box["node"]) == ("harbour", "cabinet-1")
    assert box["broker"]["connected"] is False
    assert box["outbox"]["depth"] >= 0
    states = {camera["camera"]: camera for camera in box["cameras"]}
    assert states["street"]["state"] == "watching"
    assert states["street"]["figures"]["frames"] > 3
    assert states["street"]["rules"][0]["rule"] == "yard-entry"
    assert states["in-clear"]["state"] == "lost"


def addresses(daemon: Opened, folder: Path) -> set[tuple[str, str]]:
    """Every path and method of the page, from the page itself."""
    sessions = Sessions(lambda: "token")
    users = Users(folder / "none")
    page = create_app(daemon.page.panel, users, sessions, Brake(), is_loopback=True, is_tls=False)
    assert isinstance(page, Access)
    assert isinstance(page._app, Starlette)
    return {
        (route.path, method)
        for route in page._app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }


def bodies_of(browser: Browser, path: str, method: str, camera: str, clip: Path) -> Iterator[bytes]:
    """All that one address says of a camera, of drafts good and bad."""
    place = path.replace("{camera}", camera).replace("{rule}", "yard-entry")
    if place.endswith("/live") and camera != "street":
        return  # it has no picture to send
    if place.endswith(("/events", "/live", "/tracks")):
        with browser.listening(place) as stream:
            yield stream.read(1500 if place.endswith("/events") else 10)
    elif method == "GET":
        yield browser.ask(method, place).body
    elif place.endswith("/try-clip"):
        raw = json.dumps(draft(browser, camera)).encode() + b"\n" + clip.read_bytes()
        yield browser.ask(method, place, raw=raw).body
    elif place not in {"/api/login", "/api/logout"}:
        zones = {"z": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
        for name, zone in (("${CAM_WORD}", "z"), ("r", "no"), ("r", "z")):
            said = {**draft(browser, camera), "zones": zones, "minutes": 1}
            said["rules"] = [{"name": name, "kind": "zone_entry", "zone": zone}]
            yield browser.ask(method, place, said).body


def test_no_answer_of_any_address_holds_a_password(
    running: tuple[Path, Opened, Browser], clip: Path
) -> None:
    """Every route is asked for every camera, drafts and refusals too."""
    folder, daemon, browser = running
    files = {file: file.read_bytes() for file in (folder / "cameras").iterdir()}
    found = addresses(daemon, folder)
    assert len(found) > 18
    n_said = 0
    for camera in ("street", *SECRET_CAMERAS):
        for path, method in sorted(found, key=lambda one: one[::-1]):  # what changes comes last
            if camera != "street" and "{camera}" not in path:
                continue
            for body in bodies_of(browser, path, method, camera, clip):
                n_said += 1
                for password in PASSWORDS:
                    assert password.encode() not in body, (method, path, camera)
    assert n_said > 80
    for file, content in files.items():
        file.write_bytes(content)
    assert browser.ask("POST", "/api/reload", {}).status == 200


def test_a_file_is_saved_with_its_comments_undone_and_logged(
    running: tuple[Path, Opened, Browser], caplog: pytest.LogCaptureFixture
) -> None:
    """Preview writes nothing; save writes what was previewed and says who; undo is exact."""
    folder, daemon, browser = running
    caplog.set_level(logging.WARNING, logger="edge.web")
    file = folder / "cameras" / "street.yaml"
    before = file.read_bytes()
    body = draft(browser)
    del body["zones"]["kerb"]
    body["zones"]["gate"] = [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3]]
    preview = browser.ask("POST", "/api/cameras/street/preview", body).json
    assert preview["problems"] == [] or all(p["severity"] != "error" for p in preview["problems"])
    assert [one["camera"] for one in preview["changes"]["restart"]] == ["street"]
    assert "street" not in preview["changes"]["keep"]
    assert "+  gate: [[0.1, 0.1]" in preview["diff"]
    assert file.read_bytes() == before

    saved = browser.ask("PUT", "/api/cameras/street", body)
    assert saved.status == 200, saved.body
    text = file.read_text()
    for comment in ("# all of it", "# the kerb", "# who comes in"):
        assert comment in text
    assert daemon.service.config.short_hash == saved.json["config"]
    assert "gate" in next(c for c in daemon.service.config.cameras if c.camera == "street").zones
    assert any("local (127.0.0.1) changed camera street" in r.message for r in caplog.records)
    *_, applied = (r for r in read(folder / "var" / "audit") if r.kind == "config.applied")
    assert (applied.facts["by"], applied.personal["who"]) == (
        "page",
        "local, technician (127.0.0.1)",
    )
    told = "\n".join(applied.facts["changes"])
    assert "street" in told
    assert applied.facts["diff_sha256"] == hashlib.sha256(told.encode()).hexdigest()
    assert applied.facts["config"] == daemon.service.config.sha256 != applied.facts["was"]

    undone = browser.ask("POST", "/api/cameras/street/undo", {"sha256": saved.json["sha256"]})
    assert undone.status == 200, undone.body
    assert file.read_bytes() == before
    again = browser.ask("POST", "/api/cameras/street/undo", {"sha256": undone.json["sha256"]})
    assert again.status == 409


def test_two_who_edit_at_once_do_not_overwrite_each_other(
    running: tuple[Path, Opened, Browser],
) -> None:
    """The second is told, with the text as it is now; nothing of the first is lost."""
    folder, _, browser = running
    file = folder / "cameras" / "street.yaml"
    before = file.read_text()
    first, second = draft(browser), draft(browser)
    first["zones"]["one"] = [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3]]
    second["zones"]["two"] = [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3]]
    assert browser.ask("PUT", "/api/cameras/street", first).status == 200
    refused = browser.ask("PUT", "/api/cameras/street", second)
    assert refused.status == 409
    assert "one:" in refused.json["text"]
    assert refused.json["sha256"] == draft(browser)["sha256"]
    assert "two:" not in file.read_text()
    previewed = browser.ask("POST", "/api/cameras/street/preview", second)
    assert previewed.status == 409, "what saving it would write is not known"
    assert previewed.json["sha256"] == refused.json["sha256"]
    file.write_text(before)
    assert browser.ask("POST", "/api/reload", {}).status == 200


def test_a_draft_that_does_not_validate_is_not_written(
    running: tuple[Path, Opened, Browser],
) -> None:
    """The page says where and what, as `edge check` would; the file and the watching stay."""
    folder, _, browser = running
    file = folder / "cameras" / "street.yaml"
    before = file.read_bytes()
    body = draft(browser)
    body["rules"].append({"name": "x", "kind": "zone_entry", "zone": "yrd"})
    refused = browser.ask("PUT", "/api/cameras/street", body)
    assert refused.status == 400
    (problem,) = refused.json["problems"]
    assert problem["cause"] == "no zone named 'yrd'"
    assert problem["remedy"] == "did you mean 'yard'?"
    assert problem["file"] == "cameras/street.yaml"
    assert problem["line"] > 10
    assert file.read_bytes() == before


def test_a_file_broken_by_hand_is_shown_with_the_place(
    running: tuple[Path, Opened, Browser],
) -> None:
    """The camera's page and, once a reload was refused, the box say file, line and column."""
    folder, _, browser = running
    file = folder / "cameras" / "street.yaml"
    before = file.read_text()
    try:
        file.write_text(before.replace("zones:", "zones: ["))
        found = browser.ask("GET", "/api/cameras/street").json
        errors = [p for p in found["problems"] if p["severity"] == "error"]
        assert errors[0]["file"] == "cameras/street.yaml"
        assert errors[0]["line"] > 0
        assert found["text"] == ""
        refused = browser.ask("POST", "/api/reload", {})
        assert refused.status == 400
        assert refused.json["problems"][0]["line"] == errors[0]["line"]
        box = browser.ask("GET", "/api/box").json
        assert box["config"]["state"] == "refused"
        assert box["config"]["problems"][0]["line"] == errors[0]["line"]
    finally:
        file.write_text(before)
    assert browser.ask("POST", "/api/reload", {}).status == 200
    assert browser.ask("GET", "/api/box").json["config"]["state"] == "in_force"


def test_a_rule_is_tried_before_it_is_armed(
    running: tuple[Path, Opened, Browser], clip: Path
) -> None:
    """On what was followed and on a clip; nothing is published, and junk is refused."""
    _, _, browser = running
    body = draft(browser)
    body["lines"] = {"middle": [[0.5, 1.0], [0.5, 0.0]]}
    body["rules"] = [{"name": "over", "kind": "line_crossing", "line": "middle"}]
    seen = len(browser.ask("GET", "/api/events/recent").json)
    raw = json.dumps(body).encode() + b"\n" + clip.read_bytes()
    tried = browser.ask("POST", "/api/cameras/street/try-clip", raw=raw).json
    assert tried["frames"] > 30
    assert {event["rule"] for event in tried["events"]} == {"over"}

    # A camera that a save has just restarted has followed nobody yet: asked until it has.
    def on_what_is_kept(**more: Any) -> Any:
        return browser.ask("POST", "/api/cameras/street/try", {**body, **more}).json

    assert eventually(lambda: on_what_is_kept()["frames"] > 3, 30)
    assert on_what_is_kept()["of"] == "tracks"
    assert browser.ask("GET", "/api/cameras/street").json["remembered_s"] > 0
    assert on_what_is_kept(seconds=0.5)["seconds"] <= 0.5
    masked = {"corner": [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1]]}
    assert on_what_is_kept(masks=masked)["of"] == "pictures", "what would be seen is not known"
    assert not any(
        event.get("rule") == "over" for event in browser.ask("GET", "/api/events/recent").json
    )
    assert len(browser.ask("GET", "/api/events/recent").json) >= seen
    junk = browser.ask("POST", "/api/cameras/street/try-clip", raw=b"{}\n" + b"junk" * 99)
    assert junk.status == 400
    assert "cannot open" in junk.json["error"]
    huge = {"Content-Length": str(300 * 2**20)}
    large = browser.ask("POST", "/api/cameras/street/try-clip", raw=b"{}\n", headers=huge)
    assert large.status == 413
    assert list(Path(running[1].page.panel.uploads).iterdir()) == []


def test_alerts_keep_their_pictures_and_outlive_a_restart(tmp_path: Path, clip: Path) -> None:
    """The list begins where the last run ended; the picture is the one kept as evidence."""
    folder = configured(tmp_path, clip)
    appliance = folder / "appliance.yaml"
    evidence = "storage: {evidence: {max_gib: 1, min_free_gib: 0}, path: "
    appliance.write_text(appliance.read_text().replace("storage: {path: ", evidence))

    camera = folder / "cameras" / "street.yaml"
    camera.write_text(camera.read_text().replace("zone: yard}", "zone: yard, priority: alert}"))

    def heard(browser: Browser) -> list[dict[str, Any]]:
        answer = browser.ask("GET", "/api/events/recent").json
        return [event for event in answer if event.get("rule") == "yard-entry"]

    def shown(browser: Browser) -> str:
        refs = [one["ref"] for event in heard(browser) for one in event.get("evidence", ())]
        return next((ref.removesuffix(".jpg") for ref in refs if len(ref) == 40), "")

    with opened(folder) as (_, browser):
        browser.begin()
        assert eventually(lambda: bool(shown(browser)), 30)
        event = shown(browser)
        picture = browser.ask("GET", f"/api/events/{event}/picture")
        assert picture.status == 200
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.body.startswith(b"\xff\xd8")
        assert event in {one["id"] for one in heard(browser)}
        before = [one["id"] for one in heard(browser)][:2]
    with opened(folder) as (_, browser):
        browser.begin()
        assert [one["id"] for one in heard(browser)][:2] == before
        numbers = [one["seq"] for one in browser.ask("GET", "/api/events/recent").json]
        assert numbers == sorted(set(numbers))
        assert browser.ask("GET", f"/api/events/{event}/picture").body == picture.body
        missing = browser.ask("GET", f"/api/events/{event[:-1]}x/picture")
        assert missing.status == 404
        assert "no picture is kept" in missing.json["error"]


def test_a_calibration_is_tried(running: tuple[Path, Opened, Browser]) -> None:
    """Pixels a metre over the picture, or why there is no ground."""
    _, _, browser = running
    points = {"a": [0.1, 0.9], "b": [0.9, 0.9], "c": [0.7, 0.5], "d": [0.3, 0.5]}
    ground = {"a": [0, 0], "b": [6, 0], "c": [6, 15], "d": [0, 15]}
    path = "/api/cameras/street/calibration/preview"
    calibration: dict[str, Any] = {"size": [1280, 720], "points": points, "ground": ground}
    found = browser.ask("POST", path, {"calibration": calibration}).json
    assert found["error_m"] is None
    near = max(cell["px_per_m"] or 0 for cell in found["px_per_m"])
    assert near > 100
    calibration["ground"] = {**ground, "e": [1, 1]}
    refused = browser.ask("POST", path, {"calibration": calibration})
    assert refused.status == 400
    assert refused.json["problems"][0]["path"] == "calibration.ground.e"


def test_events_come_as_they_happen(running: tuple[Path, Opened, Browser]) -> None:
    """A stream begins with the last ones, and goes on with each new one, as the broker gets it."""
    _, _, browser = running
    with browser.listening("/api/events") as stream:
        browser.ask("POST", "/api/rules/street/yard-entry/disarm", {"minutes": 5, "why": "works"})
        for line in iter(stream.readline, b""):
            if line.startswith(b"data: ") and b"rule_disarmed" in line and b"works" in line:
                message = json.loads(line[6:])
                break
    assert message["reason"].startswith("by local (127.0.0.1) until")
    assert message["node"] == "cabinet-1"
    armed = browser.ask("POST", "/api/rules/street/yard-entry/arm", {})
    assert armed.status == 200
    assert browser.ask("POST", "/api/rules/street/nope/arm", {}).status == 404


def test_tracks_are_told_with_what_rules_say(running: tuple[Path, Opened, Browser]) -> None:
    """Boxes in fractions, at most ten pictures a second."""
    _, _, browser = running
    with browser.listening("/api/cameras/street/tracks") as stream:
        told = []
        for line in iter(stream.readline, b""):
            if line.startswith(b"data: "):
                told.append(json.loads(line[6:]))
            if len(told) > 20:
                break
    boxes = [track["box"] for one in told for track in one["tracks"]]
    assert boxes
    assert all(0 <= side <= 1 for box in boxes for side in box)
