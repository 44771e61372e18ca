"""snapshot: what a camera sees now, privacy masks applied, as a JPEG on the response topic."""

from __future__ import annotations

from pydantic import Field

from edge import commands
from edge.commands import Box, Caller, Picture
from edge.options import Identifier

MAX_JPEG_BYTES = 256 * 1024


class Request(commands.Request):
    """Which camera."""

    camera: Identifier = Field(description="The camera's id.")


class Result(commands.Result):
    """Never sent: the answer is the picture itself, with content type `image/jpeg`."""


def run(request: Request, caller: Caller, box: Box) -> Picture:  # noqa: ARG001 - as every verb
    """Take it."""
    return box.snapshot(request.camera, MAX_JPEG_BYTES)
