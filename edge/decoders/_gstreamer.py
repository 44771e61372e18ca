"""One GStreamer pipeline around a decoder element: coded buffers in, planes out.

Boundary: the one place that imports `gi`, and only once a pipeline is asked for. A driver that
hangs must not hang its camera: nothing here waits without a limit.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from edge.decoders._colour import colour_of
from edge.errors import MissingDependency, SourceLost, SourceUnsupported
from edge.frame import Colour, Plane
from edge.packet import Stream

FORMATS = {"h264": ("video/x-h264", "avc"), "hevc": ("video/x-h265", "hvc1")}
"""By codec: media type, and `stream-format` where units have lengths instead of start codes."""

PARSERS = {"h264": "h264parse", "hevc": "h265parse"}

CONTROL_S = 2.0
"""Longest wait for a pipeline to flush or stop; GStreamer's own decoders take 0.4 ms."""

EPOCH_NS = 3600 * 10**9
"""Added to all times: GStreamer's cannot be negative, and a `dts` may lie before the start."""

MOST_HUNG = 8
"""Pipelines that may be left behind because their driver hangs; with more no new one is begun, or
the box would run out of memory instead of telling."""

_CONTROL = "gstreamer-control"
_FULL_RANGE = 1  # GST_VIDEO_COLOR_RANGE_0_255: Python cannot spell names that begin with a digit

