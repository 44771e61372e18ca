"""Broker: what an operator says of the broker; checked before anything is dialled. Pure."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from edge.options import Identifier
from edge.sinks._outlet import SinkOptions


class BrokerOptions(SinkOptions):
    """The broker that events and states are sent to."""

    # A url with a password in it must not come back in an error message.
    model_config = ConfigDict(hide_input_in_errors=True)

    insecure: Annotated[
        bool,
        Field(
            description="Accept mqtt:// to another machine: events, user name and password travel "
            "in clear text, and every status message says so."
        ),
    ] = False
    url: Annotated[
        str,
        Field(
            description="mqtts://host:port, or mqtt://host:port on this machine.",
            examples=["mqtts://hub.example:8883"],
        ),
    ]
    root: Annotated[
        Identifier, Field(description="First level of every topic.", examples=["cctv"])
    ] = "cctv"
    username: Annotated[
        SecretStr | None, Field(description="User name at the broker.", examples=["!secret user"])
    ] = None
    password: Annotated[
        SecretStr | None,
        Field(description="Password at the broker.", examples=["!secret password"]),
    ] = None
    ca_file: Annotated[
        Path | None,
        Field(
            strict=False,
            description="Certificates that may vouch for the broker (PEM); the system's if absent.",
            examples=["tls/ca.pem"],
        ),
    ] = None
    cert_file: Annotated[
        Path | None,
        Field(strict=False, description="This box's certificate (PEM).", examples=["tls/node.pem"]),
    ] = None
    key_file: Annotated[
        Path | None,
        Field(strict=False, description="Its private key (PEM).", examples=["tls/node.key"]),
    ] = None
    protocol: Annotated[
        Literal[5, "3.1.1"],
        Field(
            description="MQTT version. 3.1.1 is for a broker that knows no 5: health does not "
            "expire, and a refused message looks like an accepted one."
        ),
    ] = 5

    @field_validator("url")
    @classmethod
    def _is_usable(cls, url: str, info: ValidationInfo) -> str:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as problem:
            raise ValueError("the port is not a number from 1 to 65535") from problem
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or port == 0:
            raise ValueError("expected mqtts://host:port or mqtt://host:port")
        if parts.username is not None or parts.password is not None:
            raise ValueError("write user name and password in `username` and `password`")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("nothing may follow the port; topics begin with `root`")
        if parts.scheme == "mqtt" and not (
            _is_loopback(parts.hostname) or info.data.get("insecure", True)
        ):
            raise ValueError(
                f"mqtt:// to {parts.hostname} would send events and password in clear text; use "
                "mqtts://, or accept it with `insecure: true` (every status message will say so)"
            )
        return url

    @model_validator(mode="after")
    def _files_fit(self) -> BrokerOptions:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or neither")
        if not self.is_tls and (self.ca_file is not None or self.cert_file is not None):
            raise ValueError("certificates have no effect with mqtt://; write mqtts:// in `url`")
        if self.password is not None and self.username is None:
            raise ValueError("password without username")
        return self

    @property
    def is_tls(self) -> bool:
        """Whether the link is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def is_insecure(self) -> bool:
        """Whether events leave this machine in clear text."""
        return not (self.is_tls or _is_loopback(self.host))

    @property
    def host(self) -> str:
        """Name or address of the broker."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """TCP port; 8883 with TLS and 1883 without, where the url names none."""
        return urlsplit(self.url).port or (8883 if self.is_tls else 1883)

    @property
    def place(self) -> str:
        """`host:port`, for messages to people."""
        return f"{self.host}:{self.port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name; only a name server knows where it leads
