"""Access: who may ask what. The gate every request passes before anything else of the page.

With no user made, whoever is on the box itself is technician `local`; a name other than the box's
own in `Host` is refused then, or a page from elsewhere could be made to speak for them. As soon as
there is a user, everybody logs in. A change needs a technician and the session's token.

Source:
    OWASP Cross-Site Request Forgery and Session Management cheat sheets.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.config.schema import is_loopback
from edge.errors import InputError
from edge.web import Visitor
from edge.web.sessions import Session, Sessions
from edge.web.users import Role, Users

COOKIE = "edge_session"
LOCAL = "local"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_ASKS_ITSELF = frozenset({"/api/login", "/api/session"})
_FOR_ANYBODY_IN = frozenset({"/api/logout"})
_TECHNICIANS_ONLY = frozenset({"/api/doctor"})
_CHANGING = frozenset({"POST", "PUT", "DELETE", "PATCH"})
# A page left open on a tablet asks for these by itself: they show nobody is there.
_UNATTENDED = ("/api/box", "/api/events", "/recent", "/live", "/tracks", "/picture")


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the rest of the page knows of who asks.

    Attributes:
        visitor: Who.
        is_open: Tells whether they would still be let in; for what lasts, such as a picture.
    """

    visitor: Visitor
    is_open: Callable[[], bool]


class Access:
    """Wraps the page.

    Args:
        app: The page.
        users: Who may log in.
        sessions: Who has.
        is_loopback: The page listens on the box alone.
        is_tls: What is sent is encrypted.
    """

    def __init__(
        self, app: ASGIApp, users: Users, sessions: Sessions, *, is_loopback: bool, is_tls: bool
    ) -> None:
        self._app = app
        self._users = users
        self.sessions = sessions
        self._is_loopback = is_loopback
        self.is_tls = is_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            return
        request = Request(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers["Cache-Control"] = (
                    "no-store" if request.url.path.startswith("/api") else "no-cache"
                )
            await send(message)

        refusal = self._refusal(request, scope)
        await (refusal or self._app)(scope, receive, guarded)

    def begin(self, user: str, role: Role, answer: Response, kept: str = "") -> Session:
        """Open a session, and have the browser hold it."""
        now = time.monotonic()
        token = self.sessions.begin(user, role, now, kept)
        answer.set_cookie(
            COOKIE, token, path="/", httponly=True, samesite="strict", secure=self.is_tls
        )
        session = self.sessions.find(token, now)
        assert session is not None
        return session

    def session(self, request: Request, *, touch: bool = True) -> Session | None:
        """Whose session a request belongs to, if they may still come in; None else.

        Raises:
            InputError: The users' file cannot be used.
        """
        token = request.cookies.get(COOKIE, "")
        now = time.monotonic()
        find = self.sessions.find if touch else self.sessions.peek
        session = find(token, now) if token else None
        if session is None:
            return None
        users = {user.name: (user.role, user.hash) for user in self._users.all()}
        is_known = users.get(session.user) == (session.role, session.kept)
        if is_known or (session.user == LOCAL and self.is_local):
            return session
        self.sessions.end(token)
        return None

    @property
    def is_local(self) -> bool:
        """Nobody has to log in: there is no user, and only the box itself is answered."""
        return self._is_loopback and not self._users.all()

    def _refusal(self, request: Request, scope: Scope) -> Response | None:
        """Why a request is not let through; None where it is, and the scope says who asks."""
        path = request.url.path
        is_change = request.method in _CHANGING
        refusal = self._wrong_place(request, is_change=is_change)
        if refusal is not None or not path.startswith("/api/") or path in _ASKS_ITSELF:
            return refusal
        try:
            is_local = self.is_local
            session = self.session(request, touch=not path.endswith(_UNATTENDED))
        except InputError as why:
            return refused(503, str(why))
        if session is not None:
            refusal = _forbidden(request, session, is_change=is_change)
            if refusal is not None:
                return refusal
        elif is_change or not is_local:
            return refused(401, "log in first")
        scope["admitted"] = self._admitted(request, session)
        return None

    def _admitted(self, request: Request, session: Session | None) -> Admitted:
        def is_open() -> bool:
            try:
                return self.is_local or self.session(request, touch=False) is not None
            except InputError:
                return False

        address = request.client.host if request.client else "?"
        user, role = (session.user, session.role) if session else (LOCAL, "")
        return Admitted(Visitor(user, address, role), is_open)

    def _wrong_place(self, request: Request, *, is_change: bool) -> Response | None:
        """Refuse what another page has a browser ask; None where it asks for itself."""
        if self._is_loopback and not is_loopback(request.url.hostname or ""):
            return refused(403, "this page is for this box alone: http://127.0.0.1")
        site = request.headers.get("sec-fetch-site", "none")
        if is_change and site not in {"same-origin", "none"}:
            return refused(403, f"a request from another page ({site}) changes nothing here")
        return None


def _forbidden(request: Request, session: Session, *, is_change: bool) -> Response | None:
    """Why somebody who is in may not do this; None where they may."""
    path = request.url.path
    if is_change:
        token = request.headers.get("x-edge-csrf", "")
        if not secrets.compare_digest(token.encode(), session.csrf.encode()):
            return refused(403, "the request lacks the session's X-Edge-CSRF; load the page anew")
    needs_technician = path in _TECHNICIANS_ONLY or (is_change and path not in _FOR_ANYBODY_IN)
    if needs_technician and session.role != "technician":
        return refused(403, f"{session.user} is a viewer; this needs a technician")
    return None


def refused(status: int, why: str, **more: Any) -> JSONResponse:
    """An answer that says no, in words."""
    return JSONResponse({"error": why, **more}, status)


def admitted(request: Request) -> Admitted:
    """Who asks."""
    found: Admitted = request.scope["admitted"]
    return found
