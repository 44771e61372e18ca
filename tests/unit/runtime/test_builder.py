"""Engines are built beside the watching: it sees them end well, fail, crash, hang and be killed.

The processes are real, and so is `edge model build`; NVIDIA's libraries are stand-ins.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.detectors import Builds, EngineStore, Models
from edge.detectors.tensorrt import Options
from edge.errors import ModelError
from edge.runtime.builder import Builder
from tests.conftest import REPOSITORY
from tests.servers import eventually
from tests.unit.detectors.on_host import NVIDIA_ON_HOST, nvidia_on_host
from tests.unit.detectors.tiny_model import write_model

OPTIONS = Options(kind="tensorrt", model="tiny")
WAIT_S = 60.0


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Models]:
    """A box with a model, and libraries to build an engine of it."""
    path = os.pathsep.join([str(NVIDIA_ON_HOST), str(REPOSITORY)])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("EDGE_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "models")
    with nvidia_on_host():
        yield Models.on_this_machine(tmp_path)


def test_an_engine_is_built_and_then_used(
    models: Models,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its progress in the log and on record, and the lowest priority."""
    monkeypatch.setenv("ON_HOST_STEP_S", "0.25")
    caplog.set_level(logging.INFO)
    builder, key = Builder(tmp_path, models), OPTIONS.engine_key(models)
    seen: set[str] = set()
    used: list[int] = []
    builder.build(OPTIONS, lambda: used.append(1))
    niceness = 0
    end = time.monotonic() + WAIT_S
    while not used and time.monotonic() < end:
        build = Builds(models.engines).of(key)
        if build is not None and build.n_all:
            seen.add(str(build))
            niceness = max(niceness, *map(os.getpriority, [os.PRIO_PROCESS], children()))
        time.sleep(0.05)
    builder.close()
    assert used == [1]
    assert any("is being built: Building the engine, " in text for text in seen)
    assert niceness == 19
    assert EngineStore(models.engines).has(key)
    assert Builds(models.engines).of(key) is None
    assert "is being built: Building the engine" in caplog.text
    assert f"engine of tiny: {key} is in service" in caplog.text


def children() -> list[int]:
    """Processes of this one that build."""
    found = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "model build"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [int(pid) for pid in found.stdout.split()] or [os.getpid()]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("refuse", "cannot be built: no implementation for node Conv_0; export the model again"),
        ("crash", "its building crashed (signal 11)"),
        ("memory", "its building was killed, most likely because the box ran out of memory"),
        ("hang", "its building took longer than 2 s and was ended"),
    ],
)
def test_a_build_that_fails_is_said_once_and_not_tried_again(
    models: Models,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    reason: str,
) -> None:
    """Whatever happens to the process, this one goes on, and knows why."""
    monkeypatch.setenv("ON_HOST_FAULT", fault)
    assert OPTIONS.may_build(models)
    builder = Builder(models.engines.parent, models, longest_s=2.0 if fault == "hang" else 60.0)
    used: list[int] = []
    builder.build(OPTIONS, lambda: used.append(1))
    told = "it is not tried again until `edge model build tiny --kind tensorrt"
    assert eventually(lambda: told in caplog.text, WAIT_S)
    builder.close()
    assert not used
    build = Builds(models.engines).of(OPTIONS.engine_key(models))
    assert build is not None
    assert reason in str(build)
    assert not OPTIONS.may_build(models)
    assert [path.suffix for path in models.engines.iterdir()].count(".engine") == 0


def test_an_engine_that_was_built_and_does_not_open_is_a_failure(
    models: Models, tmp_path: Path
) -> None:
    """What was in service stays; the engine is not built at each start."""

    def use() -> None:
        raise ModelError("the device has no memory left")

    builder = Builder(tmp_path, models, command=["true"])
    builder.build(OPTIONS, use)
    assert eventually(lambda: not OPTIONS.may_build(models), WAIT_S)
    build = Builds(models.engines).of(OPTIONS.engine_key(models))
    assert str(build) == (
        "could not be built: it was built and cannot be used: the device has no memory left"
    )
    builder.close()


def test_stopping_ends_the_build_and_blames_nobody(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next start it is begun anew."""
    monkeypatch.setenv("ON_HOST_FAULT", "hang")
    builder, key = Builder(tmp_path, models), OPTIONS.engine_key(models)
    builder.build(OPTIONS, lambda: None)
    assert eventually(lambda: Builds(models.engines).of(key) is not None, WAIT_S)
    began = time.monotonic()
    builder.close()
    assert time.monotonic() - began < 5
    assert children() == [os.getpid()]
    assert Builds(models.engines).of(key) is None
    assert OPTIONS.may_build(models)


def test_a_build_that_takes_the_box_down_is_not_begun_for_ever(models: Models) -> None:
    """A power cut during a build: the record stays, nobody holds the lock."""
    builds, key = Builds(models.engines), OPTIONS.engine_key(models)
    states = []
    for _ in range(3):
        with builds.begun(key):
            record = models.engines / f"{key.file_name}.build"
            shutil.copy(record, record.with_suffix(".kept"))
        record.with_suffix(".kept").rename(record)
        build = builds.of(key)
        assert build is not None
        states.append((build.state, OPTIONS.may_build(models)))
    assert states == [("interrupted", True), ("interrupted", True), ("failed", False)]
    assert "begun 3 times and never came to an end" in str(build)


def test_one_build_at_a_time_on_a_box(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one is told of the first, and does not spoil it."""
    monkeypatch.setattr("edge.detectors._builds.LOCK_WAIT_S", 0.1)
    builds, key = Builds(models.engines), OPTIONS.engine_key(models)
    with builds.begun(key):
        build = builds.of(key)
        assert build is not None
        assert build.state == "running"
        with pytest.raises(ModelError, match=r"is being built; wait until it is ready: `edge mod"):
            OPTIONS.build(models.find("tiny"), models.card("tiny"), models.engines, lambda *_: True)
    assert builds.of(key) is None