APT = (
    "apt-get install python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base"
    " gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """One picture as the pipeline gave it: its time in microseconds, planes, and any doubt."""

    time_us: int
    y: Plane
    u: Plane
    v: Plane
    colour: Colour
    is_corrupt: bool


class Pipeline:
    """`appsrc ! parser ! chain ! appsink`, playing.

    Args:
        stream: H.264 or H.265.
        chain: Elements from the parser's output to NV12 or I420 in system memory, in the words of
            `gst-launch-1.0`.

    Raises:
        SourceUnsupported: Another codec, or the elements refuse to start.
        MissingDependency: GStreamer, its bindings or an element is not there.
        SourceLost: Too many pipelines hang already.
    """

    def __init__(self, stream: Stream, chain: str) -> None:
        if stream.codec not in FORMATS:
            raise SourceUnsupported(
                f"no hardware decoder for codec {stream.codec}; expected {' or '.join(FORMATS)}; "
                "set `decoder: {kind: software}`, or the camera to H.264"
            )
        require(stream.codec, chain)
        if n_hung() > MOST_HUNG:
            raise SourceLost(
                f"{n_hung()} hardware decoders hang and cannot be stopped; restart the box, or set "
                "`decoder: {kind: software}`"
            )
        self._gst = _gst()
        self._pipeline = self._gst.parse_launch(
            f"appsrc name=in format=time ! {PARSERS[stream.codec]} ! {chain}"
            " ! appsink name=out sync=false enable-last-sample=false"
        )
        self._in, self._out = map(self._pipeline.get_by_name, ("in", "out"))
        self._in.set_property("caps", self._gst.Caps.from_string(caps_of(stream)))
        self._head = b"" if stream.extradata[:1] == b"\x01" else stream.extradata
        if not self._reach(self._gst.State.PLAYING):
            why = self.error()
            self.close()
            raise SourceUnsupported(
                f"the hardware decoder does not start: {why or 'no reason given'}; see "
                "`gst-inspect-1.0 nvv4l2decoder`, or set `decoder: {kind: software}`"
            )

    def push(self, data: bytes, pts_us: int, dts_us: int) -> None:
        """Hand over one access unit; never waits."""
        buffer = self._gst.Buffer.new_wrapped(self._head + data)
        self._head = b""
        buffer.pts = EPOCH_NS + 1000 * pts_us
        buffer.dts = max(0, EPOCH_NS + 1000 * dts_us)
        self._in.push_buffer(buffer)

    def pull(self, timeout_s: float) -> Decoded | None:
        """The next picture; None where none comes in time, or none will come."""
        sample = self._out.try_pull_sample(int(timeout_s * 1e9))
        return None if sample is None else _decoded(sample)

    def end(self) -> None:
        """Nothing more comes: let the decoder give what it holds; then only `restart` helps."""
        self._in.end_of_stream()

    @property
    def is_ended(self) -> bool:
        """Everything before `end` has come out."""
        return bool(self._out.is_eos())

    def flush(self) -> bool:
        """Drop what is inside; False where the pipeline does not obey."""
        event = self._gst.Event
        return within(
            CONTROL_S,
            lambda: (
                self._in.send_event(event.new_flush_start())
                and self._in.send_event(event.new_flush_stop(True))
            ),
        )

    def restart(self) -> bool:
        """Begin anew after `end`; False where the pipeline does not obey."""
        return self._reach(self._gst.State.READY) and self._reach(self._gst.State.PLAYING)

    def error(self) -> str:
        """What an element has complained about since last asked; empty where nothing."""
        message = self._pipeline.get_bus().pop_filtered(self._gst.MessageType.ERROR)
        return "" if message is None else str(message.parse_error()[0].message)

    def close(self) -> bool:
        """Stop and release; False where the driver hangs, and its threads are left to it."""
        return self._reach(self._gst.State.NULL)

    def _reach(self, state: Any) -> bool:
        failure = self._gst.StateChangeReturn.FAILURE
        return within(CONTROL_S, lambda: self._pipeline.set_state(state) != failure)


def require(codec: str, chain: str) -> None:
    """Check that GStreamer and all elements are there.

    Raises:
        MissingDependency: Something is not; names the packages.
    """
    gst = _gst()
    steps = [
        step.split()[0] for step in f"appsrc ! {PARSERS[codec]} ! {chain} ! appsink".split("!")
    ]
    absent = [name for name in steps if "/" not in name and gst.ElementFactory.find(name) is None]
    if absent:
        raise MissingDependency(
            f"GStreamer has no element {', '.join(absent)}; run: {APT}; on a Jetson also "
            "nvidia-l4t-gstreamer"
        )


def caps_of(stream: Stream) -> str:
    """What is pushed, in GStreamer's words.

    Args:
        stream: H.264 or H.265, as its container carries it: with start codes (RTSP, MPEG-TS) or
            with lengths and a configuration record (MP4), which always begins with a 1.
    """
    media, with_lengths = FORMATS[stream.codec]
    if stream.extradata[:1] != b"\x01":
        return f"{media},stream-format=byte-stream,alignment=au"
    record = stream.extradata.hex()
    return f"{media},stream-format={with_lengths},alignment=au,codec_data=(buffer){record}"


def within(seconds: float, work: Callable[[], bool]) -> bool:
    """Do something that may hang, in a thread of its own.

    Returns:
        What it returns; False where it does not in time.
    """
    answers: list[bool] = []
    worker = threading.Thread(target=lambda: answers.append(work()), name=_CONTROL, daemon=True)
    worker.start()
    worker.join(seconds)
    return bool(answers) and answers[0]


def n_hung() -> int:
    """How many calls into GStreamer have not come back."""
    return sum(thread.name == _CONTROL for thread in threading.enumerate())


@cache
def _gst() -> Any:
    """GStreamer, initialised.

    Raises:
        MissingDependency: No bindings for this Python.
    """
    # GStreamer brings libunwind, which defines the compiler's own functions for exceptions. Found
    # first by a C++ library that throws later, such as ONNX Runtime, they end the process.
    with suppress(OSError):
        ctypes.CDLL("libgcc_s.so.1", mode=ctypes.RTLD_GLOBAL)
    try:
        import gi

        for namespace in ("Gst", "GstApp", "GstVideo"):
            gi.require_version(namespace, "1.0")
        from gi.repository import Gst, GstApp, GstVideo  # noqa: F401 - they add methods
    except (ImportError, ValueError) as exc:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise MissingDependency(
            f"no GStreamer for Python {version} ({exc}); run: {APT}; they serve the system's own "
            "Python, so make its environment with --system-site-packages"
        ) from exc
    Gst.init(None)
    return Gst


def _decoded(sample: Any) -> Decoded:
    """Copy a picture out once: its memory goes back to the decoder, which has few of them."""
    from gi.repository import GstVideo

    buffer, caps = sample.get_buffer(), sample.get_caps()
    info = GstVideo.VideoInfo.new_from_caps(caps)
    layout = GstVideo.buffer_get_video_meta(buffer) or info  # rows may be padded
    raw = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
    half_wh = (info.width + 1) // 2, (info.height + 1) // 2
    y = _rows(raw, layout, 0, (info.width, info.height))
    if info.finfo.n_planes == 3:
        u, v = _rows(raw, layout, 1, half_wh), _rows(raw, layout, 2, half_wh)
    else:
        # Views of every other byte: resizing both for the detector takes 0.3 ms more at 1080p,
        # splitting them here 0.6 ms, also for the pictures nobody looks at.
        both = _rows(raw, layout, 1, (2 * half_wh[0], half_wh[1]))
        u, v = both[:, 0::2], both[:, 1::2]
    return Decoded(
        (buffer.pts - EPOCH_NS) // 1000,
        y,
        u,
        v,
        _colour(caps, info),
        bool(buffer.get_flags() & _gst().BufferFlags.CORRUPTED),
    )


def _rows(raw: Plane, layout: Any, plane: int, size_wh: tuple[int, int]) -> Plane:
    width, height = size_wh
    stride, offset = layout.stride[plane], layout.offset[plane]
    if offset + stride * (height - 1) + width > len(raw):
        raise ValueError(
            f"plane {plane} of {height} rows by {stride} does not fit {len(raw)} bytes"
        )
    return as_strided(raw[offset:], (height, width), (stride, 1), writeable=False)


def _colour(caps: Any, info: Any) -> Colour:
    from gi.repository import GstVideo

    kind = GstVideo.VideoColorMatrix
    matrix = {kind.BT601: "bt601", kind.BT709: "bt709"}.get(info.colorimetry.matrix)
    if not caps.get_structure(0).has_field("colorimetry"):
        matrix = None  # what `info` tells is a guess
    is_full = int(info.colorimetry.range) == _FULL_RANGE
    return colour_of(matrix, info.height, is_full_range=is_full)
