"""Assets: the page's own files, read once and sent from memory.

From the disk each took a visit to a pool of threads to look it up, open and read it: with thirty
modules most of the time until the page could be used.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

INDEX = "index.html"


def routes(folder: Path) -> list[Route]:
    """An address for each file of a folder: `/static/NAME`, and `/` for the index.

    Args:
        folder: Read now; a file that changes is another page. Without an index there is none.
    """
    files = sorted(path for path in folder.glob("*") if path.is_file())
    return [
        Route("/" if path.name == INDEX else f"/static/{path.name}", _sender(path), methods=["GET"])
        for path in files
    ]


def _sender(path: Path) -> Callable[[Request], Awaitable[Response]]:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'

    async def send(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return Response(content, media_type=media_type, headers={"ETag": etag})

    return send
