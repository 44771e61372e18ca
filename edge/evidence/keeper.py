"""Keeper: looks after the vault while the box watches, and never stands in its way.

Boundary: the one thread that keeps evidence within its bounds. Whoever makes evidence asks
`refusal` first; nothing here blocks, raises into or slows the path from packet to event.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.errors import EdgeError
from edge.evidence.holds import is_held
from edge.evidence.item import Item
from edge.evidence.retention import Bounds, doomed, total, withheld
from edge.evidence.sidecar import Media
from edge.evidence.vault import Vault

log = logging.getLogger("edge.evidence.keeper")

EVERY_S = 5.0
SWEEP_EVERY = timedelta(hours=1)


class Keeper:
    """Keeps one vault.

    Args:
        vault: What to keep.
        bounds: Within which bounds.
        no_key: Why there is no key although there must be one; empty where all is well.
        clock_doubt: Tells why the box does not know the time; empty while it does.
        free_bytes: Tells what is free on the disk of a folder.
    """

    def __init__(
        self,
        vault: Vault,
        bounds: Bounds,
        *,
        no_key: str = "",
        clock_doubt: Callable[[], str] = str,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._vault = vault
        self._bounds = bounds
        self._no_key = no_key
        self._clock_doubt = clock_doubt
        self._free_bytes = free_bytes
        self._withheld: list[Media] = []
        self._trouble = f"no evidence is kept: {no_key}" if no_key else ""
        self._swept_at: datetime | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """What of evidence is not done as configured, in words; empty while all is well."""
        return self._trouble

    def refusal(self, _camera: str, media: Media) -> str:
        """Why no evidence of this kind is taken for a camera now, in words; empty where it is."""
        return self._trouble if self._no_key or media in self._withheld else ""

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="evidence-keeper", daemon=True)
        self._thread.start()

    def request_stop(self) -> None:
        """End soon."""
        self._stop.set()

    def close(self) -> None:
        """End; what is being erased is erased whole."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.tick(datetime.now(timezone.utc))
            self._stop.wait(EVERY_S)

    def tick(self, now: datetime) -> None:
        """Look once: seal, sweep, erase, and say what is withheld.

        Args:
            now: UTC.
        """
        try:
            self._vault.folder.mkdir(parents=True, exist_ok=True)
            trouble = self._look(now)
        except (EdgeError, OSError) as exc:
            trouble = f"evidence is not looked after: {exc}"
        if self._no_key:
            trouble = f"no evidence is kept: {self._no_key}"
        if trouble != self._trouble:
            log.log(logging.ERROR if trouble else logging.INFO, "%s", trouble or "evidence is well")
        self._trouble = trouble

    def _look(self, now: datetime) -> str:
        vault, bounds = self._vault, self._bounds
        items, broken = vault.scan()
        troubles = self._seal(items)
        if self._swept_at is None or not timedelta(0) <= now - self._swept_at < SWEEP_EVERY:
            vault.sweep(now)
            self._swept_at = now
        holds = vault.holds()
        free = self._free_bytes(vault.folder)
        leaving = doomed(items, lambda sidecar: is_held(sidecar, holds), bounds, now, free)
        if doubt := self._clock_doubt():
            # A clock that is years ahead must not erase everything; the quotas hold all the same.
            if any(why == "days" for _, why in leaving):
                troubles.append(f"what is over its days is not erased: {doubt}")
            leaving = doomed(items, lambda sidecar: is_held(sidecar, holds), bounds, None, free)
        gone = [item for item, why in leaving if vault.erase(item, why, now)]
        if gone:
            log.info("%d pieces of evidence erased, %.1f MiB", len(gone), total(gone) / 2**20)
        taken = total(items) - total(gone)
        free = self._free_bytes(vault.folder)
        self._withheld = withheld(free, bounds.min_free_bytes, self._withheld)
        # Words without figures: a condition that lasts must read the same at each look.
        if taken > bounds.max_bytes:
            self._withheld = ["clean", "clip", "snapshot"]
            most = bounds.max_bytes >> 20
            troubles.append(f"what is on legal hold fills the {most} MiB, so no more is kept")
        elif self._withheld:
            troubles.append(
                f"less than {bounds.min_free_bytes >> 20} MiB are free on the disk, so these are "
                f"not kept: {', '.join(self._withheld)}"
            )
        if broken:
            troubles.append(
                f"{len(broken)} pieces of evidence are damaged, the first: {broken[0].why}"
            )
        return "; ".join(troubles)

    def _seal(self, items: list[Item]) -> list[str]:
        failed = []
        for item in items:
            try:
                self._vault.seal(item)
            except (EdgeError, OSError) as exc:
                failed.append(f"{item.path.name} is not encrypted: {exc}")
        return failed[:1]
