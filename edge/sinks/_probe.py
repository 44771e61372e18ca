"""Probe: one connection that changes nothing, to say whether a broker takes what we are to send."""

from __future__ import annotations

import time
from pathlib import Path
from random import SystemRandom

from edge.errors import SinkError
from edge.sinks import _words
from edge.sinks._address import Address
from edge.sinks._broker import BrokerOptions
from edge.sinks._session import Introduction, Session

CONNECT_S = 10.0
"""TCP, TLS and the broker's answer, each."""


def probe(
    options: BrokerOptions,
    folder: Path,
    timeout_s: float = CONNECT_S,
    *,
    address: Address | None = None,
    may_publish: str = "",
    may_subscribe: str = "",
) -> str | None:
    """Connect once, change nothing, and say what happened.

    Args:
        options: The broker.
        folder: What relative paths in `options` start from.
        timeout_s: Longest wait for each of TCP, TLS and the broker's answers.
        address: Which of its places; the preferred one if None.
        may_publish: Topic to which an empty message is sent, not retained, to learn whether the
            access list allows it; empty for none.
        may_subscribe: Topic filter to ask for, likewise.

    Returns:
        None where the broker accepted all of it; else why not, in words.
    """
    place = address or options.addresses[0]
    name = f"edge-probe-{SystemRandom().getrandbits(32):08x}"
    session = Session(options, place, folder, Introduction(name, is_brief=True))
    try:
        session.connect(timeout_s)
        deadline = time.monotonic() + timeout_s
        if may_subscribe:
            session.subscribe([may_subscribe])
        asked = session.publish(may_publish, b"", retain=False) if may_publish else 0
        acks = session.acks()
        while asked and not acks and time.monotonic() < deadline:
            session.serve(0.1)
            acks = session.acks()
    except SinkError as down:
        return str(down)
    finally:
        session.close(is_farewell=True)
    if asked and not acks:
        return f"{place.place} accepted the connection and confirmed no message"
    if asked and (code := acks[0][1]) >= 0x80:
        return f"{place.place} did not take {may_publish}: {_words.reason(code)}"
    if session.not_subscribed:
        return f"{place.place} refused to deliver {may_subscribe}: {session.not_subscribed}"
    return None
