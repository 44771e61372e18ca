"""The tree is RFC 6962's: known roots and proofs, and every proof of every small tree."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.audit import _merkle
from edge.audit._merkle import Frontier, leaf_hash, node_hash

LEAVES = [bytes.fromhex(h) for h in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
"""The leaves of the reference implementation's test vectors (certificate-transparency)."""

ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Their roots, of trees of 0 to 8 leaves."""


class Nodes:
    """A tree in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.hashes: list[bytes] = []
        self.frontier = Frontier()
        for leaf in leaves:
            self.hashes += self.frontier.append(leaf_hash(leaf))

    def __call__(self, level: int, index: int) -> bytes:
        return self.hashes[_merkle.place(level, index)]


def by_definition(leaves: list[bytes]) -> bytes:
    """Merkle tree hash, as RFC 6962 2.1 defines it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(by_definition(leaves[:half]), by_definition(leaves[half:]))


def path_by_definition(m: int, leaves: list[bytes]) -> list[bytes]:
    """Audit path, as RFC 6962 2.1.1 defines it."""
    if len(leaves) == 1:
        return []
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if m < half:
        return [*path_by_definition(m, leaves[:half]), by_definition(leaves[half:])]
    return [*path_by_definition(m - half, leaves[half:]), by_definition(leaves[:half])]


def proof_by_definition(m: int, leaves: list[bytes], *, is_whole: bool = True) -> list[bytes]:
    """Consistency proof, as RFC 6962 2.1.2 defines it."""
    if m == len(leaves):
        return [] if is_whole else [by_definition(leaves)]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if m <= half:
        inner = proof_by_definition(m, leaves[:half], is_whole=is_whole)
        return [*inner, by_definition(leaves[half:])]
    inner = proof_by_definition(m - half, leaves[half:], is_whole=False)
    return [*inner, by_definition(leaves[:half])]


@pytest.mark.parametrize("n", range(9))
def test_roots_are_those_of_the_reference(n: int) -> None:
    """Published vectors."""
    assert Nodes(LEAVES[:n]).frontier.root.hex() == ROOTS[n]


def test_a_published_inclusion_proof() -> None:
    """Leaf 5 of 8, and leaf 1 of 5, of the same vectors."""
    nodes = Nodes(LEAVES)
    assert [h.hex() for h in _merkle.inclusion_proof(5, 8, nodes)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [h.hex() for h in _merkle.inclusion_proof(1, 5, nodes)] == [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]


def test_a_published_consistency_proof() -> None:
    """From 6 to 8 and from 2 to 5, of the same vectors."""
    nodes = Nodes(LEAVES)
    assert [h.hex() for h in _merkle.consistency_proof(6, 8, nodes)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [h.hex() for h in _merkle.consistency_proof(2, 5, nodes)] == [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]


def test_every_proof_of_every_tree_up_to_33() -> None:
    """Each is the one the standard defines, verifies, and no other index or size takes it."""
    leaves = [bytes([n]) for n in range(33)]
    nodes = Nodes(leaves)
    for size in range(1, 34):
        tree_root = _merkle.root(size, nodes)
        assert tree_root == by_definition(leaves[:size])
        for index in range(size):
            proof = _merkle.inclusion_proof(index, size, nodes)
            assert proof == path_by_definition(index, leaves[:size])
            leaf = leaf_hash(leaves[index])
            assert _merkle.is_included(leaf, index, size, proof, tree_root)
            assert not _merkle.is_included(leaf, (index + 1) % 34, size, proof, tree_root)
        for old in range(size + 1):
            proof = _merkle.consistency_proof(old, size, nodes)
            old_root = _merkle.root(old, nodes)
            if old:
                assert proof == proof_by_definition(old, leaves[:size])
            assert _merkle.is_consistent(old, old_root, size, tree_root, proof)
            assert not _merkle.is_consistent(old, b"\0" * 32, size, tree_root, proof)


@given(st.data())
def test_a_changed_proof_proves_nothing(data: st.DataObject) -> None:
    """One bit anywhere, one hash more or less."""
    size = data.draw(st.integers(2, 300))
    old = data.draw(st.integers(1, size - 1))
    nodes = Nodes([n.to_bytes(2, "big") for n in range(size)])
    tree_root, old_root = nodes.frontier.root, _merkle.root(old, nodes)
    proof = _merkle.consistency_proof(old, size, nodes)
    assert _merkle.is_consistent(old, old_root, size, tree_root, proof)
    k = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    broken = (int.from_bytes(proof[k], "big") ^ 1 << bit).to_bytes(32, "big")
    for wrong in ([*proof[:k], broken, *proof[k + 1 :]], [*proof, proof[-1]], proof[:-1]):
        assert not _merkle.is_consistent(old, old_root, size, tree_root, wrong)
    proof = _merkle.inclusion_proof(old, size, nodes)
    leaf = leaf_hash(old.to_bytes(2, "big"))
    assert _merkle.is_included(leaf, old, size, proof, tree_root)
    for wrong in ([*proof, proof[-1]], proof[:-1], [bytes(32), *proof[1:]]):
        assert not _merkle.is_included(leaf, old, size, wrong, tree_root)


def test_there_is_no_proof_of_what_is_not_there() -> None:
    """Outside of the tree."""
    nodes = Nodes(LEAVES)
    with pytest.raises(ValueError, match="no leaf 8"):
        _merkle.inclusion_proof(8, 8, nodes)
    with pytest.raises(ValueError, match="not earlier"):
        _merkle.consistency_proof(9, 8, nodes)
    assert not _merkle.is_included(leaf_hash(b""), 8, 8, [], nodes.frontier.root)
    assert not _merkle.is_consistent(9, b"", 8, nodes.frontier.root, [])
