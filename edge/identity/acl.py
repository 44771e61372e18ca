"""What a mosquitto is told of one box, where its access list does not go by patterns."""

from __future__ import annotations

from edge.topics import DOCTOR

OWN = ("status", "health", "about", "config", "audit", DOCTOR, "camera/#")
"""Below `<root>/v1/<site>/<node>/`: what a box says; as in configs/mosquitto/access.acl."""


def acl(root: str, site: str, node: str) -> str:
    """Lines for `acl_file`: the box speaks under its own name only, and hears its commands."""
    own = f"{root}/v1/{site}/{node}"
    return "\n".join(
        [
            f"user {node}",
            *(f"topic write {own}/{subtopic}" for subtopic in OWN),
            f"topic read {own}/cmd/#",
            f"topic write {root}/reply/+/{node}/#",
            "",
        ]
    )
