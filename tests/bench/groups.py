"""Whether the verdicts by group are sensible on real pictures, of people nobody has labelled.

python -m tests.bench.groups        writes tests/bench/results/groups.json

The groups have neutral names and say nothing of anybody: `alternate` splits people at random, so
that no true difference exists; `half` is the side of the picture they are on; `height` is how tall
their box is, which everybody knows to matter. People of one picture share a track, for they are
not independent. The command is the one that an operator runs, as a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conftest import shared_folder

RESULTS = Path(__file__).with_name("results") / "groups.json"
MODELS = ("yolox-nano", "deimv2-femto")
PERSON = 1


def labelled(instances: Path) -> dict[str, Any]:
    """The annotations with groups, tracks and how much others hide."""
    content: dict[str, Any] = json.loads(instances.read_text())
    wide = {image["id"]: image["width"] for image in content["images"]}
    people = [one for one in content["annotations"] if one["category_id"] == PERSON]
    for one in people:
        x, _, width, height = one["bbox"]
        digest = hashlib.sha256(str(one["id"]).encode()).digest()
        others = [o for o in people if o["image_id"] == one["image_id"] and o is not one]
        one["track"] = f"picture {one['image_id']}"
        one["groups"] = {
            "alternate": "AB"[digest[0] & 1],
            "half": "left" if x + width / 2 < wide[one["image_id"]] / 2 else "right",
            "height": "tall" if height >= 100 else "short",
        }
        one["conditions"] = {"occlusion": max((_shared(one, o) for o in others), default=0.0)}
    return content


def _shared(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Share of a box that another one covers, in [0, 1]; which of them is in front is not known."""
    x, y, w, h = one["bbox"]
    a, b, c, d = other["bbox"]
    across = min(x + w, a + c) - max(x, a)
    down = min(y + h, b + d) - max(y, b)
    return round(max(0.0, across) * max(0.0, down) / (w * h), 3) if w * h else 0.0


def main() -> None:
    """Evaluate, print and keep the tables."""
    shared = shared_folder()
    if shared is None:
        sys.exit("expected pictures and weights in ../shared or $EDGE_SHARED, got none")
    pictures = shared / "images" / "coco-dev"
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        annotations = Path(folder) / "groups.json"
        annotations.write_text(json.dumps(labelled(pictures / "instances.json")))
        (Path(folder) / "models").symlink_to(shared / "models")
        for model in MODELS:
            told = subprocess.run(
                [sys.executable, "-m", "edge", "model", "eval", model, "--storage", folder,
                 "--images", str(pictures), "--annotations", str(annotations), "--json"],
                check=True, capture_output=True, text=True,
            ).stdout  # fmt: skip
            result = json.loads(told)
            found[model] = {
                "measured": result["measured"],
                **{key: result["miss_rates"][key] for key in ("class", "confidence", "margin")},
                "factors": [_short(factor) for factor in result["miss_rates"]["factors"]],
            }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def _short(factor: dict[str, Any]) -> dict[str, Any]:
    """One factor in a line a level and a line a comparison."""
    return {
        "by": f"{factor['kind']} {factor['name']}",
        "levels": {
            level["name"]: f"{level['n_missed']} of {level['n']} in {level['n_tracks']} pictures, "
            f"{level['miss_rate']:.3f} ({level['interval'][0]:.3f} to {level['interval'][1]:.3f})"
            for level in factor["levels"]
        },
        "compared": {
            f"{one['first']} less {one['second']}": f"{one['difference']:+.3f} "
            f"({one['score'][0]:+.3f} to {one['score'][1]:+.3f}): {one['verdict']['answer']}"
            + (
                ", {} and {} more are needed".format(*more)
                if (more := one["verdict"]["more"])
                else ""
            )
            for one in factor["compared"]
        },
    }


if __name__ == "__main__":
    main()
