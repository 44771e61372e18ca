"""Commands: what a control room may ask of this box. One file per verb, its name with `-` for `_`.

Pure. A verb's file has a `Request`, which says what may be asked, a `Result`, which says what is
answered, and `run(request, caller, box)`. `_gate` decides what is let through; `Box` is all that a
verb can do, and the runtime gives it hands. Off until `commands:` in the configuration allows some.
"""

from __future__ import annotations

from edge.commands._gate import FRESH_S, Admitted, Gate, Outcome, Refusal
from edge.commands._reply import Reply
from edge.commands._request import (
    MAX_BYTES,
    VERBS,
    Box,
    Caller,
    CommandFailed,
    Kept,
    Options,
    Picture,
    Replay,
    Request,
    Result,
    request_of,
    result_of,
    run,
)

__all__ = [
    "FRESH_S",
    "MAX_BYTES",
    "VERBS",
    "Admitted",
    "Box",
    "Caller",
    "CommandFailed",
    "Gate",
    "Kept",
    "Options",
    "Outcome",
    "Picture",
    "Refusal",
    "Replay",
    "Reply",
    "Request",
    "Result",
    "request_of",
    "result_of",
    "run",
]
