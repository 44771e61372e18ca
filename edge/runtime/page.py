"""Page: the device page, open or not as the configuration says. It never stops the watching."""

from __future__ import annotations

import hashlib
import logging
import secrets
from pathlib import Path

from edge.config import Config
from edge.config.schema import Web, is_loopback
from edge.errors import EdgeError
from edge.runtime.panel import LocalPanel
from edge.web.app import create_app
from edge.web.server import Address, PageUnavailable, Server
from edge.web.sessions import Brake, Sessions
from edge.web.users import Users

log = logging.getLogger("edge.web")


class Page:
    """The page of one box.

    Args:
        panel: What it shows and does.

    Attributes:
        trouble: Why it is not open, in words; empty where it is, or is not to be.
    """

    def __init__(self, panel: LocalPanel) -> None:
        self.panel = panel
        self.trouble = ""
        self._sessions = Sessions(lambda: secrets.token_urlsafe(32))
        self._brake = Brake()
        self._server: Server | None = None
        self._opened = ""  # with these options, certificates included

    @property
    def url(self) -> str:
        """Where it is; empty where it is not open."""
        return self._server.url if self._server and self._server.is_open else ""

    def follow(self, config: Config) -> None:
        """Open, close or leave it, as a configuration says."""
        web = config.appliance.web
        wanted = _fingerprint(web) if web else ""
        if wanted == self._opened and (not web or self.url):
            return
        self.close()
        self._opened = wanted
        if web is None:
            return
        try:
            self._server = self._open(web, config.appliance.storage.path)
        except EdgeError as why:
            self.trouble = str(why)
            log.error("the device page is not open; watching goes on: %s", why)
        except Exception:  # a fault of ours in the page must not end the watching
            self.trouble = "internal error; the journal has more"
            log.exception("the device page is not open; watching goes on")
        else:
            log.info("the device page is at %s", self.url)

    def close(self) -> None:
        """Close it; safe to call twice."""
        self.trouble = ""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _open(self, web: Web, storage: Path) -> Server:
        host, port = web.place
        users = Users(storage)
        is_tls = web.cert_file is not None and web.key_file is not None
        is_here = is_loopback(host)
        if not is_here and not (is_tls and users.all()):
            raise PageUnavailable(f"web.listen: {web.listen}: {ONLY_WITH}")
        app = create_app(
            self.panel, users, self._sessions, self._brake, is_loopback=is_here, is_tls=is_tls
        )
        address = (
            Address(host, port, web.cert_file, web.key_file) if is_tls else Address(host, port)
        )
        return Server(app, address)


ONLY_WITH = (
    "others than this box reach it, so it needs web.cert_file, web.key_file and a user; "
    "`edge check` has the commands"
)


def _fingerprint(web: Web) -> str:
    """Differs when the page has to be opened anew: also for a certificate that was renewed."""
    digest = hashlib.sha256(web.model_dump_json().encode())
    for file in (web.cert_file, web.key_file):
        try:
            digest.update(file.read_bytes() if file else b"")
        except OSError:
            digest.update(b"?")
    return digest.hexdigest()
