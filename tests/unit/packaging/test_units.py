"""The systemd units: systemd itself reads them and says how far they confine the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parents[3] / "packaging"
UNITS = PACKAGING / "systemd"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd: apt-get install systemd"
)


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as installed, but for programs that exist only on a box."""
    folder = tmp_path_factory.mktemp("units")
    for unit in UNITS.glob("*.*"):
        if unit.is_file():
            text = re.sub(r"/opt/edge/(current/bin/edge|guard)\b", "/bin/true", unit.read_text())
            (folder / unit.name).write_text(text)
    return folder


@pytest.mark.parametrize("name", sorted(unit.name for unit in UNITS.glob("edge*.*[er]")))
def test_systemd_understands_every_line(units: Path, name: str) -> None:
    """A key it does not know it would ignore, and the box would run without."""
    done = subprocess.run(
        ["systemd-analyze", "verify", str(units / name)],
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if str(units) in line or name in line]
    assert (done.returncode, said) == (0, [])


def test_units_start_nothing_that_a_small_system_lacks() -> None:
    """A Debian root has a shell and coreutils; `/bin/kill` is of procps, and a reload failed."""
    units = [unit.read_text() for unit in UNITS.glob("*.service")]
    programs = {
        program
        for text in units
        for program in re.findall(r"^Exec\w+=[-+!]*(\S+)", text, re.MULTILINE)
    }
    known = re.compile(r"/opt/edge/(current/bin/\S+|guard|\$\S+)|/bin/sh")
    assert programs, "no unit starts anything"
    assert {program for program in programs if not known.fullmatch(program)} == set()


