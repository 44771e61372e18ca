"""Kill -9 while evidence is written, hundreds of times: everything listed verifies.

    python -m tests.soak.evidence_killing --times 300 --out tests/bench/results/NAME.json

A child feeds a ring as fast as it can and has clips and snapshots of it written without pause; it
is killed at a random moment. What lies there then is judged as it is, before the next child sweeps:
each sidecar must be whole, and its file there with the length and hash it says.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

from edge.digest import file_digest
from edge.evidence._draft import PART, sweep
from edge.evidence.recorder import Recorder
from edge.evidence.sidecar import read
from edge.packet import Packet
from tests.clips import encode
from tests.unit.evidence.scene import Room, a_step, a_witness, an_event, feed_of, sent

SEED = 8


def child(evidence: Path, clip: Path) -> None:
    """Write evidence until killed."""
    feed, packets = feed_of(clip, seconds=30.0)
    recorder = Recorder(evidence, Room().hear)
    recorder.start()
    witness = a_witness(recorder, evidence, feed, pre_seconds=1, post_seconds=2, chunk_seconds=5)
    print("writing", flush=True)
    for lap in count():
        length = packets[-1].pts + 0.1
        for number, packet in enumerate(packets):
            feed.ring.append(_later(packet, lap * length))
            time.sleep(0.001)  # a hundred times as fast as the camera
            if number % 20 == 0:
                _decide(witness, lap, number, lap * length + packet.pts)


def _decide(witness: object, lap: int, number: int, pts: float) -> None:
    """A pulse, or the begin or end of an incident that is long enough for several files."""
    phase = ("pulse", "begin", "end")[(lap + number // 20) % 3]
    event = an_event(phase, key="1")  # type: ignore[arg-type]
    witness.saw(event, sent(event), a_step(pts))  # type: ignore[attr-defined]


def _later(packet: Packet, offset: float) -> Packet:
    return Packet(
        packet.data,
        packet.pts + offset,
        packet.dts + offset,
        packet.is_keyframe,
        packet.captured_at,
        packet.clock_ms,
    )


def judge(evidence: Path) -> Counter[str]:
    """What lies there after a kill.

    Raises:
        AssertionError: Something listed does not verify.
    """
    found: Counter[str] = Counter()
    listed = set()
    for path in evidence.glob("*/*/*.json"):
        if path.name.startswith("."):
            found["sidecars in the making"] += 1
            continue
        item = read(path)
        media = path.with_name(item.ref)
        assert media.stat().st_size == item.bytes, f"{media}: not as long as its sidecar says"
        assert file_digest(media) == item.sha256, f"{media}: not what its sidecar says"
        listed.add(media)
        found["listed"] += 1
    for path in evidence.glob("*/*/.*"):
        found["drafts" if path.name.endswith(PART) else "sidecars in the making"] += 1
    for path in evidence.glob("*/*/*"):
        if path.suffix in (".mp4", ".jpg") and not path.name.startswith("."):
            found["whole, not listed yet"] += path not in listed
    return found


def kill(evidence: Path, clip: Path, after_s: float) -> Counter[str]:
    """One life: start, write, die, be judged, be swept."""
    command = [sys.executable, "-m", "tests.soak.evidence_killing", "--child", str(evidence)]
    with subprocess.Popen([*command, str(clip)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
    found = judge(evidence)
    sweep(evidence)
    after = judge(evidence)
    assert after == Counter({"listed": found["listed"]}), "the sweep left or took too much"
    return found


def run(times: int, most_s: float = 1.0) -> dict[str, object]:
    """So many lives.

    Returns:
        What was found, over all of them.
    """
    chance = random.Random(SEED)
    total: Counter[str] = Counter()
    n_in_the_act = 0
    with tempfile.TemporaryDirectory() as folder:
        clip = encode(Path(folder) / "clip.mp4", n_frames=90)
        for life in range(times):
            evidence = Path(folder) / "evidence" / str(life)
            found = kill(evidence, clip, chance.uniform(0.05, most_s))
            n_in_the_act += bool(found.keys() - {"listed"})
            total += found
    return {
        "kills": times,
        "kills while a file was being written": n_in_the_act,
        "found": dict(sorted(total.items())),
        "listed and not verified": 0,
        "seed": SEED,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", type=Path, nargs=2)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
    began = time.monotonic()
    result = {**run(arguments.times), "seconds": round(time.monotonic() - began)}
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
