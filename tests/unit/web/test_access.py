"""Who may ask what: on the box, from elsewhere, as viewer and technician, and against guessing."""

from __future__ import annotations

import io
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.audit import read
from edge.cli import main
from edge.web import streams
from edge.web.users import Users
from tests.clips import encode
from tests.page import Browser, Opened, configured, opened
from tests.servers import eventually

PASSWORD = "correct horse battery"  # noqa: S105
ZONES = {"z": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, Opened, Browser]]:
    """A box without users."""
    folder = configured(tmp_path / "box", encode(tmp_path / "c.mp4"))
    with opened(folder) as (daemon, browser):
        yield folder, daemon, browser


def users(folder: Path) -> Users:
    """Anna may change, Ben may look."""
    found = Users(folder / "var")
    found.add("anna", "technician", PASSWORD)
    found.add("ben", "viewer", PASSWORD)
    return found


def test_on_the_box_without_users_everybody_is_technician(
    running: tuple[Path, Opened, Browser],
) -> None:
    """Nothing has to be set up first; a change needs the page's own token all the same."""
    _, _, browser = running
    assert browser.ask("GET", "/api/box").status == 200
    assert browser.ask("POST", "/api/reload", {}).status == 401
    assert browser.begin()["user"] == "local"
    assert browser.ask("POST", "/api/reload", {}).status == 200
    token, browser.csrf = browser.csrf, ""
    assert browser.ask("POST", "/api/reload", {}).status == 403
    browser.csrf = token[:-1] + "x"
    assert browser.ask("POST", "/api/reload", {}).status == 403


def test_another_page_in_the_same_browser_changes_nothing(
    running: tuple[Path, Opened, Browser],
) -> None:
    """A name that was made to point here is refused, and so is what another site asks for."""
    _, _, browser = running
    browser.begin()
    for path in ("/api/box", "/", "/api/session"):
        assert browser.ask("GET", path, headers={"Host": "evil.example"}).status == 403
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert browser.ask("POST", "/api/reload", {}, headers=cross).status == 403
    plain = {"Content-Type": "text/plain"}
    refused = browser.ask("POST", "/api/cameras/street/preview", raw=b"{}", headers=plain)
    assert refused.status == 400
    assert "access-control-allow-origin" not in browser.ask("GET", "/api/box").headers


def test_every_answer_says_what_a_browser_may_not_do_with_it(
    running: tuple[Path, Opened, Browser],
) -> None:
    """Strict content policy, no framing, nothing kept; the cookie is no script's."""
    _, _, browser = running
    for path in ("/", "/api/session", "/api/nothing", "/static/nothing.js"):
        headers = browser.ask("GET", path).headers
        assert headers["content-security-policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == ("no-store" if path[:4] == "/api" else "no-cache")
        assert "server" not in headers
    cookie = Browser(browser.port).ask("GET", "/api/session").headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))


