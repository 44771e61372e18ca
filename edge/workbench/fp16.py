"""FP16: a float file with its layers in half precision, for strongly typed TensorRT.

TensorRT 10 and 11 run each layer in the type the file gives it, so half precision must be in the
file. Inputs and outputs stay float32: what is fed and read does not change. Layers that
the library knows to suffer (`DEFAULT_OP_BLOCK_LIST`: Resize, TopK, ranges) stay too.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.workbench import graph


def to_fp16(path: Path) -> Any:
    """Convert a float file.

    Args:
        path: A float ONNX file.

    Returns:
        The network, an `onnx.ModelProto`.

    Raises:
        ModelError: The file cannot be read or converted.
        MissingDependency: onnx is not installed.
    """
    model = graph.read(path)
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    logger = logging.getLogger("onnxruntime.transformers.float16")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Weights below half precision's least become it: they are noise, one line for each.
            warnings.simplefilter("ignore")
            half = ONNXModel(convert_float_to_float16(model, keep_io_types=True))
        half.topological_sort()  # it puts its casts last
    except (ValueError, KeyError, RuntimeError) as exc:
        raise ModelError(
            f"{path} cannot be made FP16: {' '.join(str(exc).split())[:200]}; export the model "
            "again in half precision"
        ) from exc
    finally:
        logger.setLevel(level)
    return half.model
