"""Schema: what a technician may write, as strict models; the rooms bring their own options.

Pure. The second of three passes. Nothing here knows YAML, files or lines: `edge.config.explain`
puts what pydantic finds into words, `edge.config.check` compares names across blocks and files.
"""

from __future__ import annotations

from edge.config.schema.appliance import Appliance
from edge.config.schema.camera import Camera
from edge.config.schema.listening import Web, is_loopback, place_of
from edge.config.schema.storage import Evidence, Storage

__all__ = ["Appliance", "Camera", "Evidence", "Storage", "Web", "is_loopback", "place_of"]
