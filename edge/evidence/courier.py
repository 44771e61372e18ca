"""Courier: sends evidence to one other side, by policy or on command; the one that tries again.

Boundary: joins the vault and a delivery. The media go first, the sidecar last: on the other side
too, an item is there only whole. What was sent has a mark beside it, so a restart sends nothing
twice.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from datetime import datetime, timezone

from edge.backoff import back_off_s
from edge.errors import EdgeError
from edge.evidence.delivery import DeliveryOptions, Parcel
from edge.evidence.holds import is_held
from edge.evidence.item import Item
from edge.evidence.vault import Vault

log = logging.getLogger("edge.evidence.courier")

EVERY_S = 10.0


class Courier:
    """Sends to one other side.

    Args:
        name: What the configuration calls it.
        options: Where it is, and what goes there.
        vault: Where evidence is.
    """

    def __init__(self, name: str, options: DeliveryOptions, vault: Vault) -> None:
        self.name = name
        self._options = options
        self._vault = vault
        self._delivery = options.open()
        self._pace = options.pace
        self._failures = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread of its own; nothing goes by itself where `when` says `command`."""
        if self._options.when != "command":
            title = f"evidence-courier-{self.name}"
            self._thread = threading.Thread(target=self._run, name=title, daemon=True)
            self._thread.start()

    def request_stop(self) -> None:
        """End soon."""
        self._stop.set()

    def close(self) -> None:
        """End; what is under way is gone on with another time."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
        self._delivery.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self.round())

    def round(self) -> float:
        """Send what is due, the oldest first; one failure ends the round.

        Returns:
            Seconds to wait before the next.
        """
        try:
            for item in self.due():
                if self._stop.is_set():
                    break
                self.send(item)
                if self._failures:
                    log.info("evidence goes to %s again", self._delivery.place)
                self._failures = 0
            self._delivery.close()  # until there is more: an idle link is lost unnoticed
        except (EdgeError, OSError) as exc:
            self._failures += 1
            # The first time, and then once in about an hour.
            level = logging.ERROR if self._failures % 60 == 1 else logging.DEBUG
            log.log(level, "evidence is not sent, attempt %d: %s", self._failures, exc)
            return back_off_s(self._failures)
        return EVERY_S

    def due(self) -> list[Item]:
        """What is to go by the policy and has not gone, the oldest first."""
        holds = self._vault.holds() if self._options.when == "held" else {}
        return [
            item
            for item in self._vault.scan()[0]
            if item.sidecar.media in self._options.media
            and (self._options.when == "always" or is_held(item.sidecar, holds))
            and self.name not in item.sent
        ]

    def send(self, item: Item) -> None:
        """Send one, whether it is due or not.

        Raises:
            EvidenceError: It is damaged, or did not arrive.
        """
        place = item.path.relative_to(self._vault.folder).as_posix()
        said = item.sidecar
        media = Parcel(place, said.bytes, said.sha256, lambda at: self._vault.open(item, at))
        self._delivery.send(media, self._pace)
        text = item.sidecar_path.read_bytes()
        digest = hashlib.sha256(text).hexdigest()
        sidecar = Parcel(place + ".json", len(text), digest, lambda at: iter([text[at:]]))
        self._delivery.send(sidecar, self._pace)
        self._vault.note_sent(item, self.name, self._delivery.place, datetime.now(timezone.utc))
