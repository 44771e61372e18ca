"""App: the addresses of the page, each a few lines between the browser and the panel."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from edge.errors import EdgeError
from edge.web import Json, Panel, Refused, assets, bodies
from edge.web.access import Access, admitted, refused
from edge.web.login import Login
from edge.web.sessions import Brake, Sessions
from edge.web.streams import Streams
from edge.web.users import Users

log = logging.getLogger("edge.web")

STATIC = Path(__file__).parent / "static"
MOST_EVENTS = 400
MOST_TRACKS = 4


def create_app(
    panel: Panel,
    users: Users,
    sessions: Sessions,
    brake: Brake,
    *,
    is_loopback: bool,
    is_tls: bool,
) -> ASGIApp:
    """The page.

    Args:
        panel: What it shows and does.
        users: Who may log in.
        sessions: Who has; they outlive the page when it is opened anew.
        brake: Against guessing.
        is_loopback: It listens on the box alone.
        is_tls: What is sent is encrypted.
    """
    page = _Page(panel)
    app = Starlette(
        routes=[
            *page.routes(),
            *assets.routes(STATIC),
        ],
        exception_handlers={
            Refused: _refused,
            EdgeError: _failed,
            HTTPException: _http,
            Exception: _fault,
        },
    )
    access = Access(app, users, sessions, is_loopback=is_loopback, is_tls=is_tls)
    app.router.routes[:0] = Login(panel, users, brake, access).routes()
    return access


class _Page:
    """The endpoints; `GET` for everybody who is in, the rest for technicians (`access`)."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._streams = Streams()

    def routes(self) -> list[Route]:
        """Every address, one a line."""
        camera = "/api/cameras/{camera}"
        rule = "/api/rules/{camera}/{rule}"
        return [
            _get("/api/box", self.box),
            _get("/api/doctor", self.doctor),
            _get("/api/events", self.events),
            _get("/api/events/recent", self.recent),
            _get("/api/events/{event}/picture", self.event_picture),
            _get(camera, self.camera),
            _get(f"{camera}/picture", self.picture),
            _get(f"{camera}/live", self.live),
            _get(f"{camera}/tracks", self.tracks),
            _post(f"{camera}/preview", self.preview),
            Route(camera, self.save, methods=["PUT"]),
            _post(f"{camera}/undo", self.undo),
            _post(f"{camera}/try", self.try_kept),
            _post(f"{camera}/try-clip", self.try_clip),
            _post(f"{camera}/calibration/preview", self.calibrate),
            _post(f"{rule}/disarm", self.disarm),
            _post(f"{rule}/arm", self.arm),
            _post("/api/reload", self.reload),
        ]

    async def box(self, _: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._panel.box))

    async def doctor(self, _: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._panel.doctor))

    async def recent(self, _: Request) -> Response:
        messages = await run_in_threadpool(self._panel.recent)
        return Response(b"[" + b",".join(messages) + b"]", media_type="application/json")

    async def events(self, request: Request) -> Response:
        return await self._streams.texts(admitted(request), self._panel.hear, MOST_EVENTS)

    async def event_picture(self, request: Request) -> Response:
        event = str(request.path_params["event"])
        coded = await run_in_threadpool(self._panel.event_picture, event)
        return Response(coded, media_type="image/jpeg")

    async def picture(self, request: Request) -> Response:
        coded = await run_in_threadpool(self._panel.picture, _camera(request))
        return Response(coded, media_type="image/jpeg")

    async def live(self, request: Request) -> Response:
        camera = _camera(request)
        return await self._streams.pictures(
            admitted(request), lambda put: self._panel.look(camera, put)
        )

    async def tracks(self, request: Request) -> Response:
        camera = _camera(request)
        return await self._streams.texts(
            admitted(request), lambda put: self._panel.follow(camera, put), MOST_TRACKS
        )

    async def camera(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._panel.camera, _camera(request)))

    async def preview(self, request: Request) -> Response:
        draft = await bodies.said(request)
        camera = _camera(request)
        return JSONResponse(await run_in_threadpool(self._panel.preview, camera, draft))

    async def save(self, request: Request) -> Response:
        camera, draft, by = _camera(request), await bodies.said(request), admitted(request).visitor
        return JSONResponse(await run_in_threadpool(self._panel.save, camera, draft, by))

    async def undo(self, request: Request) -> Response:
        body, by = await bodies.said(request), admitted(request).visitor
        sha256 = _text(body, "sha256")
        return JSONResponse(await run_in_threadpool(self._panel.undo, _camera(request), sha256, by))

    async def try_kept(self, request: Request) -> Response:
        draft = await bodies.said(request)
        camera = _camera(request)
        return JSONResponse(await run_in_threadpool(self._panel.try_kept, camera, draft))

    async def try_clip(self, request: Request) -> Response:
        camera = _camera(request)
        uploads = self._panel.uploads
        try:
            folder = tempfile.TemporaryDirectory(prefix="clip-", dir=uploads)
        except OSError as why:
            raise Refused(413, f"the recording could not be kept: {why.strerror}") from why
        with folder as name:
            file = Path(name) / "clip"
            draft = await bodies.clip(request, file)
            answer = await run_in_threadpool(self._panel.try_clip, camera, draft, file)
        return JSONResponse(answer)

    async def calibrate(self, request: Request) -> Response:
        body = await bodies.said(request)
        found = await run_in_threadpool(
            self._panel.calibrate, _camera(request), _block(body, "calibration")
        )
        return JSONResponse(found)

    async def disarm(self, request: Request) -> Response:
        body = await bodies.said(request)
        minutes, why = body.get("minutes"), body.get("why", "")
        if isinstance(minutes, bool) or not isinstance(minutes, int | float):
            raise Refused(400, "minutes: expected a number")
        if not isinstance(why, str):
            raise Refused(400, "why: expected a text")
        rule, by = request.path_params["rule"], admitted(request).visitor
        found = await run_in_threadpool(
            self._panel.disarm, _camera(request), rule, float(minutes), why, by
        )
        return JSONResponse(found)

    async def arm(self, request: Request) -> Response:
        rule, by = request.path_params["rule"], admitted(request).visitor
        found = await run_in_threadpool(self._panel.arm, _camera(request), rule, by)
        return JSONResponse(found)

    async def reload(self, request: Request) -> Response:
        by = admitted(request).visitor
        return JSONResponse(await run_in_threadpool(self._panel.reload, by))


def _get(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, answer, methods=["GET"])


def _post(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, answer, methods=["POST"])


def _camera(request: Request) -> str:
    return str(request.path_params["camera"])


def _text(body: Json, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise Refused(400, f"{key}: expected a text")
    return value


def _block(body: Json, key: str) -> Json:
    value = body.get(key)
    if not isinstance(value, dict):
        raise Refused(400, f"{key}: expected an object")
    return value


def _refused(_: Request, why: Any) -> Response:
    return refused(why.status, str(why), **why.more)


def _failed(_: Request, why: Exception) -> Response:
    return refused(409, str(why))


def _http(_: Request, why: Any) -> Response:
    return refused(why.status_code, str(why.detail).lower())


def _fault(request: Request, why: Exception) -> Response:
    log.error("internal error at %s %s", request.method, request.url.path, exc_info=why)
    return refused(500, f"internal error: {type(why).__name__}; the journal has more")
