"""Schema: what a technician may write, as strict models; the rooms bring their own options.

Pure. The second of three passes. Nothing here knows YAML, files or lines: `edge.config.explain`
puts what pydantic finds into words, `edge.config.check` compares names across blocks and files.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from edge.commands import Options as CommandOptions
from edge.config.calibration import Calibration
from edge.decoders import DecoderOptions
from edge.detectors import DetectorOptions
from edge.evidence.delivery import DeliveryOptions
from edge.evidence.policy import Policy, PolicyChange
from edge.gates import GateOptions
from edge.options import Identifier, Options, Point, any_kind, kinds
from edge.rules import Location, RuleOptions
from edge.sinks.mqtt import Options as MqttOptions
from edge.sources import SourceOptions
from edge.trackers import TrackerOptions


def _named(room: str) -> object:
    """One of a room's kinds; its name alone stands for that kind with nothing else said."""
    options: Any = any_kind(room)
    names: Any = Literal.__getitem__(tuple(kinds(room)))
    spelt_out = BeforeValidator(_spelt_out, json_schema_input_type=names | options)
    return Annotated[options, spelt_out]


def _spelt_out(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


if TYPE_CHECKING:
    AnySource = SourceOptions
    AnyDecoder = DecoderOptions
    AnyDetector = DetectorOptions
    AnyGate = GateOptions
    AnyTracker = TrackerOptions
    AnyRule = RuleOptions
    AnyDelivery = DeliveryOptions
else:
    AnySource = any_kind("edge.sources")
    AnyDecoder = _named("edge.decoders")
    AnyDetector = any_kind("edge.detectors")
    AnyGate = _named("edge.gates")
    AnyTracker = _named("edge.trackers")
    AnyRule = any_kind("edge.rules")
    AnyDelivery = any_kind("edge.evidence.delivery")

Version = Annotated[
    Literal[1],
    Field(description="Layout of this file; this release reads 1.", examples=[1]),
]


class Outbox(Options):
    """Events on their way to the broker."""

    max_mib: Annotated[
        int,
        Field(
            ge=1,
            le=65536,
            description="Most disk space for events not yet sent, in MiB. When it is full, updates "
            "are dropped first, then info, review and at last alerts, the oldest of each first; "
            "every drop is counted.",
            examples=[256],
        ),
    ] = 256


class Encryption(Options):
    """Evidence encrypted at rest: a stolen disk shows nothing."""

    key_name: Annotated[
        Identifier,
        Field(
            description="Name of the systemd credential that holds the key of 32 bytes; without it "
            "no evidence is kept.",
            examples=["evidence-key"],
        ),
    ] = "evidence-key"


Days = Annotated[int, Field(ge=1, le=3660)]
Gib = Annotated[float, Field(gt=0, le=100_000)]


class Evidence(Policy):
    """Clips and snapshots kept on the box; without this block none are."""

    max_gib: Annotated[
        float,
        Field(
            gt=0,
            le=100_000,
            description="Most disk space, in GiB; beyond it the oldest goes first, what is on "
            "legal hold never.",
            examples=[20],
        ),
    ] = 20
    keep_days: Annotated[
        int, Field(ge=1, le=366, description="Days after which it is erased.", examples=[30])
    ] = 30
    keep_days_by_purpose: Annotated[
        dict[str, Days],
        Field(
            default_factory=dict,
            description="The same for rules of one purpose, by the words of its `purpose`.",
            examples=[{"traffic management": 7}],
        ),
    ]
    max_gib_per_camera: Annotated[
        Gib | None, Field(description="Most disk space for each camera, in GiB.", examples=[5])
    ] = None
    max_gib_by_camera: Annotated[
        dict[Identifier, Gib],
        Field(
            default_factory=dict,
            description="The same for single cameras, by their ids.",
            examples=[{"high-street-north": 8}],
        ),
    ]
    min_free_gib: Annotated[
        float,
        Field(
            ge=0,
            le=100_000,
            description="What is to stay free on the disk, in GiB. Below it the oldest evidence is "
            "erased, but for the last day's; where that is not enough, clean copies are no longer "
            "made, below two thirds of it clips, below one third snapshots.",
            examples=[1],
        ),
    ] = 1
    encryption: Annotated[
        Encryption | None,
        Field(description="Encrypt it at rest.", examples=[{"key_name": "evidence-key"}]),
    ] = None
    upload: Annotated[
        dict[Identifier, AnyDelivery],
        Field(
            default_factory=dict,
            description="Where it is sent off the box, by name.",
            examples=[
                {
                    "archive": {
                        "kind": "s3",
                        "url": "https://s3.example",
                        "bucket": "evidence",
                        "access_key": "!secret s3_access",
                        "secret_key": "!secret s3_secret",
                    }
                }
            ],
        ),
    ]


class Storage(Options):
    """Disk space."""

    path: Annotated[
        Path,
        Field(
            description="Folder for everything written; relative to the configuration folder.",
            examples=["/var/lib/edge"],
        ),
    ] = Path("/var/lib/edge")
    outbox: Annotated[Outbox, Field(description="Events not yet sent.")] = Outbox()
    evidence: Annotated[
        Evidence | None,
        Field(
            description="Clips and snapshots of alerts, kept on the box; without this block none "
            "are.",
            examples=[{"max_gib": 20, "keep_days": 30}],
        ),
    ] = None


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, whatever its network says."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


Listen = Annotated[
    str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")
]


class Web(Options):
    """The device page. Without this block there is none."""

    listen: Annotated[
        Listen,
        Field(
            description="Address and port of the page, the port at most 65535. On any address but "
            "this box's own (127.0.0.1, [::1], localhost) it needs `cert_file`, `key_file` and a "
            "user: `edge user add`.",
            examples=["127.0.0.1:8080"],
        ),
    ] = "127.0.0.1:8080"
    cert_file: Annotated[
        Path | None,
        Field(
            description="The page's certificate and those that vouch for it, as PEM; relative to "
            "the configuration folder. Read again at a reload.",
            examples=["tls/page.pem"],
        ),
    ] = None
    key_file: Annotated[
        Path | None,
        Field(
            description="Its private key, as PEM, without a password.",
            examples=["tls/page.key"],
        ),
    ] = None

    @property
    def place(self) -> tuple[str, int]:
        """Host, without brackets, and port."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class Metrics(Options):
    """Numbers for Prometheus, and whether the box is well, over plain HTTP."""

    listen: Annotated[
        Listen,
        Field(
            description="Address and port of /metrics, /healthz and /readyz. They tell numbers and "
            "states, no pictures; nobody has to log in, so on an address of the network a firewall "
            "must say who may ask.",
            examples=["127.0.0.1:9109"],
        ),
    ] = "127.0.0.1:9109"


Fps = Annotated[float, Field(ge=0.1, le=60)]


class SharedAnalyse(Options):
    """How cameras are watched; each key as in a camera's `analyse`."""

    detector: Annotated[
        Identifier | None,
        Field(description="Name of a detector in appliance.yaml.", examples=["street"]),
    ] = None
    fps: Annotated[
        Fps | None,
        Field(description="Pictures analysed a second.", examples=[8]),
    ] = None
    gate: Annotated[
        AnyGate | None,
        Field(description="When to look.", examples=["motion"]),
    ] = None
    decoder: Annotated[
        AnyDecoder | None, Field(description="What decodes the pictures.", examples=["auto"])
    ] = None
    tracker: Annotated[
        AnyTracker | None, Field(description="How objects are followed.", examples=["bytetrack"])
    ] = None


class Shared(Options):
    """Keys of a camera's file that several cameras share. A camera's own value goes first."""

    enabled: Annotated[
        bool | None, Field(description="Whether cameras are watched.", examples=[True])
    ] = None
    source: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="Any keys of `source`; checked with each camera that takes them.",
            examples=[{"kind": "rtsp", "transport": "tcp"}],
        ),
    ]
    analyse: Annotated[
        SharedAnalyse | None,
        Field(description="How they are watched.", examples=[{"detector": "street", "fps": 8}]),
    ] = None
    location: Annotated[
        Location | None,
        Field(
            description="Where they are, for the schedules of rules.",
            examples=[{"time_zone": "Europe/London", "latitude": 51.5, "longitude": -0.13}],
        ),
    ] = None
    rules: Annotated[
        tuple[AnyRule, ...] | None,
        Field(
            description="Rules of a camera that has no `rules` of its own.",
            examples=[[{"name": "in-yard", "kind": "zone_entry", "zone": "yard"}]],
        ),
    ] = None


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


