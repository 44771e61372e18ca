"""Keeping: the vault of a configuration in service, with what looks after it and sends from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.config.schema import Evidence, Storage
from edge.errors import EdgeError
from edge.evidence.courier import Courier
from edge.evidence.keeper import Keeper
from edge.evidence.retention import Bounds
from edge.evidence.sealed import Key
from edge.evidence.sidecar import Media
from edge.evidence.vault import Record, Vault, unrecorded
from edge.runtime.clock import BoxClock

_GIB = 2**30


class Keeping:
    """Nothing, where the configuration keeps no evidence.

    Args:
        storage: What the configuration says.
        credentials: Folders of what systemd hands to the service; see `credential_folders`.
        record: The audit log.

    Attributes:
        key: What evidence is encrypted with; None where it is not, or there is no key.
    """

    def __init__(
        self, storage: Storage, credentials: Sequence[Path], record: Record = unrecorded
    ) -> None:
        self.key: Key | None = None
        self._keeper: Keeper | None = None
        self._couriers: list[Courier] = []
        evidence = storage.evidence
        if evidence is None:
            return
        no_key = ""
        if evidence.encryption is not None:
            try:
                self.key = Key.from_credentials(evidence.encryption.key_name, credentials)
            except EdgeError as exc:
                no_key = str(exc)
        clock = BoxClock()
        vault = Vault(storage.path / "evidence", key=self.key, record=record)
        self._keeper = Keeper(
            vault, bounds_of(evidence), no_key=no_key, clock_doubt=lambda: clock.doubt
        )
        self._couriers = [
            Courier(name, options, Vault(vault.folder, key=self.key, record=record))
            for name, options in evidence.upload.items()
        ]

    @property
    def trouble(self) -> str:
        """Why evidence is not kept as configured, in words; empty while it is."""
        return f"evidence: {self._keeper.trouble}" if self._keeper and self._keeper.trouble else ""

    def refusal(self, camera: str, media: Media) -> str:
        """Why no evidence of a kind is taken for a camera now; empty where it is."""
        return self._keeper.refusal(camera, media) if self._keeper else "none is to be kept"

    def start(self) -> None:
        """Begin to look after it, and to send."""
        for part in (self._keeper, *self._couriers):
            if part is not None:
                part.start()

    def close(self) -> None:
        """End; what is under way is gone on with at the next start."""
        for part in (self._keeper, *self._couriers):
            if part is not None:
                part.request_stop()
        for part in (self._keeper, *self._couriers):
            if part is not None:
                part.close()


def bounds_of(evidence: Evidence) -> Bounds:
    """The bounds of a configuration."""
    each = evidence.max_gib_per_camera
    return Bounds(
        max_bytes=int(evidence.max_gib * _GIB),
        keep_days=evidence.keep_days,
        keep_days_by_purpose=evidence.keep_days_by_purpose,
        max_bytes_per_camera=int(each * _GIB) if each is not None else None,
        max_bytes_by_camera={
            camera: int(most * _GIB) for camera, most in evidence.max_gib_by_camera.items()
        },
        min_free_bytes=int(evidence.min_free_gib * _GIB),
    )
