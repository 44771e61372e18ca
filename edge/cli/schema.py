"""`edge schema`: JSON Schema of configuration files and messages, and the AsyncAPI document."""

from __future__ import annotations

import argparse
import json
from typing import Any

from edge import __version__, contract
from edge.admission import Policy
from edge.config.layers import NOT_SHARED
from edge.config.schema import Appliance, Camera
from edge.contract import NAMES

HELP = "print the JSON Schema of a configuration file or a message, or the AsyncAPI document"
EXAMPLE = "edge schema asyncapi > asyncapi.json"

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "of",
        nargs="?",
        choices=("appliance", "camera", "policy", *NAMES, "asyncapi"),
        metavar="WHAT",
        help="appliance, camera, policy (configuration files); "
        f"{', '.join(NAMES)} (messages); asyncapi; "
        "without it, the configuration files' as one object",
    )


def run(args: argparse.Namespace) -> int:
    """Print it.

    Returns:
        0.
    """
    if args.of is None:
        print(text({name: schema(name) for name in ("appliance", "camera", "policy")}), end="")
    else:
        print(text(schema(args.of)), end="")
    return 0


def schema(of: str) -> dict[str, Any]:
    """What is printed for one name."""
    if of == "asyncapi":
        return contract.asyncapi(__version__)
    if of in NAMES:
        return contract.schema(of)
    if of == "appliance":
        return {"$schema": _DIALECT, **Appliance.model_json_schema()}
    if of == "policy":
        return {"$schema": _DIALECT, **Policy.model_json_schema()}
    return {"$schema": _DIALECT, **_shareable(Camera.model_json_schema())}


def _shareable(camera: dict[str, Any]) -> dict[str, Any]:
    """Without the demand for what may stand in `defaults` or a profile: an editor sees one file."""
    camera["required"] = [key for key in camera["required"] if key in NOT_SHARED]
    source = camera["properties"]["source"]
    source["anyOf"] = source.pop("oneOf")  # without `kind` it may be any of them
    kinds = source.pop("discriminator")["mapping"].values()
    for block in ("Analyse", *(ref.rpartition("/")[2] for ref in kinds)):
        camera["$defs"][block].pop("required", None)
    return camera


def text(of: dict[str, Any]) -> str:
    """A schema as it is printed, and kept in `configs/schema/`."""
    return json.dumps(of, indent=2, ensure_ascii=False) + "\n"
