"""Every kind of delivery, against a real server: whole, resumed, verified, or said why not."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from edge.errors import DeliveryFailed
from edge.evidence.courier import Courier
from edge.evidence.delivery import Delivery, DeliveryOptions, Pace, Parcel
from edge.evidence.delivery.s3 import PART
from edge.evidence.sealed import Key
from edge.evidence.vault import Vault
from edge.options import kinds
from tests.cut_link import cut_link
from tests.storage_servers import Moto, OtherSide, Sshd, WebServer, moto, sshd, web_server
from tests.unit.evidence.sidecar_builder import NOON, event_id, keep

pytestmark = pytest.mark.network

KINDS = ["https", "s3", "sftp"]
BIG = os.urandom(PART + 300_000)
FREELY = Pace(None)


@contextmanager
def opened(options: DeliveryOptions) -> Iterator[Delivery]:
    """The way to a server, closed at the end."""
    way = options.open()
    try:
        yield way
    finally:
        way.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, OtherSide]]:
    with moto() as s3, sshd(tmp_path_factory.mktemp("sshd")) as sftp, web_server() as https:
        yield {"s3": s3, "sftp": sftp, "https": https}


@pytest.fixture(params=KINDS)
def other(request: pytest.FixtureRequest, servers: dict[str, OtherSide]) -> OtherSide:
    return servers[request.param]


def a_parcel(name: str, content: bytes) -> Parcel:
    def read(offset: int) -> Iterator[bytes]:
        for at in range(offset, len(content), 1 << 16):
            yield content[at : at + (1 << 16)]

    return Parcel(name, len(content), hashlib.sha256(content).hexdigest(), read)


def test_every_kind_is_tested() -> None:
    """A new kind needs a server here."""
    assert list(kinds("edge.evidence.delivery")) == KINDS


@pytest.mark.parametrize("size", [0, 1, 70_000, len(BIG)])
def test_it_arrives_as_it_was_sent(other: OtherSide, size: int) -> None:
    """Of any size, into folders that were not there; a second time too."""
    name = f"2026-11-23/north/{size}.mp4"
    with opened(other.options(other.port)) as way:
        for _ in range(2):
            way.send(a_parcel(name, BIG[:size]), FREELY)
    assert other.read(name) == BIG[:size]


def test_a_link_that_is_cut_is_gone_on_with(other: OtherSide) -> None:
    """What arrived before the cut is not sent again, and the name appears at the end alone."""
    with cut_link(other.port) as link, opened(other.options(link.port)) as way:
        parcel = a_parcel("cut/clip.mp4", BIG)
        link.cut_at = PART + 200_000
        with pytest.raises(DeliveryFailed, match=r"clip\.mp4 was not sent"):
            way.send(parcel, FREELY)
        assert other.read("cut/clip.mp4") is None
        before, link.cut_at = link.n_up, None
        way.send(parcel, FREELY)
        assert other.read("cut/clip.mp4") == BIG
        assert link.n_up - before < len(BIG) - PART // 2


def test_what_changed_on_the_other_side_is_found(other: OtherSide) -> None:
    """It never gets its name as it is; another attempt brings it whole."""
    with cut_link(other.port) as link, opened(other.options(link.port)) as way:
        parcel = a_parcel("spoilt/clip.mp4", BIG)
        link.cut_at = link.n_up + PART + 200_000
        with pytest.raises(DeliveryFailed):
            way.send(parcel, FREELY)
        link.cut_at = None
        assert other.spoil("spoilt/clip.mp4")
        if not isinstance(other, Moto):  # S3 tells the MD5 of a part, so only that one goes again
            with pytest.raises(DeliveryFailed, match="arrived changed"):
                way.send(parcel, FREELY)
        way.send(parcel, FREELY)
        assert other.read("spoilt/clip.mp4") == BIG


def test_it_keeps_below_its_rate(other: OtherSide) -> None:
    """By a clock that only moves while it waits: 8 MiB at 8 Mbit/s take 8 s, less a second."""
    waited = [0.0]

    def wait(seconds: float) -> None:
        waited[0] += seconds

    pace = Pace(1_000_000, lambda: waited[0], wait)
    with opened(other.options(other.port)) as way:
        way.send(a_parcel("slow/clip.mp4", BIG), pace)
    assert waited[0] == pytest.approx(len(BIG) / 1e6, abs=1.1)


def test_nobody_there(other: OtherSide) -> None:
    """It fails in words that name the place and no secret."""
    with cut_link(other.port) as link:
        closed = link.port
    words = f"127.0.0.1:{closed}.*x.jpg was not sent"
    with (
        opened(other.options(closed)) as way,
        pytest.raises(DeliveryFailed, match=words) as failed,
    ):
        way.send(a_parcel("x.jpg", b"x"), FREELY)
    assert "SECRET-TEXT" not in str(failed.value) + repr(other.options(1))


def test_a_machine_with_another_key_gets_nothing(servers: dict[str, OtherSide]) -> None:
    """Whoever stands in between is not trusted."""
    other = servers["sftp"]
    assert isinstance(other, Sshd)
    own = " ".join((other.folder / "own.pub").read_text().split()[:2])
    with (
        opened(other.options(other.port, host_key=own)) as way,
        pytest.raises(DeliveryFailed, match="not `host_key`; nothing was sent"),
    ):
        way.send(a_parcel("other-key.jpg", b"x"), FREELY)
    assert other.read("other-key.jpg") is None


def test_logins_that_are_refused(servers: dict[str, OtherSide]) -> None:
    """Said as such, without the secret."""
    wrong = {"https": {"token": "WRONG-TEXT"}, "sftp": {"user": "nobody-here"}}
    for kind, changes in wrong.items():
        other = servers[kind]
        with (
            opened(other.options(other.port, **changes)) as way,
            pytest.raises(DeliveryFailed, match=r"401|[Aa]uthentication") as failed,
        ):
            way.send(a_parcel("refused.jpg", b"x"), FREELY)
        assert "WRONG-TEXT" not in str(failed.value)


@pytest.mark.parametrize(
    ("states", "is_readable", "words"),
    [(True, False, ""), (False, True, ""), (False, False, "cannot be told")],
)
def test_a_web_server_must_prove_that_it_arrived(
    servers: dict[str, OtherSide], states: bool, is_readable: bool, words: str
) -> None:
    """By stating a digest or by giving it back; silence is no proof."""
    server = servers["https"]
    assert isinstance(server, WebServer)
    server.states, server.is_readable = states, is_readable
    failing: AbstractContextManager[object]
    failing = pytest.raises(DeliveryFailed, match=words) if words else nullcontext()
    try:
        with opened(server.options(server.port)) as way, failing:
            way.send(a_parcel("proof.jpg", b"x"), FREELY)
    finally:
        server.states = server.is_readable = True


def test_a_web_server_that_cannot_resume_gets_it_anew(servers: dict[str, OtherSide]) -> None:
    """Whole, in one go."""
    server = servers["https"]
    assert isinstance(server, WebServer)
    server.resumes = False
    try:
        with opened(server.options(server.port)) as way:
            way.send(a_parcel("anew.mp4", BIG), FREELY)
    finally:
        server.resumes = True
    assert server.read("anew.mp4") == BIG


def test_the_courier(other: OtherSide, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Media, then the sidecar; nothing twice, also after a restart; it goes on after a cut."""
    content = os.urandom(200_000)
    keep(tmp_path, 1, content)
    keep(tmp_path, 2, b"two", media="snapshot")
    keep(tmp_path, 3, b"three", media="clean")
    vault = Vault(tmp_path)
    with cut_link(other.port) as link:
        options = other.options(link.port, media=("clip", "snapshot"))
        courier = Courier("archive", options, vault)
        link.cut_at = 100_000
        with caplog.at_level(logging.ERROR):
            assert 0.5 <= courier.round() <= 1.0
            courier.round()
        assert len(caplog.records) == 1
        link.cut_at = None
        courier.round()
        courier.close()
        for item in vault.scan()[0]:
            name = item.path.relative_to(tmp_path).as_posix()
            is_sent = item.sidecar.media != "clean"
            assert (other.read(name) == item.path.read_bytes()) == is_sent
            assert (other.read(name + ".json") == item.sidecar_path.read_bytes()) == is_sent
            assert vault.sent_to(item) == (["archive"] if is_sent else [])
        before = link.n_up
        again = Courier("archive", options, Vault(tmp_path))
        again.round()
        again.close()
        assert link.n_up == before
    items, _ = vault.scan()
    assert vault.erase(items[0], "days", NOON)
    assert not list(tmp_path.rglob(f"{items[0].sidecar.ref}*"))
    assert next(vault.erased()).sent == "archive"


def test_only_what_is_held_and_decrypted(servers: dict[str, OtherSide], tmp_path: Path) -> None:
    """By the policy `held`; what is encrypted here arrives as it was made."""
    other = servers["sftp"]
    made = [keep(tmp_path, n, os.urandom(100_000), begin=NOON + timedelta(days=9)) for n in (7, 8)]
    vault = Vault(tmp_path, key=Key(bytes(32)))
    for item in vault.scan()[0]:
        vault.seal(item)
    vault.hold(event_id(8), "A", "case", NOON)
    courier = Courier("police", other.options(other.port, when="held"), vault)
    courier.round()
    courier.close()
    arrived = other.read(f"2026-12-02/north/{made[1].ref}")
    assert arrived is not None
    assert hashlib.sha256(arrived).hexdigest() == made[1].sha256
    assert other.read(f"2026-12-02/north/{made[0].ref}") is None
