"""A new camera's file: which of its streams is analysed, and how the file is written.

Boundary: writes one file in `cameras/`, and before it what is secret into `secrets.yaml`. Nothing
is written that the daemon would not take up, nothing is replaced, and what fails leaves the folder
as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote, urlsplit

from edge.config import Config, Problem
from edge.config.credentials import FILE, Secrets
from edge.config.problem import Finding, passwords
from edge.config.revise import tried
from edge.config.seal import append, reader, secret_name
from edge.errors import ConfigError, InputError
from edge.files import write_atomically
from edge.site.probe import MOST_WIDE, Findings
from edge.topics import is_level

Stream: TypeAlias = Literal["auto", "main", "sub"]

LEAST_WIDE = 640
"""A stream narrower than what detectors look at shows them less than they could see."""


@dataclass(frozen=True)
class Probed:
    """A stream that was looked at.

    Attributes:
        url: Its address, credentials and all: never to be shown.
        found: What it is like.
    """

    url: str
    found: Findings


@dataclass(frozen=True)
class Newcomer:
    """What a camera's file is to say.

    Attributes:
        camera: Its id.
        name: What people call it; may be empty.
        main: Its best stream.
        sub: The stream to be analysed instead; None where that is `main`.
        transport: How an rtsp stream travels.
        detector: Name of a detector in appliance.yaml.
        fps: Pictures analysed a second.
    """

    camera: str
    name: str
    main: Probed
    sub: Probed | None
    transport: str
    detector: str
    fps: float

    @property
    def analysed(self) -> Probed:
        """The stream that is opened."""
        return self.sub or self.main


@dataclass(frozen=True)
class Added:
    """What was written.

    Attributes:
        file: The camera's.
        secrets: Names in `secrets.yaml` that are new; empty where nothing was secret.
        warnings: What the check says of the file all the same.
    """

    file: Path
    secrets: tuple[str, ...]
    warnings: tuple[Problem, ...]


def choose(streams: Sequence[Probed], stream: Stream = "auto") -> tuple[Probed, Probed | None]:
    """The main stream, and the one to analyse instead.

    The main stream is analysed, and evidence cut from it, unless it is wider than any detector here
    needs: then the largest of the others that is not, and is no narrower than detectors look at.

    Args:
        streams: At least one, of one camera.
        stream: `main` and `sub` decide it.

    Raises:
        InputError: `sub` is wanted, and there is one stream only.
    """
    by_size = sorted(streams, key=lambda s: -s.found.size_wh[0] * s.found.size_wh[1])
    main, others = by_size[0], by_size[1:]
    if stream == "sub" and not others:
        raise InputError("--stream sub: the camera showed one stream only; give --sub-url")
    fit = [s for s in others if LEAST_WIDE <= s.found.size_wh[0] <= MOST_WIDE]
    if stream == "sub":
        return main, next(iter(fit), others[0])
    if stream == "auto" and main.found.size_wh[0] > MOST_WIDE and fit:
        return main, fit[0]
    return main, None


def with_login(url: str, user: str, password: str) -> str:
    """An address with credentials, unless it has some.

    Raises:
        InputError: Its login was struck out: the camera wants it in the address itself.
    """
    if "=***" in url:
        raise InputError(
            "the camera wants user and password inside the stream's address; write the address "
            "with --url, quoted, as the camera's manual has it"
        )
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return url
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{login}@{parts.netloc}").geturl()


def refuse_taken(config: Config, camera: str) -> None:
    """See that an id can be a new camera's.

    Raises:
        InputError: It is no id, or it is taken; nothing is ever replaced.
    """
    if not is_level(camera):
        raise InputError(
            f"camera id '{camera}': expected 1 to 32 characters from a-z, 0-9 and '-', such as "
            "high-street-north; --name is for people"
        )
    file = config.folder / "cameras" / f"{camera}.yaml"
    ids = {one.camera for one in config.cameras} | {name for name, _ in config.rejected}
    if camera in ids or file.exists():
        raise InputError(
            f"there is a camera {camera} already ({file}); it was left as it is. Take another id, "
            "or edit the file"
        )


def add(config: Config, newcomer: Newcomer, schema: str, now: datetime) -> Added:
    """Write a camera's file.

    Args:
        config: The configuration it becomes part of.
        newcomer: What to write.
        schema: JSON Schema of a camera's file, for editors; kept where there is none yet.
        now: UTC, for the comment.

    Raises:
        InputError: The id is taken, or the folder cannot be written.
        ConfigError: The file could not be used, for what `problems` say; nothing was written.
    """
    refuse_taken(config, newcomer.camera)
    folder = config.folder
    file = folder / "cameras" / f"{newcomer.camera}.yaml"
    known = Secrets(folder)
    taken = set(known.names())
    if known.problem is not None:
        raise ConfigError(f"{known.problem}\nnothing was written")
    new: dict[str, str] = {}
    said: dict[str, str] = {}
    pairs = {"url": newcomer.main} | ({"sub_url": newcomer.sub} if newcomer.sub else {})
    for key, stream in pairs.items():
        if passwords(stream.url) or "@" in urlsplit(stream.url).netloc:
            name = secret_name(file, ("source", key), taken | set(new))
            new[name] = stream.url
            said[key] = f"!secret {name}"
        else:
            said[key] = json.dumps(stream.url)
    content = _text(newcomer, said, _schema_of(folder), folder, now).encode()
    after = tried(folder, file, content, _Future(folder, new))
    mine = [problem for problem in after.problems if problem.file == str(file)]
    if newcomer.camera not in {camera.camera for camera in after.cameras}:
        raise ConfigError("\n".join([*map(str, mine), "nothing was written"]))
    _write(config, file, content, new, schema)
    return Added(file, tuple(new), tuple(mine))


class _Future(Secrets):
    """Secrets as they will be."""

    def __init__(self, folder: Path, new: Mapping[str, str]) -> None:
        super().__init__(folder)
        self._new = new

    def secret(self, name: str) -> str | Finding | None:
        return self._new[name] if name in self._new else super().secret(name)


def _write(config: Config, file: Path, content: bytes, new: Mapping[str, str], schema: str) -> None:
    """The secrets first, then what names them; if that fails, the secrets are as they were."""
    secrets, appliance = config.folder / FILE, config.folder / "appliance.yaml"
    before = secrets.read_bytes() if secrets.exists() else None
    try:
        file.parent.mkdir(exist_ok=True)
        kept = config.folder / _schema_of(config.folder).removeprefix("../")
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            write_atomically(kept, schema.encode(), mode=0o644, owner=appliance)
        if new:
            append(secrets, new, reader(config.folder))
        mode = appliance.stat().st_mode & 0o666
        write_atomically(file, content, mode=mode, owner=appliance, is_new=True)
    except OSError as why:
        if new and before is not None:
            write_atomically(secrets, before, mode=0o600, owner=secrets)
        elif new:
            secrets.unlink(missing_ok=True)
        place = why.filename or file
        raise InputError(
            f"{place}: cannot be written: {why.strerror}; nothing was added. Run it as who owns "
            f"{config.folder}, or as root"
        ) from why


def _schema_of(folder: Path) -> str:
    """Where an editor finds the schema, from a camera's file."""
    near = ("../schema/camera.json", "../../schema/camera.json")
    found = (path for path in near if (folder / "cameras" / path).resolve().is_file())
    return next(found, near[0])


