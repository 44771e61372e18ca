"""kill -9 at random instants, hundreds of times: nothing missing, nothing twice but under its id.

    python -m tests.soak.killing --kills 300 --json result.json

The folder is made in $EDGE_SOAK_DIR, which should be on the disk that is to be proven.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.soak.lives import run


def main() -> int:
    """Run, print and keep the verdict."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.killing", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=os.environ.get("EDGE_SOAK_DIR")) as folder:
        verdict = run(Path(folder), args.kills, args.seed)
    figures = {**asdict(verdict), "seed": args.seed, "seconds": round(time.monotonic() - started)}
    text = json.dumps(figures, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")
    return 0 if verdict.is_kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
