"""A clip cut from a camera's stream plays in ffmpeg and in a browser, and survives kill -9."""

from __future__ import annotations

import json
import queue
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from edge.evidence import _nal
from tests.clips import encode
from tests.servers import eventually
from tests.soak import evidence_killing
from tests.unit.evidence.scene import (
    Room,
    a_step,
    a_witness,
    an_event,
    coded,
    feed_of,
    listed,
    media,
    play,
    recording,
    sent,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PAGE = b"""<!doctype html><video id=v muted src="clip.mp4"></video><script>
const said = text => fetch('/said/' + encodeURIComponent(text));
v.onerror = () => said('error ' + (v.error && v.error.message));
v.onended = () => said(`ended ${v.videoWidth}x${v.videoHeight} ${v.duration.toFixed(2)}`);
v.play().catch(problem => said('refused ' + problem));
</script>"""


class Site(ThreadingHTTPServer):
    """Serves the page and the clip, and hears how it went."""

    def __init__(self, clip: Path) -> None:
        self.said: queue.SimpleQueue[str] = queue.SimpleQueue()
        site = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/said/"):
                    site.said.put(unquote(self.path.removeprefix("/said/")))
                is_clip = self.path == "/clip.mp4"
                body = clip.read_bytes() if is_clip else PAGE
                self.send_response(200)
                self.send_header("Content-Type", "video/mp4" if is_clip else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Not into the test's output."""

        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def a_clip(folder: Path, name: str) -> Path:
    """Two seconds of a camera's pictures, as evidence."""
    feed, packets = feed_of(encode(folder / name, n_frames=40, codec="libx264"))
    evidence = folder / "evidence"
    with recording(evidence, Room()) as recorder:
        witness = a_witness(recorder, evidence, feed, pre_seconds=1, post_seconds=1)
        play(feed, packets)
        event = an_event()
        witness.saw(event, sent(event), a_step(2.0))
        clip = next(item for item in listed(evidence, 3) if item.media == "clip")
    return media(evidence, clip)


def test_a_browser_plays_it_to_its_end(tmp_path: Path) -> None:
    """Chromium, as Debian has it."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no Chromium; run: apt-get install chromium")
    with Site(a_clip(tmp_path, "a.ts")) as site:
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0"),
            *(f"--user-data-dir={tmp_path / 'profile'}", f"http://127.0.0.1:{site.server_port}/"),
        ]
        with (tmp_path / "browser.txt").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            said = site.said.get(timeout=60)
        finally:
            process.kill()
            process.wait()
            site.shutdown()
    assert re.fullmatch(r"ended 320x180 2\.\d\d", said), said


def test_ffprobe_finds_what_was_sent(tmp_path: Path) -> None:
    """Codec, size, every packet, a keyframe first."""
    if shutil.which("ffprobe") is None:
        pytest.skip("no ffprobe; run: apt-get install ffmpeg")
    clip = a_clip(tmp_path, "a.mp4")
    probed = subprocess.run(
        [
            "ffprobe", "-v", "error", "-print_format", "json", "-show_streams", "-show_packets",
            str(clip),
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert probed.stderr == ""
    found = json.loads(probed.stdout)
    (stream,) = found["streams"]
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 320, 180)
    assert found["packets"][0]["flags"].startswith("K")
    assert len(found["packets"]) == len(coded(clip)[1])


@pytest.mark.network
def test_a_clip_of_an_rtsp_camera_holds_what_it_sent(tmp_path: Path) -> None:
    """Every unit of every picture, parameter sets and SEI among them."""
    from edge.runtime.reader import Reader
    from edge.sources.rtsp import Options
    from tests.rtsp_camera import RtspCamera

    source = encode(tmp_path / "a.mp4", n_frames=60)
    evidence = tmp_path / "evidence"
    with RtspCamera(source) as camera:
        options = Options.model_validate({"kind": "rtsp", "url": camera.url})
        reader = Reader("gate", options)
        reader.start()
        feed = reader.next_feed(None, 10)
        assert feed is not None
        with recording(evidence, Room()) as recorder:
            witness = a_witness(recorder, evidence, feed, pre_seconds=1, post_seconds=1)
            assert eventually(lambda: reader.n_packets > 25)
            event = an_event()
            witness.saw(event, sent(event), None)
            clip = listed(evidence, 1)[0]
        reader.stop()
    told, kept = coded(media(evidence, clip))
    original = feed_of(source)
    sent_units = [
        unit
        for packet in original[1]
        for unit in _nal.units(_nal.annex_b(packet.data, original[0].stream))
    ]
    pictures = [
        unit
        for data in kept
        for unit in _nal.units(_nal.annex_b(data, told))
        if unit[0] & 31 in (1, 5, 6)  # the server repeats parameter sets of its own
    ]
    assert len(kept) >= 15
    assert set(pictures) <= set(sent_units)


def test_kill_9_leaves_nothing_listed_that_does_not_verify() -> None:
    """The short form; 300 kills are in tests/bench/results/x86-2core-evidence-killing.json."""
    found = evidence_killing.run(2, most_s=0.5)
    assert found["kills"] == 2
    assert found["listed and not verified"] == 0
