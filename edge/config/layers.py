"""Layers: what cameras share, laid under each camera's own file.

Pure. `defaults` in appliance.yaml holds keys for every camera, `profiles` keys for those that name
one. A camera's own value goes first, then its profile's, then the default. A value keeps the place
where it was written, so that a mistake in a shared value is shown there, once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge.config.problem import Document, Finding, KeyPath, any_of, suggest

NOT_SHARED = frozenset({"version", "camera", "profile"})
"""Keys that tell one camera's file from another's."""


def layered(camera: Document, appliance: Document) -> Document:
    """A camera's file with what it shares under it.

    Args:
        camera: As written.
        appliance: The file that may have `defaults` and `profiles`; what is wrong with these as
            such is not said here.

    Returns:
        The camera's document with merged data; the same one where nothing is shared.
    """
    shared = appliance.data if isinstance(appliance.data, dict) else {}
    if not isinstance(camera.data, dict):
        return camera
    layers: list[KeyPath] = []
    findings = list(camera.findings)
    profiles = shared.get("profiles")
    name = camera.data.get("profile")
    if isinstance(name, str):
        known = profiles if isinstance(profiles, dict) else {}
        if name in known:
            layers.append(("profiles", name))
        else:
            remedy = suggest(name, known) or (
                f"appliance.yaml has {any_of(known, 'and')}"
                if known
                else "appliance.yaml has none; write it there under `profiles:`"
            )
            findings.append(Finding(("profile",), f"no profile named '{name}'", remedy))
    if "defaults" in shared:
        layers.append(("defaults",))
    data = camera.data
    for layer in layers:
        data = _merged(_block(shared, layer), data)
    return replace(
        camera,
        data=data,
        findings=tuple(findings),
        layers=tuple((appliance, layer) for layer in layers),
        unread=(
            *camera.unread,
            *(
                path[len(layer) :]
                for path in appliance.unread
                for layer in layers
                if path[: len(layer)] == layer
            ),
        ),
        secrets=(*camera.secrets, *appliance.secrets) if layers else camera.secrets,
    )


def _block(shared: dict[str, Any], layer: KeyPath) -> dict[str, Any]:
    """What one layer gives; empty where it is no block, which is said of appliance.yaml."""
    value: Any = shared
    for part in layer:
        value = value.get(part) if isinstance(value, dict) else None
    block = value if isinstance(value, dict) else {}
    return {key: inner for key, inner in block.items() if key not in NOT_SHARED}


def _merged(under: Any, over: Any) -> Any:
    """Blocks key by key; lists and single values of `over` take the place of those of `under`."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    if "kind" in under and "kind" in over and under["kind"] != over["kind"]:
        return over  # another kind has other keys
    merged = {key: _merged(under[key], value) for key, value in over.items() if key in under}
    return {**under, **over, **merged}
