"""Bodies: what a request brings, within bounds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from edge.web import Json, Refused

MOST_JSON = 256 * 1024
MOST_CLIP = 200 * 2**20
LEAST_FREE = 512 * 2**20
"""Disk that an upload leaves: the outbox comes first."""


async def said(request: Request, most: int = MOST_JSON) -> Json:
    """The JSON object of a request.

    Raises:
        Refused: There is none, or it is too long.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(400, "expected a body of Content-Type application/json")
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            raise Refused(413, f"expected at most {most} bytes of JSON")
    return _object(bytes(found))


async def clip(request: Request, file: Path) -> Json:
    """A draft and a recording: one line of JSON, then the bytes of the recording.

    Args:
        request: Whose body it is.
        file: Where the recording goes.

    Returns:
        The draft.

    Raises:
        Refused: There is no such line, the recording is too long, or there is no room for it.
    """
    try:
        announced = int(request.headers.get("content-length", "0"))
    except ValueError:
        announced = 0
    if announced > MOST_CLIP + MOST_JSON:
        raise Refused(413, _too_long(announced))
    if shutil.disk_usage(file.parent).free - announced < LEAST_FREE:
        raise Refused(413, "the box has no room for this recording; cut a shorter one")
    head = bytearray()
    draft: Json | None = None
    n_bytes = 0
    with file.open("wb") as out:
        async for chunk in request.stream():
            part = chunk
            if draft is None:
                line, is_whole, part = (bytes(head) + chunk).partition(b"\n")
                if len(line) > MOST_JSON:
                    raise Refused(413, f"expected at most {MOST_JSON} bytes of JSON in line 1")
                if not is_whole:
                    head += chunk
                    continue
                draft = _object(line)
            n_bytes += len(part)
            if n_bytes > MOST_CLIP:
                raise Refused(413, _too_long(n_bytes))
            await run_in_threadpool(_write, out, part)
    if draft is None or not n_bytes:
        raise Refused(400, "expected one line of JSON, then the bytes of a recording")
    return draft


def _write(out: BinaryIO, part: bytes) -> None:
    try:
        out.write(part)
    except OSError as why:
        raise Refused(413, f"the recording could not be kept: {why.strerror}") from why


def _too_long(n_bytes: int) -> str:
    return f"a recording of {n_bytes / 2**20:.0f} MiB; expected at most {MOST_CLIP >> 20} MiB"


def _object(raw: bytes) -> Json:
    try:
        found = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "expected a JSON object")
    return found


def _no_number(name: str) -> float:
    raise ValueError(name)
