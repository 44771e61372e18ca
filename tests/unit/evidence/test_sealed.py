"""The form on the disk: it comes back, and nothing that was done to it goes unseen."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import EvidenceError, EvidenceInvalid, InputError
from edge.evidence.sealed import CHUNK, Key, Sealer, is_sealed, plain

KEY = Key(bytes(range(32)))
HEADER, SEALED_CHUNK = 48, CHUNK + 16
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def seal(content: bytes, step: int = 10_000, ref: str = "a.mp4", key: Key = KEY) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, key, ref)
    for at in range(0, len(content), step):
        sealer.write(content[at : at + step])
    sealer.finish()
    return out.getvalue()


def opened(folder: Path, sealed: bytes, ref: str = "a.mp4", offset: int = 0) -> bytes:
    file = folder / "x"
    file.write_bytes(sealed)
    return b"".join(plain(file, KEY, ref, offset))


@pytest.mark.parametrize("n", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_it_comes_back(tmp_path: Path, n: int) -> None:
    """Of any length, from any offset."""
    content = bytes(i % 251 for i in range(n))
    sealed = seal(content)
    assert opened(tmp_path, sealed) == content
    assert is_sealed(tmp_path / "x")
    for offset in {0, n // 2, max(0, n - 1), n}:
        assert opened(tmp_path, sealed, offset=offset) == content[offset:]


@same_folder
@given(place=st.integers(0, HEADER + 2 * SEALED_CHUNK + 1000 + 15), bit=st.integers(0, 7))
def test_a_changed_byte_is_found(tmp_path: Path, place: int, bit: int) -> None:
    """Wherever it is; where the mark of the form itself goes, the content is not the media."""
    content = bytes(2 * CHUNK + 1000)
    sealed = bytearray(seal(content))
    sealed[place % len(sealed)] ^= 1 << bit
    with suppress(EvidenceError):
        assert opened(tmp_path, bytes(sealed)) != content


def test_chunks_cannot_be_taken_out_moved_or_cut(tmp_path: Path) -> None:
    """Nor can one come from another file, nor the file take another's name."""
    sealed = seal(bytes(3 * CHUNK + 7))
    chunks = [sealed[at : at + SEALED_CHUNK] for at in range(HEADER, len(sealed), SEALED_CHUNK)]
    other = seal(bytes(3 * CHUNK + 7))[HEADER : HEADER + SEALED_CHUNK]
    head = sealed[:HEADER]
    changed = {
        "cut at a chunk": head + b"".join(chunks[:-1]),
        "cut inside": sealed[:-3],
        "nothing left": head,
        "left out": head + b"".join([chunks[0], *chunks[2:]]),
        "changed places": head + b"".join([chunks[1], chunks[0], *chunks[2:]]),
        "twice": head + b"".join([chunks[0], *chunks]),
        "added": sealed + b"x",
        "another's": head + b"".join([other, *chunks[1:]]),
        "half a header": sealed[:20],
    }
    for name, content in changed.items():
        with pytest.raises(EvidenceInvalid):
            pytest.fail(f"{name}: opened {len(opened(tmp_path, content))} bytes")
    with pytest.raises(EvidenceInvalid):
        opened(tmp_path, sealed, ref="b.mp4")


def test_keys(tmp_path: Path) -> None:
    """Raw, base64 or hexadecimal; from systemd's folders; never shown; else refused in words."""
    file = tmp_path / "evidence-key"
    folders = [tmp_path / "of another time", tmp_path]
    with pytest.raises(InputError, match="LoadCredentialEncrypted=evidence-key"):
        Key.from_credentials("evidence-key", folders)
    for content in (bytes(32), b"0" * 64 + b"\n", b"A" * 43 + b"="):
        file.write_bytes(content)
        assert Key.from_credentials("evidence-key", folders).id == Key(bytes(32)).id
    assert "00000000" not in repr(Key(bytes(32)))
    for content in (b"", b"short", b"not base64 at all, and not 32 bytes either"):
        file.write_bytes(content)
        with pytest.raises(InputError, match="openssl rand"):
            Key.read(file)
    with pytest.raises(InputError, match="No such file"):
        Key.read(tmp_path / "none")
