"""Attention: which packets of a connection are worth decoding.

While nothing moves and nothing is followed only keyframes are decoded, about one a second, and
everything else costs no more than being kept. When something stirs, the ring is gone back over to
the last picture that was still, so that nothing is missed of how it began; what was passed over is
caught up faster than it happened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from edge.decoders import Decoder, Picture
from edge.packet import Packet
from edge.pipeline import Pipeline
from edge.ring import Ring, Taken

MOST_GOP_S = 2.5
"""With keyframes further apart than this everything is decoded: a car is through the picture in
2.3 s (car-detection.mp4, keyframes 4.8 s apart), and no keyframe would have shown it. Packet sizes
do not stand in for them: docs/gates.md."""

LOOK_S = 0.9
"""Keyframes nearer than this to the last one looked at are passed over while idle. A camera that
sends nothing but keyframes (MJPEG) then costs one decoded picture a second, not fifteen; a tenth
under the second, so that jitter does not make it every other second."""

AT_REST = 4
"""Packets an idle camera's watcher sleeps through at a time, unless a keyframe is among them: it
wakes 4 times a second, not 15. A stir that sizes alone tell is heard up to three packets later."""

SHOWN_S = 0.2
"""Who looks at a camera at rest is shown five pictures a second; packets are taken so many at a
time. Five decoded one after the other take a third less than one by one, each into caches
that others have used since (tests.bench.page)."""


class Attention:
    """Decodes one connection as far as its pipeline needs.

    Args:
        camera: The camera's id.
        ring: The connection's packets; this is their one taker.
        decoder: For this connection.
        pipeline: Says whether it is idle and what stirs it.
        is_watched: Tells whether somebody looks on, who wants to see more than keyframes.

    Attributes:
        n_passed: Packets that were kept and not decoded at first sight.
        n_skipped: Packets lost to a watcher that fell behind.
    """

    def __init__(
        self,
        camera: str,
        ring: Ring,
        decoder: Decoder,
        pipeline: Pipeline,
        is_watched: Callable[[], bool] = bool,
    ) -> None:
        self.n_passed = 0
        self.n_skipped = 0
        self._camera = camera
        self._ring = ring
        self._decoder = decoder
        self._pipeline = pipeline
        self._is_watched = is_watched
        self._was_idle = False
        self._is_at_rest = False  # decoded only because somebody looks
        self._last_dts: float | None = None
        self._between_s = SHOWN_S  # packets, smoothed
        self._gop_s = float("inf")  # time between keyframes, once two were seen
        self._keyframe_dts: float | None = None  # of the last one, where none was skipped since
        self._looked_pts = float("-inf")
        self._n_unjudged = 0  # keyframes taken since the last picture that was found still
        self._behind_s = 0.0  # how far the last rewind put us behind on purpose

    def take(self, timeout_s: float) -> Taken | None:
        """The next packet; see `Ring.take`."""
        taken = self._ring.take(timeout_s, at_least=self._at_a_time())
        if taken is not None and taken.n_skipped:
            self._skipped(taken.n_skipped)
        return taken

    def keep_up(self, most_s: float) -> None:
        """Skip to the newest keyframe of a live camera that is further ahead than allowed.

        Args:
            most_s: How far behind is still useful; what a rewind put behind comes on top.
        """
        lag_s = self._ring.lag_s
        if self._ring.is_lossless or lag_s <= most_s:
            self._behind_s = 0.0
        elif lag_s > most_s + self._behind_s:
            n_skipped = self._ring.skip_to_newest_keyframe()
            if n_skipped:
                self._skipped(n_skipped)

    @property
    def cannot_rest(self) -> str:
        """Why an idle camera is decoded whole all the same; empty where it is not."""
        if self._gop_s <= MOST_GOP_S or math.isinf(self._gop_s):
            return ""
        return (
            f"keyframes are {self._gop_s:.1f} s apart, so that every picture has to be decoded; "
            f"set the camera to one every 1 to 2 s"
        )

    def pictures(self, packet: Packet) -> list[Picture]:
        """What a packet shows, if it is worth decoding now; in order of `pts`."""
        self._measure_gop(packet)
        self._n_unjudged += packet.is_keyframe
        is_busy = not self._pipeline.is_idle or self._gop_s > MOST_GOP_S
        self._is_at_rest = not is_busy
        if is_busy or self._is_watched():
            if self._was_idle:  # a look at a keyframe found something: see what follows it
                return self._go_back()
            self._n_unjudged = 0
            return self._decoder.decode(packet)
        self._was_idle = True
        if packet.is_keyframe and packet.pts - self._looked_pts >= LOOK_S:
            return self._look(packet)
        self.n_passed += 1
        # A keyframe's size tells how much there is to see, not how much of it moves.
        if not packet.is_keyframe and self._pipeline.stirs(packet):
            self._pipeline.wake(packet.pts)
            return self._go_back()
        return []

    def flush(self) -> Iterator[Picture]:
        """What is left when the connection has ended, one after the other.

        While idle that is everything since the last picture found still: no other will come to
        tell whether something moved in it.
        """
        if self._was_idle:
            self._go_back()
            while (taken := self._ring.take(0)) is not None:
                yield from self._decoder.decode(taken.packet)
        yield from self._decoder.flush()

    def _look(self, keyframe: Packet) -> list[Picture]:
        """Decode one keyframe; if something stirs in it, go back instead of handing it out."""
        self._decoder.reset()
        pictures = self._decoder.decode(keyframe) + self._decoder.flush()
        for picture in pictures:
            if self._pipeline.stirs(picture.frame(self._camera, 0)):
                # It may have begun right after the keyframe before this one.
                self._pipeline.wake(picture.packet.pts)
                return self._go_back()
        if pictures:  # a damaged one is none, and the next one is looked at
            self._looked_pts = keyframe.pts
            self._n_unjudged = 0
        return pictures

    def _at_a_time(self) -> int:
        """How many packets to wait for."""
        if self._was_idle:
            return AT_REST
        return max(1, round(SHOWN_S / self._between_s)) if self._is_at_rest else 1

    def _measure_gop(self, packet: Packet) -> None:
        """Learn how far packets and keyframes are apart; a growing gap counts before it ends."""
        if self._last_dts is not None and packet.dts > self._last_dts:
            self._between_s += (packet.dts - self._last_dts - self._between_s) / 8
        self._last_dts = packet.dts
        last = self._keyframe_dts
        if packet.is_keyframe:
            self._keyframe_dts = packet.dts
            if last is not None and packet.dts > last:
                self._gop_s = packet.dts - last
        elif last is not None and packet.dts - last > MOST_GOP_S:
            self._gop_s = packet.dts - last

    def _go_back(self) -> list[Picture]:
        """To the last picture that was found still."""
        self._was_idle = False
        self._decoder.reset()
        self._behind_s = self._ring.rewind(self._n_unjudged + 1)
        self._n_unjudged = 0
        return []

    def _skipped(self, n_packets: int) -> None:
        self._decoder.reset()
        self.n_skipped += n_packets
        # Seen from here keyframes are now far apart, and a box that cannot keep up would decode all
        # of every camera from then on. The ring has seen them all.
        self._keyframe_dts = None
        self._gop_s = self._ring.gop_s or self._gop_s
