"""A box gets its identity: by hand, or from an authority over the network."""

from __future__ import annotations

import os
import select
import stat
import subprocess
import sys
import termios
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge.cli import main
from edge.errors import InputError
from edge.identity.certificate import judge, read_certificates
from edge.identity.key import make_key, read_key, request
from edge.web.users import Users
from tests.unit.identity.authority import NOW, Authority, est

APPLIANCE = """
version: 1
site: test
node: cabinet-017
mqtt: {url: "mqtts://hub.example:8883", ca_file: tls/ca.pem}
storage: {path: STATE}
detectors: {street: {kind: motion}}
"""
CAMERA = """
version: 1
camera: yard
source: {kind: rtsp, url: "rtsp://127.0.0.1/stream"}
analyse: {detector: street}
"""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("CCTV authority")


@pytest.fixture
def box(tmp_path: Path, authority: Authority) -> Path:
    """A configuration that trusts the authority."""
    folder = tmp_path / "etc"
    (folder / "cameras").mkdir(parents=True)
    (folder / "tls").mkdir()
    (folder / "tls/ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (folder / "appliance.yaml").write_text(APPLIANCE.replace("STATE", str(tmp_path / "var")))
    (folder / "cameras/yard.yaml").write_text(CAMERA)
    return folder


def provision(box: Path, action: str, *more: object) -> int:
    return main(["provision", action, "--config", str(box), *map(str, more)])


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_a_key_stays_and_a_certificate_comes(
    box: Path, authority: Authority, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Openssl reads the request; the key is 0600, is made once, and is in no output."""
    assert provision(box, "request", "--kind", kind) == 0
    said = capsys.readouterr()
    assert "PRIVATE" not in said.out + said.err
    command = ["openssl", "req", "-verify", "-noout", "-subject"]
    done = subprocess.run(command, input=said.out, capture_output=True, text=True, check=True)
    assert "CN = cabinet-017" in done.stdout
    key = box / "tls/node.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    assert provision(box, "request") == 0
    assert key.read_bytes() == before
    signed = authority.sign(x509.load_pem_x509_csr(said.out.encode()))
    (box / "answer.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    assert provision(box, "import", box / "answer.pem") == 0
    assert "cabinet-017, valid until 2036-" in capsys.readouterr().out
    assert read_certificates((box / "tls/node.pem").read_bytes(), "") == [signed]


def test_a_refused_certificate_leaves_the_one_in_use(
    box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and what is wrong in words."""
    make_key(box / "tls/node.key", "p256")
    (box / "tls/node.pem").write_text("in use")
    other = make_key(tmp_path / "other.key", "p256")
    stranger = Authority("stranger").sign(request(other, "cabinet-017"))
    (box / "answer.pem").write_bytes(stranger.public_bytes(Encoding.PEM))
    assert provision(box, "import", box / "answer.pem") == 2
    assert "none of the certificates is for this box's key" in capsys.readouterr().err
    assert (box / "tls/node.pem").read_text() == "in use"


def test_a_chain_is_put_in_order(tmp_path: Path, authority: Authority) -> None:
    """Own first, as TLS wants it; the authority itself is left out."""
    between = Authority("issuing", authority)
    key = make_key(tmp_path / "key", "p256")
    own = between.sign(request(key, "cabinet-017"))
    sent = [authority.certificate, between.certificate, own]
    identity = judge(sent, [authority.certificate], key, "cabinet-017", NOW)
    assert identity.chain == (own, between.certificate)
    with pytest.raises(InputError, match="issued by CN=issuing, this box trusts CN=CCTV"):
        judge([own], [authority.certificate], key, "cabinet-017", NOW)
    # A box's own certificate vouches for nobody.
    leaf = request(make_key(tmp_path / "evil", "p256"), "cabinet-017")
    with pytest.raises(InputError, match="this box trusts"):
        judge([authority.sign(leaf)], [own], read_key(tmp_path / "evil"), "cabinet-017", NOW)


@pytest.mark.parametrize(
    ("node", "now", "told"),
    [
        pytest.param("cabinet-018", NOW, "is for cabinet-017, this box is cabinet-018", id="name"),
        pytest.param(
            "cabinet-017", NOW + timedelta(days=9), r"expired on 2026-12-01", id="expired"
        ),
        pytest.param(
            "cabinet-017", NOW - timedelta(days=9), "Is it slow", id="not yet, or a slow clock"
        ),
        pytest.param(
            "cabinet-017",
            datetime(1970, 1, 1, tzinfo=timezone.utc),
            "clock says 1970-01-01 00:00 UTC.*timedatectl set-time",
            id="1970",
        ),
    ],
)
def test_a_certificate_that_is_no_use_is_explained(
    tmp_path: Path, authority: Authority, node: str, now: datetime, told: str
) -> None:
    """Before it replaces anything."""
    key = make_key(tmp_path / "key", "p256")
    own = authority.sign(request(key, "cabinet-017"), ends=NOW + timedelta(days=7))
    with pytest.raises(InputError, match=told):
        judge([own], [authority.certificate], key, node, now)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Nobody knows who has it."""
    make_key(tmp_path / "key", "p256")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(InputError, match="mode 0644, expected 0600"):
        read_key(tmp_path / "key")


def test_enrolment_and_renewal_over_est(
    box: Path, tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """First with a one-time password, then with the certificate itself, over checked TLS."""
    (tmp_path / "password").write_text("once-only\n")
    with est(authority, tmp_path) as server:
        first = ("--user", "setup", "--password-file", tmp_path / "password")
        assert provision(box, "enrol", server.url, *first) == 0, capsys.readouterr().err
        assert provision(box, "enrol", server.url) == 0, capsys.readouterr().err
        (path, told, _), (again, none, name) = server.asked
        assert (path, again) == (
            "/.well-known/est/simpleenroll",
            "/.well-known/est/simplereenroll",
        )
        assert told == "Basic c2V0dXA6b25jZS1vbmx5"
        assert (none, name) == ("", "cabinet-017")
        said = capsys.readouterr()
        assert "once-only" not in said.out + said.err
        kept = (box / "tls/node.pem").read_bytes()
        for status, why in ((202, "approve it; ask again in 600 s"), (401, "one-time password")):
            server.status = status
            assert provision(box, "enrol", server.url) == 1
            assert why in capsys.readouterr().err
        assert (box / "tls/node.pem").read_bytes() == kept


def test_an_authority_that_is_not_known_gets_nothing(
    box: Path, tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """No password is sent to whoever answers."""
    stranger = Authority("stranger")
    (box / "tls/ca.pem").write_bytes(stranger.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "password").write_text("once-only\n")
    with est(authority, tmp_path) as server:
        first = ("--user", "setup", "--password-file", tmp_path / "password")
        assert provision(box, "enrol", server.url, *first) == 1
        assert server.asked == []
    assert "does not trust" in capsys.readouterr().err
    assert provision(box, "enrol", "http://127.0.0.1") == 2


def test_the_access_list_names_this_box_alone(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines for mosquitto."""
    assert provision(box, "acl") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "user cabinet-017"
    assert "topic write cctv/v1/test/cabinet-017/camera/#" in lines
    assert "topic read cctv/v1/test/cabinet-017/cmd/#" in lines
    assert all("cabinet-017" in line for line in lines)


TERMINAL = """
import os, sys
terminal = os.open(sys.argv[1], os.O_RDWR)  # becomes that of this session, which has none yet
for standard in (0, 1, 2):
    os.dup2(terminal, standard)
os.execv(sys.executable, [sys.executable, "-m", "edge", "provision", *sys.argv[2:]])
"""
"""What a login shell does: the program has the terminal, and nobody else has."""


class Terminal:
    """`edge provision` at a terminal of its own.

    Attributes:
        shown: What stood on the screen.
    """

    def __init__(self, *arguments: object) -> None:
        # Ours holds the other end, too: a terminal that nobody has open cannot be read.
        self._ours, self._theirs = os.openpty()
        command = [sys.executable, "-c", TERMINAL, os.ttyname(self._theirs), *map(str, arguments)]
        self._program = subprocess.Popen(command, start_new_session=True)
        self.shown = ""

    def wait_for(self, words: str) -> None:
        """Until it has shown something; fails after a minute."""
        deadline = time.monotonic() + 60
        while words not in self.shown:
            assert select.select([self._ours], [], [], deadline - time.monotonic())[0], self.shown
            self.shown += os.read(self._ours, 1000).decode()

    def is_hidden(self) -> bool:
        """Whether what is typed now is not shown."""
        return not termios.tcgetattr(self._ours)[3] & termios.ECHO

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """Its exit code."""
        try:
            code = self._program.wait(60)
            while select.select([self._ours], [], [], 0)[0]:
                self.shown += os.read(self._ours, 1000).decode()
            return code
        finally:
            self._program.kill()
            self._program.wait()
            os.close(self._ours)
            os.close(self._theirs)


def test_a_password_is_typed_unseen(box: Path, tmp_path: Path) -> None:
    """At a real terminal: asked for by name, not shown, and it is the one that lets in."""
    terminal = Terminal("web-user", "jo", "--config", box)
    terminal.wait_for("password for jo: ")
    assert terminal.is_hidden()
    terminal.type("three tall street lamps\n")
    assert terminal.end() == 0, terminal.shown
    assert "jo may log in as technician" in terminal.shown
    assert "lamps" not in terminal.shown
    assert Users(tmp_path / "var").check("jo", "three tall street lamps") is not None


def test_a_one_time_password_is_typed_unseen(
    box: Path, tmp_path: Path, authority: Authority
) -> None:
    """It reaches the authority, and nothing else."""
    with est(authority, tmp_path) as server:
        terminal = Terminal("enrol", server.url, "--user", "setup", "--config", box)
        terminal.wait_for("one-time password of setup: ")
        assert terminal.is_hidden()
        terminal.type("once-only\n")
        assert terminal.end() == 0, terminal.shown
        assert server.asked[0][1] == "Basic c2V0dXA6b25jZS1vbmx5"
    assert "once-only" not in terminal.shown


@pytest.mark.parametrize(
    ("keys", "code", "told"),
    [
        pytest.param("\x04", 2, "was not typed; nothing was done", id="end of file"),
        pytest.param("\x03", 130, "", id="Ctrl-C"),
    ],
)
def test_who_types_nothing_is_no_user(
    box: Path, tmp_path: Path, keys: str, code: int, told: str
) -> None:
    """No traceback, and the terminal shows again what is typed."""
    terminal = Terminal("web-user", "jo", "--config", box)
    terminal.wait_for("password for jo: ")
    terminal.type(keys)
    assert terminal.end() == code, terminal.shown
    assert told in terminal.shown
    assert "Traceback" not in terminal.shown
    assert not Users(tmp_path / "var").all()


def test_without_a_terminal_it_does_not_ask(box: Path) -> None:
    """A script is told how to give the password, and nothing is read from what it pipes."""
    command = [sys.executable, "-m", "edge", "provision", "web-user", "jo", "--config", str(box)]
    done = subprocess.run(
        command, input="a long enough one\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no terminal to ask for the password for jo; give --password-file" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_web_login(box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A password that was chosen, kept as a hash; a weak one is refused."""
    (tmp_path / "password").write_text("three tall street lamps\n")
    assert provision(box, "web-user", "jo", "--password-file", tmp_path / "password") == 0
    found = Users(tmp_path / "var").check("jo", "three tall street lamps")
    assert found is not None
    assert found.role == "technician"
    (tmp_path / "password").write_text("short\n")
    assert provision(box, "web-user", "al", "--password-file", tmp_path / "password") == 2
    assert "short" not in capsys.readouterr().err.replace("shorter", "")
