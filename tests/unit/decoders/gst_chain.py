"""GStreamer's software decoders in place of a Jetson's, so that the same pipeline runs anywhere."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from edge.decoders._gstreamer import require
from edge.errors import MissingDependency

PACKAGES = (
    "python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
    " gstreamer1.0-plugins-bad gstreamer1.0-libav"
)
TO_NV12 = "videoconvert ! video/x-raw,format=NV12"
CHAINS = {
    "h264": f"avdec_h264 max-threads=1 ! {TO_NV12}",
    "hevc": f"avdec_h265 max-threads=1 ! {TO_NV12}",
}

DEBIAN = Path("/usr/lib/python3/dist-packages")
"""Where Debian keeps its Python libraries; `gi` is compiled for the system's own version."""


def chain_or_skip(codec: str = "h264", chain: str = "") -> str:
    """A chain that runs here, or a skip that names the packages."""
    chain = chain or CHAINS[codec]
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    is_ours = any(DEBIAN.glob(f"gi/_gi.cpython-{version}-*.so"))
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patched:
        # Debian's bindings load the libraries' descriptions in a way that Python means to give up.
        warnings.simplefilter("ignore", ImportWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        if is_ours:
            patched.setattr(sys, "path", [*sys.path, str(DEBIAN)])
        try:
            require(codec, chain)
        except MissingDependency as exc:
            pytest.skip(f"{exc} (in tests: apt-get install {PACKAGES})")
    return chain
