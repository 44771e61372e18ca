"""UUIDv7: identifiers that sort by time. Pure: time and randomness come in as arguments."""

from __future__ import annotations

from datetime import datetime, timezone


def uuid7(unix_ms: int, randomness: bytes) -> str:
    """Make a time-ordered identifier.

    Args:
        unix_ms: Milliseconds since 1970; the upper 48 bits.
        randomness: At least 10 bytes, of which 74 bits are used.

    Returns:
        The canonical text form, lower case.

    Raises:
        ValueError: Fewer than 10 random bytes, or a time that 48 bits cannot hold.

    Source:
        RFC 9562, section 5.7.
    """
    if len(randomness) < 10:
        raise ValueError(f"uuid7 needs 10 random bytes, got {len(randomness)}")
    if not 0 <= unix_ms < 1 << 48:
        raise ValueError(f"uuid7 needs a time from 1970 to year 10889, got {unix_ms} ms")
    rand_a = int.from_bytes(randomness[:2], "big") & 0x0FFF
    rand_b = int.from_bytes(randomness[2:10], "big") & (1 << 62) - 1
    value = unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def unix_ms(at: datetime) -> int:
    """Milliseconds since 1970 of an aware time, without a float's rounding."""
    since = at.astimezone(timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86400 + since.seconds) * 1000 + since.microseconds // 1000
