"""Audit: the append-only log that others can check. docs/audit.md describes it to the byte.

Boundary: files below `storage.path/audit`. Nothing here knows a broker, a configuration or a
camera; the runtime joins them. Parts:

    _merkle   the tree and its proofs      _record   one record, canonical, and its personal part
    _note     signed heads, cosignatures   _keys     Ed25519
    _folder   how it lies on disk          _log      the writer
    _verify   the checker                  _segment  one file of it
    _erase    personal parts               _witness  what signs beside the box
    _inbox    what commands leave to be recorded
    _excerpt  some records with their proofs
"""

from __future__ import annotations

from edge.audit._erase import erase
from edge.audit._excerpt import Excerpt, excerpt, is_signed
from edge.audit._folder import FOLDER, PRIVATE_KEY, log_keys, read
from edge.audit._inbox import collect, leave
from edge.audit._log import AuditLog
from edge.audit._lookup import has_event, heard_cosignature, last_number
from edge.audit._note import Head, PublicKey, parse_head, parse_key
from edge.audit._record import KINDS, PERSONAL, Record
from edge.audit._segment import Finding
from edge.audit._verify import Verdict, head_in, verify
from edge.audit._witness import (
    Proof,
    ProofMissing,
    Refused,
    Witness,
    decoded_proofs,
    offered,
    proofs_of,
)

__all__ = [
    "FOLDER",
    "KINDS",
    "PERSONAL",
    "PRIVATE_KEY",
    "AuditLog",
    "Excerpt",
    "Finding",
    "Head",
    "Proof",
    "ProofMissing",
    "PublicKey",
    "Record",
    "Refused",
    "Verdict",
    "Witness",
    "collect",
    "decoded_proofs",
    "erase",
    "excerpt",
    "has_event",
    "head_in",
    "heard_cosignature",
    "is_signed",
    "last_number",
    "leave",
    "log_keys",
    "offered",
    "parse_head",
    "parse_key",
    "proofs_of",
    "read",
    "verify",
]
