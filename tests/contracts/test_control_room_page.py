"""What docs/control-room.md tells an integrator to copy is run as it stands, at a real broker."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.contracts.test_watch import send
from tests.servers import eventually, mosquitto
from tests.unit.sinks.events_builder import crossing

pytestmark = pytest.mark.network

PAGE = (REPOSITORY / "docs" / "control-room.md").read_text("utf-8")
EVENTS = [(1, crossing(1)), (2, crossing(2)), (2, crossing(2)), (5, crossing(5))]


def test_the_python_example_removes_duplicates_and_notices_losses(tmp_path: Path) -> None:
    """Copied from the page, only its port changed."""
    (program,) = re.findall(r"```python\n(import json.*?)```", PAGE, re.DOTALL)
    with mosquitto(tmp_path) as broker:
        file = tmp_path / "listen.py"
        file.write_text(program.replace("1883", str(broker.port)))
        log = tmp_path / "mosquitto.log"
        process = subprocess.Popen(
            [sys.executable, "-u", str(file)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = next(tmp_path.glob("mosquitto-*.log"))
        assert eventually(lambda: "SUBSCRIBE" in said.read_text(), 20), log
        send(broker.port, EVENTS)
        lines = [process.stdout.readline() for _ in range(4)]
        process.kill()
        process.wait()
        process.stdout.close()
    assert [line.split()[0] == "LOST" for line in lines] == [False, False, True, False]
    assert lines[2] == "LOST between 2 and 5\n"


@pytest.mark.parametrize("line", re.findall(r"^mosquitto_sub .*$", PAGE, re.MULTILINE))
def test_the_mosquitto_lines_are_taken(line: str, tmp_path: Path) -> None:
    """Each is a command its program understands."""
    if shutil.which("mosquitto_sub") is None:
        pytest.skip("mosquitto_sub is not installed; run: apt-get install mosquitto-clients")
    command = line.split(" | ", maxsplit=1)[0]
    with mosquitto(tmp_path) as broker:
        done = subprocess.run(
            ["sh", "-c", f"{command} -p {broker.port} -W 1"], capture_output=True, check=False
        )
    assert done.returncode == 27, done.stderr  # its own code for: the time is over


def test_the_node_red_flow_does_what_the_page_says(tmp_path: Path) -> None:
    """Its wires lead somewhere, and its function is run by a real JavaScript engine."""
    nodes = json.loads((REPOSITORY / "configs" / "node-red" / "alerts.json").read_text())
    ids = {node["id"] for node in nodes}
    for node in nodes:
        assert {to for wires in node.get("wires", ()) for to in wires} <= ids
    (function,) = (node for node in nodes if node["type"] == "function")
    if shutil.which("node") is None:
        pytest.skip("node is not installed; run: apt-get install nodejs")
    events = [
        {"id": str(seq), "seq": seq, "site": "a", "node": "b", "priority": priority}
        for seq, priority in ((1, "alert"), (1, "alert"), (4, "review"))
    ]
    program = (
        "const kept = {}; const context = {get: k => kept[k], set: (k, v) => kept[k] = v};"
        # Node-RED declares `node` around a function; one that declares it too does not compile.
        f"const f = new Function('msg', 'context', {json.dumps('var node;' + function['func'])});"
        f"console.log(JSON.stringify({json.dumps(events)}.map(e => f({{payload: e}}, context))));"
    )
    done = subprocess.run(["node", "-e", program], capture_output=True, check=True, timeout=30)
    first, again, gap = json.loads(done.stdout)
    assert first[0]["payload"]["seq"] == 1
    assert first[2] is None
    assert again is None
    assert gap[0] is None
    assert gap[2] == {"topic": "a/b", "payload": "numbers 2 to 3 are missing"}
