"""`nvv4l2`: a Jetson's own decoder, through GStreamer.

The pipeline runs on threads of its own, so a picture may come some packets late, and a driver may
stop to answer at all. Then the pipeline is built again and goes on at the next keyframe: what was
inside is counted, and a camera that shows nothing for long is reported lost by its watcher.
"""

from __future__ import annotations

import logging
import time
from typing import Literal

from edge.decoders import DecoderOptions, Picture
from edge.decoders._continuity import Continuity, key
from edge.decoders._gstreamer import Decoded, Pipeline, require
from edge.errors import MissingDependency
from edge.packet import Packet, Stream

log = logging.getLogger("edge.decoders")

CHAIN = "nvv4l2decoder ! nvvidconv ! video/x-raw,format=NV12"
"""The decoder writes to the GPU's memory; `nvvidconv` brings the picture to the CPU's."""

ANSWER_S = 0.05
"""How long one picture is waited for, so that it need not wait for the next packet. A decoder that
keeps pictures back on purpose is found out by this, and waited for no more."""

MOST_INSIDE = 20
"""Pictures a decoder may keep: 16 references and some on their way. With more it is late."""

STALL_S = 2.0
"""A decoder that is late and gives nothing for this long is stuck."""


class Options(DecoderOptions):
    """On a Jetson's decoder."""

    kind: Literal["nvv4l2"] = "nvv4l2"

    def open(self, stream: Stream) -> HardwareDecoder:
        """A decoder of its own for one connection; see `DecoderOptions.open`."""
        return HardwareDecoder(stream, chain=CHAIN, stall_s=STALL_S)


def doubt(stream: Stream) -> str:
    """Why this kind cannot decode a stream on this box; empty where it can."""
    if stream.codec not in {"h264", "hevc"}:
        return f"it does not decode {stream.codec}"
    try:
        require(stream.codec, CHAIN)
    except MissingDependency as exc:
        return str(exc)
    return ""


class HardwareDecoder:
    """One connection's pipeline.

    Args:
        stream: What it will be fed.
        chain: See `Pipeline`; another one serves where there is no Jetson.
        stall_s: See `STALL_S`.

    Raises:
        SourceUnsupported, SourceLost, MissingDependency: As `Pipeline`.
    """

    def __init__(self, stream: Stream, *, chain: str = CHAIN, stall_s: float = STALL_S) -> None:
        self._stream = stream
        self._chain = chain
        self._stall_s = stall_s
        self._continuity = Continuity(stream)
        self._n_kept = 0  # pictures it keeps back on purpose
        self._is_clean = True  # nothing was pushed since it was built, flushed or restarted
        self._pipeline: Pipeline | None = Pipeline(stream, chain)

    @property
    def n_corrupt(self) -> int:
        """Packets found damaged, and pictures found missing, since the start."""
        return self._continuity.n_corrupt

    @property
    def n_withheld(self) -> int:
        """Packets that show nothing because of what they are predicted from, or of a stall."""
        return self._continuity.n_withheld

    def decode(self, packet: Packet) -> list[Picture]:
        """Feed one packet; see `Decoder.decode`."""
        continuity = self._continuity
        found = self.flush() if continuity.is_loss_before(packet) else []
        if not continuity.admits(packet):
            return found
        pipeline = self._running()
        pipeline.push(packet.data, key(packet), round(packet.dts * 1e6))
        self._is_clean = False
        if packet.is_keyframe:
            self._n_kept = max(0, self._n_kept - 1)  # or one late answer would count for ever
        found += self._pulled(pipeline)
        why = pipeline.error()
        if why or continuity.n_inside > MOST_INSIDE:
            self._rebuild(why or f"no picture for {self._stall_s:g} s")
        elif continuity.is_damaged:
            found += self.flush()
        return found

    def flush(self) -> list[Picture]:
        """Give what is still inside."""
        found: list[Picture] = []
        if self._continuity.n_inside and self._n_kept == 0:
            found = self._pulled(self._running())
        if self._continuity.n_inside:
            found += self._ended(self._running())
        self._continuity.break_off()
        self.reset()
        return found

    def reset(self) -> None:
        """Forget references and what waited for them."""
        self._continuity.reset()
        if not self._is_clean and not self._running().flush():
            self._rebuild("it does not flush")
        self._is_clean = True

    def close(self) -> None:
        """Stop the pipeline and release the decoder."""
        self._continuity.reset()
        if self._pipeline is not None:
            self._shut(self._pipeline)
            self._pipeline, self._is_clean = None, True

    def _running(self) -> Pipeline:
        if self._pipeline is None:
            self._pipeline = Pipeline(self._stream, self._chain)
        return self._pipeline

    def _pulled(self, pipeline: Pipeline) -> list[Picture]:
        """What is ready, and what is due soon."""
        found = []
        due_at = time.monotonic() + ANSWER_S
        late_at = due_at - ANSWER_S + self._stall_s
        while self._continuity.n_inside:
            is_late = self._continuity.n_inside > MOST_INSIDE
            is_due = self._continuity.n_inside > self._n_kept
            limit = late_at if is_late else due_at if is_due else 0.0
            decoded = pipeline.pull(max(0.0, limit - time.monotonic()))
            if decoded is None:
                self._n_kept = min(self._continuity.n_inside, MOST_INSIDE)
                break
            found += self._pictures(decoded)
        return found

    def _ended(self, pipeline: Pipeline) -> list[Picture]:
        """What it keeps back, by ending the stream; then the pipeline begins anew."""
        found: list[Picture] = []
        pipeline.end()
        deadline = time.monotonic() + self._stall_s
        while not pipeline.is_ended and (left_s := deadline - time.monotonic()) > 0:
            found += self._pictures(pipeline.pull(left_s))
        if not (pipeline.is_ended and pipeline.restart()):
            self._rebuild(pipeline.error() or f"no end within {self._stall_s:g} s")
        self._is_clean = True
        return found

    def _pictures(self, decoded: Decoded | None) -> list[Picture]:
        if decoded is None:
            return []
        packet = self._continuity.take(decoded.time_us, is_corrupt=decoded.is_corrupt)
        if packet is None:
            return []
        return [Picture(packet, decoded.y, decoded.u, decoded.v, decoded.colour)]

    def _rebuild(self, why: str) -> None:
        """Begin anew after the pipeline failed; what was inside is counted."""
        log.warning("hardware decoder failed and is built again: %s", why)
        self._continuity.n_corrupt += 1
        self._continuity.break_off()
        if self._pipeline is not None:
            self._shut(self._pipeline)
            self._pipeline = None  # built with the next keyframe
        self._is_clean = True
        self._n_kept = 0

    def _shut(self, pipeline: Pipeline) -> None:
        if not pipeline.close():
            log.error("a hardware decoder does not stop; its threads are left behind")