def test_as_soon_as_there_is_a_user_everybody_logs_in(
    running: tuple[Path, Opened, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also whoever was in as `local`; a viewer looks, a technician changes, both log out."""
    folder, _, local = running
    local.begin()
    kept = users(folder)
    assert local.ask("GET", "/api/box").status == 401
    assert local.ask("GET", "/api/session").status == 401

    anna, ben = Browser(local.port), Browser(local.port)
    assert anna.login("anna", "wrong password").status == 401
    assert anna.login("nobody", PASSWORD).status == 401
    assert anna.login("anna", PASSWORD).json["role"] == "technician"
    assert ben.login("ben", PASSWORD).json["role"] == "viewer"
    assert ben.ask("GET", "/api/cameras/street").status == 200
    for method, path in (
        ("POST", "/api/reload"),
        ("GET", "/api/doctor"),
        ("PUT", "/api/cameras/street"),
        ("POST", "/api/cameras/street/preview"),
        ("POST", "/api/rules/street/yard-entry/disarm"),
    ):
        refused = ben.ask(method, path, {} if method != "GET" else None)
        assert (refused.status, "technician" in refused.json["error"]) == (403, True)
    assert anna.ask("POST", "/api/reload", {}).status == 200
    recorded = list(read(folder / "var" / "audit"))
    logins = [(r.personal["who"], r.facts["outcome"]) for r in recorded if r.kind == "login"]
    assert logins == [("anna", "refused"), ("nobody", "refused"), ("anna", "ok"), ("ben", "ok")]
    assert {r.personal["address"] for r in recorded if r.kind == "login"} == {"127.0.0.1"}
    (applied,) = (r for r in recorded if r.kind == "config.applied")
    assert (applied.facts["by"], applied.personal["who"]) == (
        "page", "anna, technician (127.0.0.1)",
    )  # fmt: skip

    again = Browser(local.port)
    assert again.login("ben", PASSWORD).status == 200
    kept.add("ben", "viewer", "another long password")
    assert again.ask("GET", "/api/box").status == 401, "a new password ends the old one's sessions"
    assert ben.login("ben", "another long password").status == 200
    assert ben.ask("POST", "/api/logout", {}).status == 200
    assert ben.ask("GET", "/api/box").status == 401
    monkeypatch.setattr(streams, "STILL_HERE_S", 0.5)
    with anna.listening("/api/events") as stream:
        stream.readline()
        kept.remove("anna")
        assert anna.ask("GET", "/api/box").status == 401
        began = time.monotonic()
        while stream.readline():
            pass  # the stream ends with the session
        assert time.monotonic() - began < 15


def test_a_login_attack_is_slowed_also_all_at_once(
    running: tuple[Path, Opened, Browser],
) -> None:
    """Of fifty guesses at the same moment five are heard; the right password waits, too."""
    folder, _, browser = running
    users(folder)
    statuses: list[int] = []

    def guess(n: int) -> None:
        statuses.append(Browser(browser.port).login("anna", f"guess number {n}").status)

    guessing = [threading.Thread(target=guess, args=(n,)) for n in range(50)]
    for thread in guessing:
        thread.start()
    for thread in guessing:
        thread.join()
    assert statuses.count(401) <= 7  # five free ones, and a second may pass meanwhile
    assert statuses.count(429) == 50 - statuses.count(401)
    waits = browser.login("anna", PASSWORD)
    assert waits.status == 429
    assert waits.json["wait_s"] >= 1
    assert "wait" in waits.json["error"]


def test_a_damaged_users_file_lets_nobody_in(running: tuple[Path, Opened, Browser]) -> None:
    """Also not as `local`: what cannot be read may have held users."""
    folder, _, browser = running
    browser.begin()
    (folder / "var" / "users.json").write_text("{")
    for path in ("/api/box", "/api/session", "/api/cameras/street"):
        answer = browser.ask("GET", path)
        assert answer.status == 503
        assert "users.json" in answer.json["error"]


def test_bodies_are_bounded(running: tuple[Path, Opened, Browser]) -> None:
    """Too long, not JSON, no object, not a number, deeply nested: each is said, none is a fault."""
    _, _, browser = running
    browser.begin()
    path = "/api/cameras/street/preview"
    json_type = {"Content-Type": "application/json"}
    for raw, status in (
        (b'{"zones": "' + b"x" * 300_000 + b'"}', 413),
        (b"{", 400),
        (b"[]", 400),
        (b'{"zones": {"a": [[NaN, 0]]}}', 400),
        (b"[" * 100_000, 400),
        (b'{"source": {"kind": "file", "path": "/etc/passwd"}}', 400),
        (b'{"zones": [], "rules": {}}', 400),
    ):
        answer = browser.ask("POST", path, raw=raw, headers=json_type)
        assert answer.status == status, raw[:40]
        assert answer.json["error"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs: apt-get install openssl")
def test_others_reach_it_with_tls_and_a_user_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`edge check` refuses, with commands that mend it; after them the page answers over TLS."""
    folder = configured(tmp_path / "box", encode(tmp_path / "c.mp4"))
    file = folder / "appliance.yaml"
    file.write_text(file.read_text().replace("127.0.0.1:0", "0.0.0.0:0"))
    assert main(["check", "--config", str(folder)]) == 2
    said = capsys.readouterr().err
    command = said[said.index("openssl req") :].splitlines()[0]
    add = said[said.index("edge user add NAME") :].splitlines()[0]
    (folder / "tls").mkdir()
    subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: S602
    pem = 'web: {listen: "0.0.0.0:0", cert_file: tls/page.pem, key_file: tls/page.key}'
    file.write_text(file.read_text().replace('web: {listen: "0.0.0.0:0"}', pem))
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert main(add.replace("NAME", "anna").split()[1:]) == 0
    assert main(["check", "--config", str(folder)]) == 0

    with opened(folder) as (daemon, browser):
        assert daemon.page.url.startswith("https://")
        browser.tls = ssl.create_default_context(cafile=str(folder / "tls" / "page.pem"))
        browser.tls.check_hostname = False
        assert browser.ask("GET", "/api/box").status == 401
        answer = browser.login("anna", PASSWORD)
        assert answer.status == 200
        assert "Secure" in answer.headers["set-cookie"]
        assert browser.ask("GET", "/api/box").status == 200
        browser.tls.maximum_version = ssl.TLSVersion.TLSv1_2
        assert browser.ask("GET", "/api/box").status == 200

        # A renewed certificate is taken up by a reload, and nobody is logged out by it.
        subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: S602
        before = daemon.page.url
        browser.ask("POST", "/api/reload", {})
        assert eventually(lambda: daemon.page.url not in {"", before}, 20)
        port = int(daemon.page.url.rstrip("/").rpartition(":")[2])
        context = ssl.create_default_context(cafile=str(folder / "tls" / "page.pem"))
        context.check_hostname = False
        again = Browser(port, tls=context, cookie=browser.cookie)
        assert again.ask("GET", "/api/box").status == 200
