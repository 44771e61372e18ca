"""Metrics: names that hold, a page that is fresh, a dashboard that asks for what there is."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.metrics import CAMERA_COUNTERS, FAMILIES, Sample, exposition, reference
from edge.runtime.counters import Counters
from tests.conftest import REPOSITORY


def test_prometheus_reads_what_is_written() -> None:
    """Values, labels and awkward letters come back as they were."""
    text = exposition(
        [
            Sample("edge_ready", 1),
            Sample("edge_camera_frames_total", 12345678901, ("high-street",)),
            Sample("edge_temperature_celsius", 54.5, ('a "zone"\\\n',)),
        ]
    )
    read = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert read["edge_ready",] == 1
    assert read["edge_camera_frames_total", "high-street"] == 12345678901
    assert read["edge_temperature_celsius", 'a "zone"\\\n'] == 54.5
    assert read["process_resident_memory_bytes",] > 0


def test_what_is_no_metric_is_a_fault() -> None:
    """A name or label that is not in the reference cannot be sent."""
    with pytest.raises(ValueError, match="edge_secret"):
        exposition([Sample("edge_secret", 1)])
    with pytest.raises(ValueError, match="edge_ready"):
        exposition([Sample("edge_ready", 1, ("north",))])


def test_each_family_is_named_as_prometheus_wants_it() -> None:
    """A counter ends in `_total` and nothing else does; names are told once."""
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    for family in FAMILIES:
        assert re.fullmatch(r"edge(_[a-z]+)+", family.name)
        assert family.name.endswith("_total") == (family.type == "counter")
        assert family.help[0].isupper() or family.help[0].isdigit()
        assert family.help.endswith(".")


def test_each_counter_of_a_camera_is_a_metric() -> None:
    """What the health message counts, Prometheus can have."""
    counted = {field.name.removeprefix("n_") for field in fields(Counters)}
    assert counted <= CAMERA_COUNTERS.keys()


def test_the_reference_is_fresh() -> None:
    """docs/metrics.md holds the table as the code has it."""
    assert reference() in (REPOSITORY / "docs" / "metrics.md").read_text()


def test_the_dashboard_asks_for_what_there_is() -> None:
    """Each metric that a panel of packaging/grafana/edge.json names exists."""
    dashboard = json.loads((REPOSITORY / "packaging" / "grafana" / "edge.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for expression in asked for name in re.findall(r"edge_[a-z_]+", expression)}
    assert len(named) >= 10
    assert named <= {family.name for family in FAMILIES}
