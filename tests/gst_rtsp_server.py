"""An RTSP camera on loopback: serves a recorded stream for ever, in real time.

H.264, H.265 or MJPEG, as the clip is; over TCP or UDP, as the client asks; over TLS where it is
given a certificate. It can lose packets and begin anywhere in RTP's 32 bits of time.

Run by the system's Python, because GStreamer's bindings come as Debian packages and not from
PyPI; nothing here imports the appliance. `tests.rtsp_camera` starts it, and so may a person:

    /usr/bin/python3 tests/gst_rtsp_server.py clip.mp4 --user viewer --password secret

A clip in .ts is sent once, as MPEG-TS inside RTP. Any other is demuxed once into memory and its
access units are sent again and again, bit for bit.
It does not loop by seeking back: that restarts the timestamps, and no camera's clock jumps back
every few seconds. Here each round's timestamps continue the last one's, so that a client sees
one endless stream.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0"
    " gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
)
MISSING = 3
DEMUXERS = {".mp4": "qtdemux", ".mkv": "matroskademux"}
PAYLOADERS = {
    # The parameter sets before every keyframe, as cameras send them. The payloaders could add
    # them too, but do so before every slice of it, which tears the picture apart.
    "video/x-h264": "h264parse config-interval=-1 ! rtph264pay pt=96",
    "video/x-h265": "h265parse config-interval=-1 ! rtph265pay pt=96",
    "image/jpeg": "jpegparse ! rtpjpegpay pt=26",
}
BARE = "application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=96"
ELEMENTS = (
    *("appsrc", "appsink", "identity", "capssetter", "qtdemux", "matroskademux", "rtpbin"),
    *("h264parse", "rtph264pay", "h265parse", "rtph265pay", "jpegparse", "rtpjpegpay"),
    *("filesrc", "tsparse", "rtpmp2tpay"),
    *("mpegtsmux", "rtpmp2tpay"),
)
SECOND_NS = 1_000_000_000

try:
    import gi

    for namespace in ("Gst", "GstRtsp", "GstRtspServer"):
        gi.require_version(namespace, "1.0")
    from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer

    Gst.init(None)
    absent = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
except (ImportError, ValueError) as error:
    absent = [str(error)]


@dataclass(frozen=True)
class Recording:
    """A clip's access units, in file order.

    Attributes:
        caps: What they are, with the parameter sets.
        units: One buffer per picture; times in nanoseconds, the earliest at 0.
        period_ns: From one round's start to the next one's.
    """

    caps: Gst.Caps
    units: list[Gst.Buffer]
    period_ns: int

    def rounds(self) -> Iterator[Gst.Buffer]:
        """Give the units again and again, each round's times continuing the last one's."""
        start_ns = 0
        while True:
            for unit in self.units:
                yield later(unit, start_ns)
            start_ns += self.period_ns


def later(unit: Gst.Buffer, by_ns: int) -> Gst.Buffer:
    """Give a copy at another time. Matroska has no DTS.

    Deep, because these bindings' plain copy() is one more reference to the same buffer.
    """
    moved = unit.copy_deep()
    moved.pts += by_ns
    if moved.dts != Gst.CLOCK_TIME_NONE:
        moved.dts += by_ns
    return moved


def read(clip: Path) -> Recording:
    """Demux the clip's video.

    Raises:
        ValueError: The container is not one of `DEMUXERS`, or holds less than two pictures.
    """
    if clip.suffix not in DEMUXERS:
        raise ValueError(f"{clip}: expected a name that ends in {' or '.join(DEMUXERS)}")
    pipeline = Gst.parse_launch(
        f"filesrc name=file ! {DEMUXERS[clip.suffix]} ! capsfilter name=codecs"
        " ! appsink name=units sync=0"
    )
    pipeline.get_by_name("codecs").set_property("caps", Gst.caps_from_string(";".join(PAYLOADERS)))
    pipeline.get_by_name("file").set_property("location", str(clip))
    sink = pipeline.get_by_name("units")
    pipeline.set_state(Gst.State.PLAYING)
    samples = []
    while (sample := sink.emit("try-pull-sample", 10 * SECOND_NS)) is not None:
        samples.append(sample)
    pipeline.set_state(Gst.State.NULL)
    if len(samples) < 2:
        raise ValueError(
            f"{clip}: expected H.264, H.265 or MJPEG, found {len(samples)} pictures of it"
        )

    units = [sample.get_buffer() for sample in samples]
    earliest_ns = min(min(unit.pts, unit.dts) for unit in units)
    span_ns = max(unit.pts for unit in units) - min(unit.pts for unit in units)
    return Recording(
        caps=samples[0].get_caps(),
        units=[later(unit, -earliest_ns) for unit in units],
        period_ns=span_ns + span_ns // (len(units) - 1),
    )


TRANSPORT_STREAM = (
    '( filesrc location="{}" ! tsparse set-timestamps=true alignment=7'
    " ! rtpmp2tpay pt=33 name=pay0 )"
)


def launch(recording: Recording, options: argparse.Namespace) -> str:
    """The pipeline from clip to RTP.

    `units` asks for one at a time (max-bytes=1): memory stays flat however long the clip. Loss is
    after the payloader, which makes it the network's.
    """
    payloader = PAYLOADERS[recording.caps.get_structure(0).get_name()]
    if options.transport_stream:
        payloader = f"{payloader.partition(' ! ')[0]} ! mpegtsmux alignment=7 ! rtpmp2tpay pt=33"
    if options.rtp_start >= 0:
        payloader += f" timestamp-offset={options.rtp_start}"
    steps = ["appsrc name=units format=time max-bytes=1", payloader]
    if options.loss > 0.0:
        steps.append(f"identity drop-probability={options.loss}")
    if options.bare_sdp:
        steps.append(f'capssetter replace=true join=false caps="{BARE}"')
    return f"( {' ! '.join(steps)} name=pay0 )"


def feed(_factory: object, media: GstRtspServer.RTSPMedia, recording: Recording) -> None:
    """Give a new stream a unit whenever it asks; its sinks wait for the clock: that is the pace."""

    def push(source: Gst.Element, _wanted: int, units: Iterator[Gst.Buffer]) -> None:
        source.emit("push-buffer", next(units))

    source = media.get_element().get_by_name("units")
    source.set_property("caps", recording.caps)
    source.connect("need-data", push, recording.rounds())


def report(_factory: object, media: GstRtspServer.RTSPMedia, every_ns: int) -> None:
    """Let a new stream send RTCP sender reports this often; five seconds by default."""

    def prepared(media: GstRtspServer.RTSPMedia) -> None:
        media.get_stream(0).get_rtpsession().set_property("rtcp-min-interval", every_ns)

    media.connect("prepared", prepared)


def guard(
    server: GstRtspServer.RTSPServer,
    factory: GstRtspServer.RTSPMediaFactory,
    options: argparse.Namespace,
) -> None:
    """Let only this user look, by digest authentication, which is what cameras ask for; by TLS."""
    viewer = GstRtspServer.RTSPToken()
    viewer.set_string("media.factory.role", "viewer")
    door = GstRtspServer.RTSPAuth()
    if options.certificate is not None:
        files = (str(options.certificate), str(options.key))
        door.set_tls_certificate(Gio.TlsCertificate.new_from_files(*files))
    if options.user is None:
        door.set_default_token(viewer)
    else:
        door.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        door.add_digest(options.user, options.password, viewer)
    server.set_auth(door)
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", right, True)
    factory.set_permissions(permissions)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Serve a clip as an RTSP camera.")
    parser.add_argument(
        "clip", type=Path, help="H.264, H.265 or MJPEG in .mp4 or .mkv; .ts once, as it is"
    )
    parser.add_argument("--address", default="127.0.0.1", help="where it listens")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--path", default="stream")
    parser.add_argument("--user", help="with --password: nobody else may look")
    parser.add_argument("--password")
    parser.add_argument(
        "--shared", action="store_true", help="all clients see one stream, not each from the start"
    )
    parser.add_argument("--certificate", type=Path, help="with --key (both PEM): serve rtsps://")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--loss", type=float, default=0.0, help="fraction of RTP packets to lose")
    parser.add_argument(
        "--bare-sdp", action="store_true", help="describe H.264 without its parameter sets"
    )
    parser.add_argument("--transport-stream", action="store_true", help="MPEG-TS inside RTP")
    parser.add_argument("--rtp-start", type=int, default=-1, help="the first picture's RTP time")
    parser.add_argument("--report-s", type=float, default=5.0, help="between RTCP sender reports")
    options = parser.parse_args()
    for one, other in (("user", "password"), ("certificate", "key")):
        if (getattr(options, one) is None) != (getattr(options, other) is None):
            parser.error(f"--{one} and --{other} go together")
    return options


def main() -> int:
    """Serve until SIGTERM, or until the process that started this one is gone."""
    parent = os.getppid()
    options = arguments()
    if absent:
        sys.stderr.write(f"missing: {', '.join(absent)}; run: apt-get install {PACKAGES}\n")
        return MISSING
    factory = GstRtspServer.RTSPMediaFactory()
    if options.clip.suffix == ".ts":
        factory.set_launch(TRANSPORT_STREAM.format(options.clip))
    else:
        try:
            recording = read(options.clip)
        except ValueError as problem:
            sys.stderr.write(f"{problem}\n")
            return 2
        factory.set_launch(launch(recording, options))
        factory.connect("media-configure", feed, recording)
    factory.set_shared(options.shared)
    factory.connect("media-configure", report, round(options.report_s * SECOND_NS))
    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(str(options.port))
    if options.user is not None or options.certificate is not None:
        guard(server, factory, options)
    server.get_mount_points().add_factory(f"/{options.path}", factory)
    if not server.attach(None):
        sys.stderr.write(f"cannot listen on {options.address}:{options.port}\n")
        return 1

    loop = GLib.MainLoop()

    def watch_parent() -> bool:
        if os.getppid() != parent:
            loop.quit()
        return True  # GLib: call again

    def stop() -> bool:
        loop.quit()
        return False

    GLib.timeout_add_seconds(1, watch_parent)
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, stop)
    scheme = "rtsp" if options.certificate is None else "rtsps"
    place = f"{options.address}:{server.get_bound_port()}/{options.path}"
    sys.stdout.write(f"READY {scheme}://{place}\n")
    sys.stdout.flush()
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