class Analyse(Options):
    """How a camera is watched."""

    detector: Annotated[
        Identifier,
        Field(description="Name of a detector in appliance.yaml.", examples=["street"]),
    ]
    fps: Annotated[
        Fps,
        Field(
            description="Pictures analysed a second. Below 5, people in crowds are confused; "
            "above 10, it mostly costs.",
            examples=[8],
        ),
    ] = 8.0
    gate: Annotated[
        AnyGate,
        Field(
            validate_default=True,
            description="When to look: always, or where something moves.",
            examples=["motion"],
        ),
    ] = "always"  # type: ignore[assignment]
    decoder: Annotated[
        AnyDecoder,
        Field(
            validate_default=True,
            description="What decodes the pictures: auto takes the chip of a Jetson where it can.",
            examples=["auto"],
        ),
    ] = "auto"  # type: ignore[assignment]
    tracker: Annotated[
        AnyTracker,
        Field(
            validate_default=True,
            description="How objects are followed from picture to picture.",
            examples=["bytetrack"],
        ),
    ] = "bytetrack"  # type: ignore[assignment]


Polygon = Annotated[tuple[Point, ...], Field(min_length=3)]
Line = Annotated[tuple[Point, ...], Field(min_length=2)]


class Camera(Options):
    """One camera: a file in `cameras/`."""

    version: Version
    camera: Annotated[
        Identifier,
        Field(
            description="The camera's id, unique on this box; a topic level.",
            examples=["high-street-north"],
        ),
    ]
    name: Annotated[
        str, Field(description="What people call it.", examples=["High Street, north end"])
    ] = ""
    profile: Annotated[
        Identifier | None,
        Field(
            description="Name of a profile in appliance.yaml, whose keys this camera takes where "
            "it has none of its own.",
            examples=["yard"],
        ),
    ] = None
    enabled: Annotated[
        bool, Field(description="Whether it is watched; `false` says `disabled`.", examples=[True])
    ] = True
    source: Annotated[
        AnySource,
        Field(
            description="Where its pictures come from.",
            examples=[{"kind": "rtsp", "url": "rtsp://10.0.0.21:554/stream1"}],
        ),
    ]
    analyse: Annotated[
        Analyse, Field(description="How it is watched.", examples=[{"detector": "street"}])
    ]
    zones: Annotated[
        dict[Identifier, Polygon],
        Field(
            default_factory=dict,
            description="Polygons by name: corners [x, y] in fractions of the picture, x to the "
            "right, y down, [0, 0] top left.",
            examples=[{"yard": [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]}],
        ),
    ]
    lines: Annotated[
        dict[Identifier, Line],
        Field(
            default_factory=dict,
            description="Directed lines by name: points from first to last, as in zones.",
            examples=[{"gate": [[0.2, 0.8], [0.8, 0.8]]}],
        ),
    ]
    masks: Annotated[
        dict[Identifier, Polygon],
        Field(
            default_factory=dict,
            description="Privacy: polygons that are black before anything sees the picture.",
            examples=[{"flats": [[0.0, 0.0], [0.3, 0.0], [0.3, 0.2], [0.0, 0.2]]}],
        ),
    ]
    evidence: Annotated[
        PolicyChange | None,
        Field(
            description="What this camera has otherwise than `storage.evidence`; any of its keys "
            "on what is made and what is hidden.",
            examples=[{"redaction": "figures", "metadata_only": False}],
        ),
    ] = None
    calibration: Annotated[
        Calibration | None,
        Field(
            description="Where the ground is, so that places become metres: needed for speed and "
            "for how much detail a zone shows.",
            examples=[
                {
                    "size": [1920, 1080],
                    "heights": [
                        {"foot": [0.3, 0.8], "head": [0.3, 0.6], "metres": 1.7},
                        {"foot": [0.7, 0.9], "head": [0.7, 0.65], "metres": 1.7},
                        {"foot": [0.6, 0.6], "head": [0.6, 0.48], "metres": 1.7},
                    ],
                }
            ],
        ),
    ] = None
    location: Annotated[
        Location | None,
        Field(
            description="Where it is, for the schedules of its rules.",
            examples=[{"time_zone": "Europe/London", "latitude": 51.5, "longitude": -0.13}],
        ),
    ] = None
    rules: Annotated[
        tuple[AnyRule, ...],
        Field(
            description="What to report.",
            examples=[[{"name": "in-yard", "kind": "zone_entry", "zone": "yard"}]],
        ),
    ] = ()
