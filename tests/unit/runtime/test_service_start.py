"""Many cameras start together: none waits for what those before it already do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.config import Config
from edge.config.schema import Appliance, Camera
from edge.runtime.service import Service, origin_of
from edge.sinks import open_publisher
from tests.clips import encode
from tests.servers import eventually

N_CAMERAS = 12


def configured(folder: Path, clip: Path) -> Config:
    appliance = {
        "version": 1,
        "site": "street",
        "node": "cabinet",
        "mqtt": {"url": "mqtt://127.0.0.1"},  # never opened: the publisher is told of no sink
        "storage": {"path": str(folder)},
        "detectors": {"street": {"kind": "motion"}},
    }
    cameras = [
        {
            "version": 1,
            "camera": f"yard-{number}",
            "source": {"kind": "file", "path": str(clip), "loop": True},
            "analyse": {"detector": "street", "fps": 8},
            "lines": {"line": [[0.4, 1.0], [0.4, 0.0]]},
            "rules": [{"name": "crossing", "kind": "line_crossing", "line": "line"}],
        }
        for number in range(N_CAMERAS)
    ]
    return Config(
        folder=folder,
        appliance=Appliance.model_validate_json(json.dumps(appliance)),
        cameras=tuple(Camera.model_validate_json(json.dumps(camera)) for camera in cameras),
        sha256="0" * 64,
    )


def test_every_camera_is_announced_before_the_first_one_connects(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the last of 32 is told to begin when 31 already decode, 12 s later."""
    for logger in ("edge", "edge.service"):  # a demo in this process may have silenced the second
        caplog.set_level("INFO", logger=logger)
    config = configured(tmp_path, encode(tmp_path / "clip.mp4", fps=25))
    publisher = open_publisher(tmp_path, origin_of(config), [], folder=tmp_path)
    service = Service(config, publisher)
    try:
        service.start()
        assert eventually(lambda: all(c.status.state == "watching" for c in service.cameras), 30)
    finally:
        service.stop("the test ended")
        publisher.close()
    said = [record.getMessage() for record in caplog.records if record.name.startswith("edge.")]
    connecting = [n for n, line in enumerate(said) if line.endswith("lost connecting")]
    assert len(connecting) == N_CAMERAS
    assert connecting[-1] < min(n for n, line in enumerate(said) if ": h264, " in line)
