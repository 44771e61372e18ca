"""`python -m tests.bench.page [--out FILE]`: what the device page costs, and how soon it is there.

One daemon as its own process with one camera of 1280x720; its CPU time is read from /proc with
nobody looking and with one browser that takes the live picture, turn about. What a browser costs is
the difference. Three cameras: one in which something moves, decoded anyway; one that is still, of
which only keyframes are decoded until somebody looks; and the same at 25 pictures a second.

Where Chromium and Playwright are there, also how soon the page is usable in a browser with nothing
in its cache: from the address until each camera's state and figures are seen, and can be clicked.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType

from edge.demo.street import cached
from edge.site.bench import describe
from tests.page import Browser, configured

SECONDS = 6.0
ROUNDS = 3
PORT = 18099
LOADS = 10


def clip(street: Path, path: Path, *, fps: int, is_still: bool) -> Path:
    """The street at another rate; or its first picture for ever."""
    with av.open(str(street)) as source, av.open(str(path), "w") as target:
        stream: Any = target.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.options = {"g": str(fps), "bf": "0", "preset": "veryfast"}
        step = max(1, round(float(source.streams.video[0].average_rate or fps) / fps))
        n_frames = 0
        first: Any = None
        for index, frame in enumerate(source.decode(video=0)):
            first = first or frame
            if index % step:
                continue
            shown = (first if is_still else frame).reformat(1280, 720, "yuv420p")
            shown.pts, shown.time_base = n_frames, Fraction(1, fps)
            shown.pict_type = PictureType.NONE  # as the encoder sees fit, not as it was coded
            target.mux(stream.encode(shown))
            n_frames += 1
            if n_frames >= 12 * fps:
                break
        target.mux(stream.encode(None))
    return path


@contextmanager
def daemon(folder: Path, video: Path) -> Iterator[tuple[int, Browser]]:
    """`edge run` on one camera; gives its process and a browser at its page."""
    configured(folder, video)
    file = folder / "appliance.yaml"
    file.write_text(file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{PORT}"))
    command = [sys.executable, "-m", "edge", "run", "--config", str(folder)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    browser = Browser(PORT)
    try:
        for _ in range(200):
            try:
                browser.begin()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(3.0)
        yield process.pid, browser
    finally:
        process.terminate()
        process.wait(30)


def cpu_s(pid: int) -> float:
    """CPU time a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(pid: int) -> float:
    """Percent of a core over a while."""
    began, before = time.monotonic(), cpu_s(pid)
    time.sleep(SECONDS)
    return 100 * (cpu_s(pid) - before) / (time.monotonic() - began)


def looking(pid: int, browser: Browser) -> tuple[float, float]:
    """The same while a browser takes pictures, and how many a second it got."""
    n_pictures = 0
    is_over = threading.Event()

    def take() -> None:
        nonlocal n_pictures
        with browser.listening("/api/cameras/street/live") as stream:
            while not is_over.is_set():
                line = stream.readline()
                if line.lower().startswith(b"content-length:"):
                    stream.readline()
                    stream.read(int(line.split(b":")[1]))
                    n_pictures += 1

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    time.sleep(1.5)  # going back to the last keyframe is over
    n_before = n_pictures
    found = share(pid)
    fps = (n_pictures - n_before) / SECONDS
    is_over.set()
    thread.join(5)
    time.sleep(1.5)
    return found, fps


def opened_ms(browser: Browser) -> float:
    """How long the page's first three requests take, on connections of their own."""
    began = time.monotonic()
    for path in ("/", "/api/session", "/api/box"):
        assert browser.ask("GET", path).status in {200, 404}
    return 1000 * (time.monotonic() - began)


def usable_ms(browser: Browser) -> list[float]:
    """How soon the page is usable in Chromium, each time anew; empty where it is not there."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or find_spec("playwright") is None:
        return []
    from playwright.sync_api import sync_playwright

    took: list[float] = []
    with sync_playwright() as driver:
        arguments = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        started = driver.chromium.launch(executable_path=chromium, args=arguments)
        page = started.new_page(viewport={"width": 1280, "height": 900})
        client = page.context.new_cdp_session(page)
        client.send("Network.enable")
        client.send("Network.setCacheDisabled", {"cacheDisabled": True})
        for _ in range(LOADS):
            page.goto("about:blank")
            page.goto(f"http://127.0.0.1:{browser.port}/", wait_until="commit")
            page.locator("article.tile .figures").first.wait_for()
            took.append(page.evaluate("performance.now()"))
        started.close()
    return took


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", help="only this one; in --out the others stay as they are")
    parser.add_argument("--out", type=Path, help="keep the figures here, as JSON")
    args = parser.parse_args()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edge"
    street, _ = cached(cache)
    result: dict[str, Any] = {}
    if args.case and args.out and args.out.is_file():
        result = json.loads(args.out.read_text())  # the other cases stay
    result |= {"machine": describe(), "rounds": ROUNDS, "seconds": SECONDS}
    with tempfile.TemporaryDirectory() as name:
        for case, fps, is_still in (
            ("busy_5fps", 5, False),
            ("idle_5fps", 5, True),
            ("idle_25fps", 25, True),
        ):
            if args.case not in {None, case}:
                continue
            video = clip(street, Path(name) / f"{case}.mp4", fps=fps, is_still=is_still)
            with daemon(Path(name) / case, video) as (pid, browser):
                alone, watched, rates = [], [], []
                for _ in range(ROUNDS):
                    alone.append(share(pid))
                    percent, rate = looking(pid, browser)
                    watched.append(percent)
                    rates.append(rate)
                opening = [opened_ms(browser) for _ in range(20)]
                usable = usable_ms(browser) if case == "idle_5fps" else []
                jpeg = browser.ask("GET", "/api/cameras/street/picture").body
            result[case] = {
                "percent_alone": round(statistics.median(alone), 2),
                "percent_watched": round(statistics.median(watched), 2),
                "percent_a_client": round(
                    statistics.median(w - a for w, a in zip(watched, alone, strict=True)), 2
                ),
                "pictures_a_second": round(statistics.median(rates), 2),
                "jpeg_kib": round(len(jpeg) / 1024, 1),
                "index_session_box_ms": round(statistics.median(opening), 1),
                "index_session_box_ms_worst": round(max(opening), 1),
            }
            if usable:
                result[case]["usable_ms"] = round(statistics.median(usable))
                result[case]["usable_ms_worst"] = round(max(usable))
            print(case, json.dumps(result[case]), flush=True)
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
