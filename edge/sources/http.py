"""`kind: http`: a live stream over HTTP or HTTPS, as encoders and gateways send it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from edge.sources import SourceOptions
from edge.sources._address import checked, redacted, scheme_of

if TYPE_CHECKING:
    from edge.sources._live import LiveSource

SCHEMES = ("http", "https")


class Options(SourceOptions):
    """A live MPEG-TS or multipart MJPEG stream."""

    kind: Literal["http"]
    url: Annotated[
        SecretStr,
        Field(
            description="Address of an MPEG-TS or multipart MJPEG stream, http:// or https://. "
            "Write user and password as ${NAME} or !secret; characters such as @ : / in them must "
            "be percent-encoded.",
            examples=["http://${CAM_USER}:${CAM_PASSWORD}@10.0.0.30:8080/live.ts"],
        ),
    ]
    ca_file: Annotated[
        Path | None,
        Field(
            strict=False,
            description="For https://: certificates that may vouch for the server (PEM), relative "
            "to the configuration folder; the system's are in /etc/ssl/certs/ca-certificates.crt. "
            "Without this file the stream is encrypted, but nothing proves where it comes from.",
            examples=["tls/cameras.pem"],
        ),
    ] = None

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        return checked(url, SCHEMES)

    @model_validator(mode="after")
    def _fits(self) -> Options:
        if self.ca_file is not None and scheme_of(self.url) != "https":
            raise ValueError("ca_file has no effect with http://; write https:// in `url`")
        return self

    @property
    def address(self) -> str:
        """The address without user, password and query."""
        return redacted(self.url)

    def open(self, *, timeout_s: float = 5.0, not_before: float = 0.0) -> LiveSource:
        """Connect. See `SourceOptions.open`."""
        from edge.sources._demux import Demuxer, verification
        from edge.sources._live import LiveSource

        options = {
            # A playlist or a redirect must not lead anywhere else, to this box's files least.
            "format_whitelist": "mpegts,mpjpeg",
            "protocol_whitelist": "http,https,httpproxy,tcp,tls",
            # A second finds the tables and the first keyframe of any stream with a GOP that
            # short; with a longer one the decoder finds the rest itself.
            "analyzeduration": "1000000",
            "fpsprobesize": "0",  # twenty pictures to learn a rate that little depends on
        }
        options |= verification(self.address, scheme_of(self.url), self.ca_file)
        demuxer = Demuxer(self.url.get_secret_value(), self.address, options, timeout_s)
        return LiveSource(demuxer, not_before)