def _text(
    newcomer: Newcomer, said: Mapping[str, str], schema: str, folder: Path, now: datetime
) -> str:
    """The file, written for whoever reads it next."""
    main, sub = newcomer.main.found, newcomer.sub
    is_http = newcomer.main.url.startswith("http")
    lines = [
        f"# yaml-language-server: $schema={schema}",
        f"# Added on {now:%Y-%m-%d} by `edge camera add`, which found:",
        f"#   {_described(main)}",
        *([f"#   {_described(sub.found)}: this one is analysed"] if sub else []),
        f"# After a change: edge check --config {folder}, then systemctl reload edge.",
        "version: 1",
        "",
        "# The id is a topic level: with another id it is another camera to the control room.",
        "# `name` is for people.",
        f"camera: {newcomer.camera}",
        f"name: {json.dumps(newcomer.name, ensure_ascii=False)}",
        "",
        "source:",
        f"  kind: {'http' if is_http else 'rtsp'}",
    ]
    if any(value.startswith("!secret") for value in said.values()):
        lines.append(f"  # An address with user and password stands in {FILE}.")
    lines += [f"  {key}: {value}" for key, value in said.items()]
    lines += [] if is_http else [f"  transport: {newcomer.transport}"]
    lines += [
        "",
        "# fps: pictures analysed a second; 5 to 10 follows people well. gate: motion looks only",
        "# where something moves.",
        f"analyse: {{detector: {newcomer.detector}, fps: {newcomer.fps:g}, gate: motion}}",
        "",
        "# Nothing is reported before there are rules. Draw zones, lines and masks on the device",
        "# page, or write them here: points [x, y] in fractions of the picture, [0, 0] top left.",
        "# zones:",
        "#   yard: [[0.10, 0.50], [0.90, 0.50], [0.90, 1.00], [0.10, 1.00]]",
        "# lines:",
        "#   gate: [[0.20, 0.80], [0.80, 0.80]]",
        "# masks:   # privacy: black before anything else sees the picture",
        "#   flats: [[0.0, 0.0], [0.3, 0.0], [0.3, 0.2], [0.0, 0.2]]",
        "# rules:",
        "#   - {name: yard-entry, kind: zone_entry, zone: yard, classes: [person]}",
        "",
    ]
    return "\n".join(lines)


def _described(found: Findings) -> str:
    width, height = found.size_wh
    apart = f", keyframe every {found.keyframe_s:.2g} s" if found.keyframe_s else ""
    return (
        f"{found.address}: {found.codec} {width}x{height}, {found.fps:.3g} fps, "
        f"{found.kbit_s:.0f} kbit/s{apart}"
    )
