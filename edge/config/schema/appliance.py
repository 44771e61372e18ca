"""Appliance: what `appliance.yaml` says.

Pure.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge.commands import Options as CommandOptions
from edge.config.schema.any_of import AnyDetector
from edge.config.schema.listening import Metrics, Web
from edge.config.schema.storage import Storage
from edge.config.schema.version import Version
from edge.config.schema.watching import Shared
from edge.options import Identifier, Options
from edge.sinks.mqtt import Options as MqttOptions


class Appliance(Options):
    """The box: `appliance.yaml`."""

    version: Version
    site: Annotated[
        Identifier,
        Field(description="Site the box stands on; a topic level.", examples=["harbour"]),
    ]
    node: Annotated[
        Identifier,
        Field(
            description="This box, unique within the site; a topic level.",
            examples=["cabinet-017"],
        ),
    ]
    mqtt: Annotated[
        MqttOptions,
        Field(
            description="The broker events are sent to.",
            examples=[{"url": "mqtts://hub.example:8883", "root": "cctv"}],
        ),
    ]
    storage: Annotated[
        Storage,
        Field(description="What the box keeps on disk.", examples=[{"path": "/var/lib/edge"}]),
    ] = Storage()
    detectors: Annotated[
        dict[Identifier, AnyDetector],
        Field(
            min_length=1,
            description="Detectors by the name cameras call them.",
            examples=[{"street": {"kind": "auto", "model": "yolox-nano"}}],
        ),
    ]
    defaults: Annotated[
        Shared | None,
        Field(
            description="What cameras share; a camera's own keys, then its profile's, go first.",
            examples=[{"analyse": {"detector": "street", "fps": 8, "gate": "motion"}}],
        ),
    ] = None
    profiles: Annotated[
        dict[Identifier, Shared],
        Field(
            default_factory=dict,
            description="The same by name, for cameras that say `profile: NAME`.",
            examples=[{"yard": {"analyse": {"fps": 5}}}],
        ),
    ]
    commands: Annotated[
        CommandOptions | None,
        Field(
            description="Commands obeyed over MQTT; without this block none are.",
            examples=[{"allow": ["ping", "snapshot"], "who": ["control-room"]}],
        ),
    ] = None
    metrics: Annotated[
        Metrics | None,
        Field(
            description="Numbers for Prometheus; without this block nothing listens.",
            examples=[{"listen": "127.0.0.1:9109"}],
        ),
    ] = None
    web: Annotated[
        Web | None,
        Field(
            description="The device page; without this block there is none.",
            examples=[{"listen": "127.0.0.1:8080"}],
        ),
    ] = None
