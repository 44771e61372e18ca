"""Export: an Ultralytics .pt file to ONNX, on a workbench.

Boundary: the only importer of ultralytics, which is under the AGPL. Nothing of it comes near the
appliance, but the file it writes, which has a licence of its own: see the model's LICENSE.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.detectors import Card
from edge.errors import InputError, MissingDependency, ModelError
from edge.workbench.graph import OPSET

FAMILY = "yolo"


def export(card: Card, source: Path) -> Path:
    """Export weights in the layout a card describes.

    Args:
        card: A model of family `yolo`.
        source: Its `.pt` file.

    Returns:
        The ONNX file, which ultralytics writes beside `source`.

    Raises:
        InputError: The model is not of this family, or the file is no `.pt` file.
        MissingDependency: ultralytics is not installed.
        ModelError: It could not export.
    """
    if card.family != FAMILY:
        raise InputError(
            f"{card.name}: expected a model of family {FAMILY}, got {card.family}; "
            f"{card.obtain or 'its authors have a tool of their own: see ' + card.source}"
        )
    if source.suffix != ".pt" or not source.is_file():
        raise InputError(f"{source}: expected a .pt file, got none; give another FILE")
    width, height = card.input.size_wh
    try:
        model = _library()(str(source))
        written = model.export(
            format="onnx",
            imgsz=(height, width),
            opset=OPSET,
            dynamic=False,
            simplify=False,
            nms=False,
        )
    except MissingDependency:
        raise
    except Exception as exc:  # what it raises is not documented
        raise ModelError(
            f"{source} cannot be exported: {' '.join(str(exc).split())[:300]}; see "
            "https://docs.ultralytics.com/modes/export"
        ) from exc
    return Path(written)


def _library() -> Any:
    try:
        from ultralytics import YOLO
    except ImportError as exc:
        raise MissingDependency(
            f"exporting needs ultralytics, which cannot be imported ({exc}); on a workbench, never "
            "on an appliance, run `pip install ultralytics` (AGPL-3.0)"
        ) from exc
    return YOLO
