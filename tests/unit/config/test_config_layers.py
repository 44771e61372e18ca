"""What cameras share in appliance.yaml, under each camera's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.config import Config, load

APPLIANCE: dict[str, Any] = {
    "version": 1,
    "site": "harbour",
    "node": "cabinet-1",
    "mqtt": {"url": "mqtt://127.0.0.1:1883"},
    "detectors": {"street": {"kind": "motion"}, "yard": {"kind": "motion"}},
}


def _load(folder: Path, shared: dict[str, Any], *cameras: dict[str, Any]) -> Config:
    (folder / "appliance.yaml").write_text(yaml.safe_dump({**APPLIANCE, **shared}))
    (folder / "cameras").mkdir()
    for camera in cameras:
        text = yaml.safe_dump({"version": 1, **camera})
        (folder / "cameras" / f"{camera['camera']}.yaml").write_text(text)
    return load(folder)


def test_a_camera_takes_its_own_value_first_then_its_profiles_then_the_default(
    tmp_path: Path,
) -> None:
    """Blocks are joined key by key, over three layers."""
    config = _load(
        tmp_path,
        {
            "defaults": {
                "source": {"kind": "rtsp", "transport": "udp"},
                "analyse": {"detector": "street", "fps": 8, "gate": "motion"},
            },
            "profiles": {"slow": {"analyse": {"fps": 2, "gate": "always"}}},
        },
        {"camera": "a", "source": {"url": "rtsp://10.0.0.1/"}},
        {"camera": "b", "source": {"url": "rtsp://10.0.0.2/"}, "profile": "slow"},
        {
            "camera": "c",
            "source": {"url": "rtsp://10.0.0.3/", "transport": "tcp"},
            "profile": "slow",
            "analyse": {"fps": 4, "detector": "yard"},
        },
    )

    assert not config.rejected
    seen = [
        (c.source.transport, c.analyse.detector, c.analyse.fps, c.analyse.gate.kind)  # type: ignore[attr-defined]
        for c in config.cameras
    ]
    assert seen == [
        ("udp", "street", 8.0, "motion"),
        ("udp", "street", 2.0, "always"),
        ("tcp", "yard", 4.0, "always"),
    ]


def test_lists_are_taken_whole(tmp_path: Path) -> None:
    """A camera's own rules replace the shared ones; they are not joined."""
    rule = {"kind": "zone_entry", "zone": "yard"}
    zones = {"yard": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
    config = _load(
        tmp_path,
        {"defaults": {"analyse": {"detector": "street"}, "rules": [{"name": "shared", **rule}]}},
        {"camera": "a", "source": {"kind": "rtsp", "url": "rtsp://10.0.0.1/"}, "zones": zones},
        {
            "camera": "b",
            "source": {"kind": "rtsp", "url": "rtsp://10.0.0.2/"},
            "zones": zones,
            "rules": [{"name": "own", **rule}],
        },
    )

    assert [[rule.name for rule in camera.rules] for camera in config.cameras] == [
        ["shared"],
        ["own"],
    ]


def test_another_kind_takes_nothing_from_the_shared_one(tmp_path: Path) -> None:
    """A recording is not asked for the transport of the cameras."""
    (tmp_path / "clip.mp4").touch()
    config = _load(
        tmp_path,
        {
            "defaults": {
                "source": {"kind": "rtsp", "transport": "udp"},
                "analyse": {"detector": "street"},
            }
        },
        {"camera": "a", "source": {"kind": "file", "path": "clip.mp4"}},
    )

    assert [type(camera.source).__module__ for camera in config.cameras] == ["edge.sources.file"]


def test_a_shared_secret_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a camera that quotes a shared value hides what is secret in it."""
    monkeypatch.setenv("CAM_PASSWORD", "hunter2")
    config = _load(
        tmp_path,
        {
            "defaults": {
                "source": {"kind": "rtsp", "url": "rtsp://viewer:${CAM_PASSWORD}@10.0.0.1/s"},
                "analyse": {"detector": "hunter2"},
            }
        },
        {"camera": "a"},
    )

    (problem,) = [p for p in config.problems if p.severity == "error"]
    assert "hunter2" not in str(problem).splitlines()[0]
    assert "${CAM_PASSWORD}" in str(problem)
