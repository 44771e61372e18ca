"""Login: names and passwords, one try at a time."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.errors import InputError
from edge.web import Json, Panel, Refused, bodies
from edge.web.access import COOKIE, LOCAL, Access, refused
from edge.web.sessions import Brake, Session
from edge.web.users import Users

log = logging.getLogger("edge.web")

MOST_LOGIN = 4096
MOST_WAITING = 8
"""Tries that wait for the one being checked; each check takes a tenth of a second and 32 MiB."""


class Login:
    """Opens and ends sessions.

    Args:
        panel: Says which box this is.
        users: Who may log in.
        brake: Against guessing.
        access: Where sessions are.
    """

    def __init__(self, panel: Panel, users: Users, brake: Brake, access: Access) -> None:
        self._panel = panel
        self._users = users
        self._brake = brake
        self._access = access
        self._one_at_a_time: asyncio.Lock | None = None
        self._n_waiting = 0

    def routes(self) -> list[Route]:
        """Its addresses."""
        return [
            Route("/api/session", self.session, methods=["GET"]),
            Route("/api/login", self.login, methods=["POST"]),
            Route("/api/logout", self.logout, methods=["POST"]),
        ]

    async def session(self, request: Request) -> Response:
        """Who this browser is logged in as; on the box itself, without users, `local`."""
        try:
            session, is_local = self._access.session(request), self._access.is_local
        except InputError as why:
            raise Refused(503, str(why)) from why
        if session is not None:
            return JSONResponse(self._told(session))
        if not is_local:
            return refused(401, "log in first")
        answer = JSONResponse({})
        session = self._access.begin(LOCAL, "technician", answer)
        return self._with(answer, session)

    async def login(self, request: Request) -> Response:
        """Check a password."""
        body = await bodies.said(request, MOST_LOGIN)
        user, password = body.get("user"), body.get("password")
        if not isinstance(user, str) or not isinstance(password, str):
            raise Refused(400, "expected user and password")
        if self._n_waiting >= MOST_WAITING:
            raise Refused(429, "too many log in at once; try again", wait_s=5)
        # Checked one after the other: a thousand tries at once would all find the brake off.
        self._one_at_a_time = self._one_at_a_time or asyncio.Lock()
        self._n_waiting += 1
        try:
            async with self._one_at_a_time:
                return await self._checked(request, user, password)
        finally:
            self._n_waiting -= 1

    async def logout(self, request: Request) -> Response:
        """End the session."""
        self._access.sessions.end(request.cookies.get(COOKIE, ""))
        answer = JSONResponse({})
        answer.delete_cookie(
            COOKIE, path="/", httponly=True, samesite="strict", secure=self._access.is_tls
        )
        return answer

    async def _checked(self, request: Request, user: str, password: str) -> Response:
        address = request.client.host if request.client else "?"
        names = (f"user {user[:64]}", f"address {address}")
        wait_s = self._brake.wait_s(time.monotonic(), *names)
        if wait_s > 0:
            wait = math.ceil(wait_s)
            raise Refused(429, f"too many wrong passwords; wait {wait} s", wait_s=wait)
        try:
            found = await run_in_threadpool(self._users.check, user, password)
        except InputError as why:
            raise Refused(503, str(why)) from why
        if found is None:
            self._brake.wrong(time.monotonic(), *names)
            log.warning("login refused for %.64r from %s", user, address)
            raise Refused(401, "no such user, or not their password")
        self._brake.right(*names)
        log.info("%s (%s) logged in as %s", found.name, address, found.role)
        answer = JSONResponse({})
        return self._with(answer, self._access.begin(found.name, found.role, answer, found.hash))

    def _with(self, answer: JSONResponse, session: Session) -> JSONResponse:
        """The same answer, cookie and all, that tells of the session."""
        answer.body = answer.render(self._told(session))
        answer.headers["content-length"] = str(len(answer.body))
        return answer

    def _told(self, session: Session) -> Json:
        told: Json = {"user": session.user, "role": session.role, "csrf": session.csrf}
        return {**told, **self._panel.name()}
