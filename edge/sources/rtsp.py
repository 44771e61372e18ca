"""`kind: rtsp`: a network camera, over TCP, UDP or TLS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from edge.sources import SourceOptions
from edge.sources._address import checked, redacted, scheme_of

if TYPE_CHECKING:
    from edge.sources._live import LiveSource

SCHEMES = ("rtsp", "rtsps")

UDP_BUFFER_BYTES = 2**20
"""What the kernel may keep while the reader is busy: a keyframe of a 4K camera comes at line speed
and is 300 to 500 kB. The kernel gives no more than `net.core.rmem_max`, 208 kB as Debian comes."""

REORDER_US = 100_000
"""How long a missing UDP packet is waited for before it counts as lost: longer than any local
network reorders, and no more than it may delay an alert."""


class Options(SourceOptions):
    """A network camera."""

    kind: Literal["rtsp"]
    url: Annotated[
        SecretStr,
        Field(
            description="Address of the main stream, rtsp:// or rtsps://. Write user and password "
            "as ${NAME} or !secret; characters such as @ : / in them must be percent-encoded.",
            examples=["rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.21:554/stream1"],
        ),
    ]
    sub_url: Annotated[
        SecretStr | None,
        Field(
            description="Address of the camera's second, smaller stream; where given, it is the "
            "one analysed. The main stream is not opened beside it: clips and snapshots are of the "
            "smaller one too.",
            examples=["rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.21:554/stream2"],
        ),
    ] = None
    transport: Annotated[
        Literal["tcp", "udp"],
        Field(
            description="How pictures travel. tcp loses nothing to the network; udp is for cameras "
            "that know no other, and a lost packet costs the picture up to the next keyframe.",
            examples=["tcp"],
        ),
    ] = "tcp"
    ca_file: Annotated[
        Path | None,
        Field(
            strict=False,
            description="For rtsps://: certificates that may vouch for the camera (PEM), relative "
            "to the configuration folder. A camera's own self-signed certificate can stand here; "
            "it must name the host in the address. Without this file the stream is encrypted, but "
            "nothing proves that it comes from the camera.",
            examples=["tls/cameras.pem"],
        ),
    ] = None

    @field_validator("url", "sub_url")
    @classmethod
    def _is_rtsp(cls, url: SecretStr | None) -> SecretStr | None:
        return None if url is None else checked(url, SCHEMES)

    @model_validator(mode="after")
    def _fits(self) -> Options:
        schemes = {scheme_of(url) for url in (self.url, self.sub_url) if url is not None}
        if self.ca_file is not None and "rtsps" not in schemes:
            raise ValueError("ca_file has no effect with rtsp://; write rtsps:// in the address")
        if self.transport == "udp" and "rtsps" in schemes:
            raise ValueError("rtsps:// over udp would leave the pictures unencrypted; use tcp")
        return self

    @property
    def address(self) -> str:
        """The address that is opened, without user, password and query."""
        return redacted(self._opened_url)

    @property
    def _opened_url(self) -> SecretStr:
        return self.url if self.sub_url is None else self.sub_url

    def open(self, *, timeout_s: float = 5.0, not_before: float = 0.0) -> LiveSource:
        """Connect. See `SourceOptions.open`."""
        from edge.sources._demux import Demuxer, verification
        from edge.sources._live import LiveSource

        options = {
            "rtsp_transport": self.transport,
            "allowed_media_types": "video",
            # The SDP names the codec and its parameters, and what it leaves out comes in the
            # stream. To look at packets first would only cost: measured, 1.0 s until the first
            # packet is handed on, and times by arrival that much too late, instead of 0.13 s.
            "probesize": "32",
            # Not `fflags=nobuffer`: it throws away what was read while probing, the first
            # keyframe with it, and the picture comes a whole GOP later.
        }
        if self.transport == "udp":
            options["buffer_size"] = str(UDP_BUFFER_BYTES)
            options["max_delay"] = str(REORDER_US)
        url = self._opened_url
        options |= verification(redacted(url), scheme_of(url), self.ca_file)
        demuxer = Demuxer(url.get_secret_value(), redacted(url), options, timeout_s)
        return LiveSource(demuxer, not_before)
