"""`auto`: the hardware decoder where this box has one and it takes the stream, else the CPU."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Literal

from edge.decoders import Decoder, DecoderOptions, nvv4l2, software
from edge.packet import Stream

log = logging.getLogger("edge.decoders")

JETSON = Path("/etc/nv_tegra_release")
"""Where there is this file, a missing hardware decoder is something to mend."""


class Options(DecoderOptions):
    """The best this box has."""

    kind: Literal["auto"] = "auto"

    def chosen(self, stream: Stream) -> DecoderOptions:
        """The options of the kind that will decode a stream."""
        doubt = nvv4l2.doubt(stream)
        _say(stream.codec, doubt)
        return software.Options() if doubt else nvv4l2.Options()

    def open(self, stream: Stream) -> Decoder:
        """A decoder of the chosen kind; see `DecoderOptions.open`."""
        return self.chosen(stream).open(stream)


@cache  # once a process, not once a connection
def _say(codec: str, doubt: str) -> None:
    if not doubt:
        log.info("%s is decoded by nvv4l2", codec)
    elif JETSON.exists():
        log.warning("%s is decoded on the CPU; nvv4l2: %s", codec, doubt)
    else:
        log.info("%s is decoded on the CPU", codec)
