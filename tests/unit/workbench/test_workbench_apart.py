"""The workbench stays apart: the daemon's rooms do not know it, and its libraries load on use."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import edge

EDGE = Path(edge.__file__).parent

VENDORS = {
    "onnx": {"graph.py"},
    "onnxruntime": {"quantise.py", "fp16.py"},
    "pycocotools": {"annotations.py"},
    "ultralytics": {"export.py"},
}
"""Which file of the room talks to which library."""


def imported(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found: set[str] = set()
    for node in tree:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_only_the_command_line_knows_it() -> None:
    """No room from packet to event, and nothing that runs them, uses a tool."""
    users = {
        str(path.relative_to(EDGE))
        for path in EDGE.rglob("*.py")
        if any(name.startswith("edge.workbench") for name in imported(path))
        and path.parent.name != "workbench"
    }
    # The trial of a new release compares answers; `compare` needs nothing of the extra.
    assert users == {"cli/_workbench.py", "update/selfcheck.py"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_one_file_talks_to_each_library(vendor: str) -> None:
    """And no file of the package outside but the detector of that name."""
    users = {
        path.name
        for path in (EDGE / "workbench").glob("*.py")
        if any(name.partition(".")[0] == vendor for name in imported(path))
    }
    assert users == VENDORS[vendor]


def test_a_command_of_the_daemon_loads_none_of_them() -> None:
    """Parsing the command line, as `edge run` does, imports no library of the workbench."""
    code = (
        "import sys; from edge.cli import _parser; _parser(); "
        "print([n for n in ('onnx', 'pycocotools', 'ultralytics', 'torch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().strip() == "[]"
