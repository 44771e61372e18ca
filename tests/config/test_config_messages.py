"""What a technician reads: a file as people really write it, and the exact text they get.

`camera/NAME.yaml` replaces the camera of `good/`, `appliance/NAME.yaml` its appliance, and
`folder/NAME/` is a whole folder; `NAME.txt` is what `edge check` then prints to stderr, and its
exit status. To see what changed after an edit: EDGE_WRITE_EXPECTED=1 pytest tests/config; git diff.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import pytest

from edge.cli import check

HERE = Path(__file__).resolve().parent
CASES = sorted(
    [
        *HERE.glob("camera/*.yaml"),
        *HERE.glob("appliance/*.yaml"),
        *(p for p in (HERE / "folder").iterdir() if p.is_dir()),
    ]
)
SECRETS = ("hunter2", "12345", "from-the-environment")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAM_USER", "viewer")
    monkeypatch.setenv("CAM_PASSWORD", "from-the-environment")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("EDGE_MODELS", raising=False)
    monkeypatch.chdir(tmp_path)


def _site(case: Path) -> Path:
    """A configuration folder `site` in the working folder, with the case in it."""
    site = Path("site")
    if case.is_dir():
        shutil.copytree(case, site)
    else:
        shutil.copytree(HERE / "good", site)
        target = "cameras/gate.yaml" if case.parent.name == "camera" else "appliance.yaml"
        shutil.copy(case, site / target)
    secrets = site / "secrets.yaml"
    if secrets.exists():
        secrets.chmod(0o644 if "readable-by-others" in case.name else 0o600)
    return site


def _check(site: Path, capsys: pytest.CaptureFixture[str]) -> str:
    status = check.run(argparse.Namespace(config=site, json=False, diff=False))
    return f"{capsys.readouterr().err}exit {status}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_a_mistake_is_explained(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Place, cause and remedy are exactly these; no traceback and no secret is printed."""
    said = _check(_site(case), capsys)

    expected = case.parent / f"{case.stem}.txt"
    if "EDGE_WRITE_EXPECTED" in os.environ:
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert not [secret for secret in SECRETS if secret in said]


def test_the_good_folder_has_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    """What the cases are made from is right, so each shows only its own mistake."""
    assert _check(_site(HERE / "good"), capsys) == "exit 0\n"


def test_every_expected_text_belongs_to_a_case() -> None:
    """No text is left behind when a case is renamed."""
    cases = {case.parent / case.stem for case in CASES}
    assert {text.parent / text.stem for text in HERE.glob("*/*.txt")} == cases
