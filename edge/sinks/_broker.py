"""Broker: what an operator says of the broker; checked before anything is dialled. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from edge.options import Identifier, any_kind
from edge.sinks._address import Address
from edge.sinks._outlet import SinkOptions
from edge.sinks._views import ViewOptions

if TYPE_CHECKING:
    AnyView = ViewOptions
else:
    AnyView = any_kind("edge.sinks._views")


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
    fallback_urls: Annotated[
        tuple[str, ...],
        Field(
            max_length=8,
            description="Brokers to try in this order while `url` cannot be had, with the same "
            "login and certificates. A link that works is kept; each new try begins with `url`.",
            examples=[["mqtts://hub-2.example:8883"]],
        ),
    ] = ()
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

    encoding: Annotated[
        Literal["json", "cbor"],
        Field(
            description="How messages are written; cbor is for thin links, says so in its content "
            "type, and needs the `cbor` extra."
        ),
    ] = "json"
    views: Annotated[
        tuple[AnyView, ...],
        Field(
            description="The same events in other systems' words, beside ours.",
            examples=[[{"kind": "cloudevents", "mode": "structured"}]],
        ),
    ] = ()
    lost_after_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=3600,
            description="How long a broken link may take to come back before the broker says "
            "`lost` (MQTT 5; with 3.1.1 it says so at once).",
            examples=[10],
        ),
    ] = 10

    @field_validator("url")
    @classmethod
    def _is_usable(cls, url: str, info: ValidationInfo) -> str:
        address = Address.of(url)
        if address.is_insecure and not info.data.get("insecure", True):
            raise ValueError(
                f"mqtt:// to {address.host} would send events and password in clear text; use "
                "mqtts://, or accept it with `insecure: true` (every status message will say so)"
            )
        return url

    @field_validator("fallback_urls")
    @classmethod
    def _are_usable(cls, urls: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for url in urls:
            cls._is_usable(url, info)
        return urls

    @model_validator(mode="after")
    def _files_fit(self) -> BrokerOptions:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or neither")
        is_tls = any(address.is_tls for address in self.addresses)
        if not is_tls and (self.ca_file is not None or self.cert_file is not None):
            raise ValueError("certificates have no effect with mqtt://; write mqtts:// in `url`")
        if self.password is not None and self.username is None:
            raise ValueError("password without username")
        return self

    @model_validator(mode="after")
    def _views_fit(self) -> BrokerOptions:
        kinds = [view.kind for view in self.views]
        if len(set(kinds)) < len(kinds):
            raise ValueError("views: each kind once at most")
        if "home_assistant" in kinds and self.encoding != "json":
            raise ValueError("Home Assistant reads JSON only: write `encoding: json`")
        is_binary = any(getattr(view, "mode", "") == "binary" for view in self.views)
        if is_binary and self.protocol != 5:
            raise ValueError("binary CloudEvents need MQTT 5: write `mode: structured`")
        return self

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every broker, the preferred one first."""
        return tuple(Address.of(url) for url in (self.url, *self.fallback_urls))
