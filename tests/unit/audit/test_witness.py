"""A witness signs what continues, and nothing else; erasing keeps every proof valid."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.audit import (
    AuditLog,
    ProofMissing,
    Refused,
    Witness,
    erase,
    has_event,
    heard_cosignature,
    last_number,
    log_keys,
    offered,
    parse_head,
    read,
    verify,
)
from edge.audit._keys import verify as is_signature
from edge.cli import main
from edge.errors import AuditError
from tests.unit.audit.small_log import ORIGIN, fill

NOW = datetime(2026, 11, 24, 19, 0, tzinfo=timezone.utc)


def grow(folder: Path, n: int) -> AuditLog:
    log = AuditLog(folder, ORIGIN)
    for seq in range(n):
        log.append("event", {"seq": seq, "message_sha256": "ab" * 32})
    log.close()
    return log


def test_a_witness_follows_a_log_that_grows(tmp_path: Path) -> None:
    """Each head is cosigned with the time; the box can tell that it is its own."""
    witness = Witness(tmp_path / "witness", "ethics-committee")
    size = 0
    for n in (1, 5, 8, 300, 1):
        log = grow(tmp_path / "audit", n)
        head, proofs = offered(tmp_path / "audit", size)
        signed = witness.cosign(head, proofs, log.key, NOW)
        assert signed.signed_at(witness.key, is_signature) == int(NOW.timestamp())
        assert parse_head(signed.note) == signed
        size = signed.size
    assert size == 315
    again = Witness(tmp_path / "witness", "ethics-committee")  # it remembers
    seen = again.seen(ORIGIN)
    assert seen is not None
    assert seen.size == 315
    log = AuditLog(tmp_path / "audit", ORIGIN)
    assert heard_cosignature(str(again.key), seen.note, log).size == 315
    log.close()


def test_a_witness_refuses_history_written_anew(tmp_path: Path) -> None:
    """The same key, other records: shorter, as long, and longer than what was signed."""
    fill(tmp_path / "audit")
    witness = Witness(tmp_path / "witness", "w")
    head, proofs = offered(tmp_path / "audit", 0)
    key = log_keys(tmp_path / "audit")[-1]
    signed = witness.cosign(head, proofs, key, NOW)
    for n_more, words in ((-9, "rolled back"), (-1, "a fork"), (40, "a fork")):
        forged = tmp_path / f"forged{n_more}"
        forged.mkdir()
        for name in ("log.key", "log.vkey"):
            shutil.copy(tmp_path / "audit" / name, forged / name)
        log = grow(forged, head.size + n_more + (n_more == -1))
        assert verify(forged).is_sound
        other, proofs = offered(forged, head.size)
        with pytest.raises(Refused, match=words):
            witness.cosign(other, proofs, log.key, NOW)
        with pytest.raises(ValueError, match=r"a fork|some were lost"):
            heard_cosignature(str(witness.key), signed.note, log)
    assert witness.seen(ORIGIN) == signed


def test_a_witness_asks_for_a_proof_that_is_missing(tmp_path: Path) -> None:
    """A message that proves from another size is no fork, and is not signed either."""
    log = grow(tmp_path / "audit", 5)
    witness = Witness(tmp_path / "witness", "w")
    witness.cosign(*offered(tmp_path / "audit", 0), log.key, NOW)
    grow(tmp_path / "audit", 5)
    head, proofs = offered(tmp_path / "audit", 3)
    with pytest.raises(ProofMissing, match="from 5 to 10"):
        witness.cosign(head, proofs, log.key, NOW)


def test_a_witness_refuses_another_key_and_what_it_did_not_write(tmp_path: Path) -> None:
    """The first key seen is kept; a state that was touched stops it."""
    log = grow(tmp_path / "audit", 5)
    other = grow(tmp_path / "other", 9)
    witness = Witness(tmp_path / "witness", "w")
    with pytest.raises(Refused, match="not signed by"):
        witness.cosign(*offered(tmp_path / "audit", 0), other.key, NOW)
    witness.cosign(*offered(tmp_path / "audit", 0), log.key, NOW)
    with pytest.raises(Refused, match=r"was seen before|not signed by"):
        witness.cosign(*offered(tmp_path / "other", 5), other.key, NOW, other.key)
    (state,) = (tmp_path / "witness").glob("*.seen")
    state.write_text(state.read_text().replace("\n5\n", "\n4\n"))
    with pytest.raises(AuditError, match="look who changed it"):
        witness.seen(ORIGIN)


def test_the_command_refuses_a_fork_with_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a script would use it, from copies."""
    grow(tmp_path / "audit", 5)
    call = ["audit", "witness", "--state", str(tmp_path / "witness"), "--name", "w", "--log"]
    assert main([*call, str(tmp_path / "audit")]) == 0
    assert parse_head(capsys.readouterr().out).size == 5
    (tmp_path / "forged").mkdir()
    for name in ("log.key", "log.vkey"):
        shutil.copy(tmp_path / "audit" / name, tmp_path / "forged" / name)
    grow(tmp_path / "forged", 7)
    assert main([*call, str(tmp_path / "forged")]) == 1
    assert "a fork" in capsys.readouterr().err


def test_erasing_keeps_every_proof_valid(tmp_path: Path) -> None:
    """Names are gone from the disk; head, tree and the witness's signature stay as they were."""
    fill(tmp_path)
    before = (tmp_path / "tree").read_bytes()
    head, _ = offered(tmp_path, 0)
    log = AuditLog(tmp_path, ORIGIN)
    assert erase(log, [13, 13, 0, 999], {"who": "dpo"}) == 1
    assert erase(log, [13], {"who": "dpo"}) == 0
    log.close()
    assert b"J. Smith" not in (tmp_path / "personal-0000000000.jsonl").read_bytes()
    assert (tmp_path / "tree").read_bytes()[: len(before)] == before
    assert verify(tmp_path, against=[head]).is_sound
    assert [record.n for record in read(tmp_path) if record.is_erased] == [2, 3, 13]


def test_an_event_is_found_by_its_id(small: Path) -> None:
    """Not the id of something else, nor what is no id."""
    assert has_event(small, "0199a7c2-7f1e-7c55-9a53-000000000005")
    assert not has_event(small, "0199a7c2-7f1e-7c55-9a53-0000000000ff")
    assert not has_event(small, "../../etc/passwd")
    assert last_number(small, 17) == 13


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["verify", "{log}"], 0),
        (["verify", "{log}", "--json"], 0),
        (["verify", "{log}/none"], 2),
        (["verify"], 2),
        (["verify", "{log}", "--key", "nonsense+1+2"], 2),
        (["show", "{log}", "--kind", "login"], 0),
        (["show", "{log}", "--since", "yesterday"], 2),
        (["erase", "{log}", "--records", "x", "--who", "a", "--why", "b"], 2),
        (["erase", "{log}", "--records", "13-14", "--who", "a", "--why", "b"], 0),
    ],
)
def test_commands_end_with_the_promised_codes(small: Path, words: list[str], code: int) -> None:
    """0 fine, 2 wrong input."""
    assert main(["audit", *(word.format(log=small) for word in words)]) == code


def test_verify_fails_with_1_and_names_the_record(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr what is bad, on stdout the summary."""
    file = small / "records-0000000000.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"seq":4', b'"seq":5', 1))
    assert main(["audit", "verify", str(small)]) == 1
    said = capsys.readouterr()
    assert "BAD  record 4:" in said.err
    assert "the first bad record is 4" in said.out
