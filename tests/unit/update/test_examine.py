"""Who has a release check itself: systemd where it runs, with the daemon's secrets."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge.update import examine
from edge.update.examine import Examiner

SYSTEMCTL = """#!/bin/sh
# Stands for systemd: knows the unit, and runs it as the unit says.
case $1:$2:$3 in
show:*:--property=LoadState) echo "${KNOWS:-loaded}" ;;
show:*:--property=Result) echo "${RESULT:-success}" ;;
start:edge-selfcheck.service:)
    [ -z "${COMPLAINT:-}" ] || { echo "$COMPLAINT" >&2; exit 1; }
    . "$EDGE_ROOT/asked-for"
    ;;
esac
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box whose systemd is a script, with a release that says how it was asked."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin/systemctl").chmod(0o755)
    (tmp_path / "asked-for").write_text(
        f'sed \'s/^RELEASE=/[{{"name": "/; s/^STEPS=/", "level": "/; $ s/$/"}}]/\' '
        f"{tmp_path}/selfcheck | tr -d '\\n' >{tmp_path}/selfcheck.json\n"
    )
    release = tmp_path / "releases/1.0/bin"
    release.mkdir(parents=True)
    (release / "python").write_text('#!/bin/sh\nprintf \'[{"name": "a child"}]\'\n')
    (release / "python").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("EDGE_ROOT", str(tmp_path))
    monkeypatch.setattr(examine, "ROOT", tmp_path)
    monkeypatch.setattr(examine, "CONFIG", configured(tmp_path / "etc"))
    return tmp_path


def configured(folder: Path) -> Path:
    """Enough of a configuration that there is something to examine."""
    folder.mkdir()
    (folder / "appliance.yaml").touch()
    return folder


def test_systemd_runs_it_where_there_is_systemd(root: Path) -> None:
    """The unit is told release and steps; neither question nor answer is left lying about."""
    release = root / "releases/1.0"
    (check,) = Examiner(examine.CONFIG, root)(release, ("broker", "cameras"))
    assert check == {"name": str(release), "level": "broker cameras"}
    assert not list(root.glob("*selfcheck*"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [("COMPLAINT", "Failed to start: credentials"), ("RESULT", "timeout")],
)
def test_a_self_check_that_did_not_run_is_red(
    root: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Nobody knows then what the release does; what an earlier one found does not count."""
    monkeypatch.setenv(variable, value)
    (root / "selfcheck.json").write_text(json.dumps([]))
    (root / "asked-for").write_text("")
    (check,) = Examiner(examine.CONFIG, root)(root / "releases/1.0", ("broker",))
    assert (check["name"], check["level"]) == ("self-check", "red")
    assert "journalctl -u edge-selfcheck.service" in check["found"]


def test_elsewhere_it_is_a_process_of_ours(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, or where the units are another system's."""
    monkeypatch.setenv("KNOWS", "not-found")
    (check,) = Examiner(examine.CONFIG, root)(root / "releases/1.0", ("broker",))
    assert check == {"name": "a child"}


def test_another_configuration_is_no_business_of_the_unit(root: Path, tmp_path: Path) -> None:
    """It has /etc/edge in it."""
    other = configured(tmp_path / "other")
    (check,) = Examiner(other, root)(root / "releases/1.0", ("broker",))
    assert check == {"name": "a child"}


def test_where_nothing_is_configured_nothing_is_found(root: Path, tmp_path: Path) -> None:
    """A box is installed first; no process is started to say so."""
    assert Examiner(tmp_path / "nowhere", root)(root / "releases/1.0", ("broker",)) == []