@pytest.mark.parametrize(
    ("name", "most"),
    [
        pytest.param("edge.service", 2.0, id="the daemon"),
        pytest.param("edge-engines.service", 2.0, id="builds engines"),
        pytest.param("edge-recover.service", 2.0, id="turns a link"),
        pytest.param("edge-selfcheck.service", 2.0, id="examines a release as the daemon's user"),
        pytest.param("edge-update.service", 1.1, id="root, as it replaces the program"),
    ],
)
def test_the_exposure_stays_small(units: Path, name: str, most: float) -> None:
    """`systemd-analyze security` measures 0 to 10; what is bounded here was chosen line by line."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(units / name)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) <= most, said


def keys(name: str) -> list[tuple[str, str]]:
    lines = (UNITS / name).read_text().splitlines()
    return [(k, v) for k, is_set, v in (line.partition("=") for line in lines) if is_set]


def test_whoever_reads_the_configuration_is_handed_its_secrets() -> None:
    """Without them `!secret` stands for nothing, and nothing can be built or examined."""
    wanted = {value for key, value in keys("edge.service") if key == "LoadCredential"}
    script = (PACKAGING.parent / "scripts/install.sh").read_text()
    named = re.search(r"^secret_units='([^']*)'", script, re.MULTILINE)
    assert named
    readers = {
        unit.name
        for unit in UNITS.glob("*.service")
        if ("User", "edge") in keys(unit.name) and "--config /etc/edge" in unit.read_text()
    }
    assert readers == set(named[1].split())
    assert {"edge.service", "edge-engines.service", "edge-selfcheck.service"} <= readers
    for unit in readers:
        assert {value for key, value in keys(unit) if key == "LoadCredential"} == wanted


def test_a_release_is_examined_where_the_daemon_would_run() -> None:
    """An engine or camera that works in one sandbox and not in the other would prove nothing."""
    confining = ("Device", "Private", "Protect", "Restrict", "SystemCall", "Capability", "Supplem")
    daemon, check = (
        [line for line in keys(name) if line[0].startswith(confining)]
        for name in ("edge.service", "edge-selfcheck.service")
    )
    assert sorted(daemon) == sorted(check)


def test_install_links_every_unit() -> None:
    """And takes it away again: one list serves both."""
    script = (PACKAGING.parent / "scripts/install.sh").read_text()
    listed = re.search(r"^unit_files='([^']*)'", script, re.MULTILINE)
    assert listed
    assert sorted(listed[1].split()) == sorted(u.name for u in UNITS.iterdir() if u.is_file())


def test_a_jetsons_devices_are_named_one_by_one() -> None:
    """With DevicePolicy=closed what is not named cannot be opened."""
    unit = (UNITS / "edge.service").read_text()
    assert "DevicePolicy=closed" in unit
    for node in ("nvmap", "nvhost-ctrl-gpu", "nvhost-vic", "nvhost-nvdec", "v4l2-nvdec"):
        assert f"DeviceAllow=/dev/{node} rw" in unit
    assert "PrivateDevices=yes\n" not in unit


def test_the_guard_needs_nothing_but_a_shell(tmp_path: Path) -> None:
    """Without a release on trial it does nothing; without one to turn back to it says so."""
    environment = {"EDGE_ROOT": str(tmp_path), "PATH": "/usr/bin:/bin"}
    guard = [str(PACKAGING / "guard")]
    assert subprocess.run([*guard, "start"], env=environment, check=False).returncode == 0
    (tmp_path / "trial").write_text("release=2\nprevious=1\nstarts=3\n")
    done = subprocess.run(
        [*guard, "roll-back", "asked"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "there is no release to turn back to" in done.stderr


SYSTEMCTL = """#!/bin/sh
case $* in
*ExecMainStatus*) echo "$STATUS" ;;
is-failed*) ;;
*) echo "$*" >>"$EDGE_ROOT/asked" ;;
esac
"""
"""Stands for systemd: what the daemon ended with, and a note of what was asked for."""


@pytest.mark.parametrize(
    ("trial", "status", "told", "link"),
    [
        pytest.param(True, "1", "rolled back to 1", "1", id="a release on trial"),
        pytest.param(False, "1", "begins anew in 0 s", "2", id="anything else"),
        pytest.param(False, "2", "configuration cannot be used", "2", id="no use"),
    ],
)
def test_a_crash_loop_ends_in_a_new_beginning(
    tmp_path: Path, trial: bool, status: str, told: str, link: str
) -> None:
    """With the release before where one is on trial; not where only an engineer can mend it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin/systemctl").chmod(0o755)
    for release in ("1", "2"):
        (tmp_path / "releases" / release).mkdir(parents=True)
        (tmp_path / "releases" / release / "release.json").touch()
    (tmp_path / "current").symlink_to("releases/2")
    if trial:
        (tmp_path / "trial").write_text("release=2\nprevious=1\nstarts=1\n")
    environment = {
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
        "EDGE_ROOT": str(tmp_path),
        "EDGE_RECOVER_WAIT_S": "0",
        "STATUS": status,
    }
    command = [str(PACKAGING / "guard"), "recover"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert told in done.stderr
    assert (tmp_path / "current").readlink().name == link
    asked = (tmp_path / "asked").read_text() if (tmp_path / "asked").exists() else ""
    anew = "reset-failed edge.service\nstart --no-block edge.service\n"
    assert asked == ("" if status == "2" else anew)


PYTHON_OF_A_JETSON = """#!/bin/sh
# As JetPack's Python, with these modules: $HAS
case $2 in "import venv" | *json* | *ctypes*) exec /usr/bin/python3 "$@" ;; esac
for module in $HAS; do case $2 in "import $module"*) exit 0 ;; esac; done
exit 1
"""


@pytest.mark.parametrize(
    ("has", "missing"),
    [
        pytest.param(
            "",
            ["nvidia-jetpack", "pip3 install pycuda", "apt-get install python3-gi"],
            id="a bare one",
        ),
        pytest.param("tensorrt gi", ["pip3 install pycuda"], id="pycuda is left to compile"),
        pytest.param("tensorrt pycuda gi", [], id="all there"),
    ],
)
def test_what_a_jetson_lacks_is_named_with_its_command(
    tmp_path: Path, has: str, missing: list[str]
) -> None:
    """It is no reason not to install: the box watches on its processor then."""
    python = tmp_path / "python3"
    python.write_text(PYTHON_OF_A_JETSON)
    python.chmod(0o755)
    (tmp_path / "nv_tegra_release").write_text("# R36 (release), REVISION: 4.3\n")
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHON": str(python),
        "TEGRA_RELEASE": str(tmp_path / "nv_tegra_release"),
        "HAS": has,
    }
    command = [str(PACKAGING.parent / "scripts/install.sh"), "--dry-run", "--offline", "none.tar"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for words in missing:
        assert words in done.stderr
    named = [line for line in done.stderr.splitlines() if line.startswith("no ")]
    assert len(named) == len(missing)


@pytest.mark.parametrize("script", ["install.sh", "build-bundle", "build-deb"])
def test_the_scripts_explain_themselves_and_refuse_what_they_do_not_know(script: str) -> None:
    """Exit code 2 or 1, one line, and nothing done."""
    path = PACKAGING.parent / "scripts" / script
    done = subprocess.run([path, "--nonsense", "x"], capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert "usage" in done.stderr or "unknown option --nonsense" in done.stderr
