"""Merkle: the tree of RFC 6962 over the audit log's records, its roots and proofs. Pure.

Complete nodes are numbered in the order in which they are completed (`place`), so that they can be
kept in one file that only grows: 64 bytes a record, and any proof is a few reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Node: TypeAlias = Callable[[int, int], bytes]
"""Gives the hash of a complete node, by its level (0 is a leaf) and its index in the level."""


def leaf_hash(record: bytes) -> bytes:
    """Hash of a record as a leaf."""
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def place(level: int, index: int) -> int:
    """How many complete nodes are completed before this one.

    A leaf comes first, then the nodes it completes, the lowest first.
    """
    leaf = ((index + 1) << level) - 1  # the leaf that completes it
    return n_complete(leaf) + level


def n_complete(size: int) -> int:
    """How many complete nodes a tree of `size` leaves has."""
    return 2 * size - size.bit_count()


class Frontier:
    """The roots of the complete subtrees of a growing tree, from the left.

    Args:
        size: Leaves so far.
        roots: One hash for each bit set in `size`, the highest first.
    """

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        self.size = size
        self._roots = list(roots)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf's hash.

        Returns:
            The nodes it completes, itself first, in the order of `place`.
        """
        completed = [leaf]
        size = self.size
        while size & 1:
            completed.append(node_hash(self._roots.pop(), completed[-1]))
            size >>= 1
        self._roots.append(completed[-1])
        self.size += 1
        return completed

    @property
    def roots(self) -> tuple[bytes, ...]:
        """One hash for each complete subtree, the largest first."""
        return tuple(self._roots)

    def copy(self) -> Frontier:
        """One that grows apart from this."""
        return Frontier(self.size, self._roots)

    @property
    def root(self) -> bytes:
        """The tree's root."""
        return folded(self._roots)


def folded(roots: Sequence[bytes]) -> bytes:
    """Root of a tree, given the roots of its complete subtrees from the left; may be empty."""
    if not roots:
        return EMPTY_ROOT
    whole = roots[-1]
    for left in reversed(roots[:-1]):
        whole = node_hash(left, whole)
    return whole


def frontier(size: int, node: Node) -> Frontier:
    """The frontier of a tree whose nodes can be read."""
    roots, first = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            roots.append(node(level, first >> level))
            first += 1 << level
    return Frontier(size, roots)


def root(size: int, node: Node) -> bytes:
    """Root of the first `size` leaves of a tree whose nodes can be read."""
    return frontier(size, node).root


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Proof that a leaf is in a tree (RFC 6962, 2.1.1).

    Args:
        index: The leaf's; below `size`.
        size: Of the tree the proof is for.
        node: Reads nodes.

    Raises:
        ValueError: There is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    first, n = 0, size
    while n > 1:
        half = _split(n)
        if index - first < half:
            proof.append(_subtree(first + half, n - half, node))
            n = half
        else:
            proof.append(_subtree(first, half, node))
            first, n = first + half, n - half
    return proof[::-1]


def consistency_proof(old: int, size: int, node: Node) -> list[bytes]:
    """Proof that a tree is an earlier one with leaves appended (RFC 6962, 2.1.2).

    Args:
        old: Size of the earlier tree.
        size: Of the later one.
        node: Reads nodes of the later tree.

    Returns:
        The hashes; none where `old` is 0 or `size`, for there is nothing to prove.

    Raises:
        ValueError: The earlier tree is the larger one.
    """
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {old} is not earlier than one of {size}")
    if old in (0, size):
        return []
    proof: list[bytes] = []
    first, n, is_whole = 0, size, True
    while old - first != n:
        half = _split(n)
        if old - first <= half:
            proof.append(_subtree(first + half, n - half, node))
            n = half
        else:
            proof.append(_subtree(first, half, node))
            first, n, is_whole = first + half, n - half, False
    if not is_whole:
        proof.append(_subtree(first, n, node))
    return proof[::-1]


def is_included(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], tree_root: bytes
) -> bool:
    """Whether a proof shows that a leaf's hash is at this index of a tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, found = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            found = node_hash(sibling, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == tree_root


def is_consistent(
    old: int, old_root: bytes, size: int, tree_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that a tree continues an earlier one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= size:
        return False
    if old == size:
        return not proof and old_root == tree_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return bool(path) and _folded_twice(path, fn, sn) == (old_root, tree_root)


def _folded_twice(path: Sequence[bytes], fn: int, sn: int) -> tuple[bytes, bytes] | None:
    """Roots of the earlier and the later tree, as a consistency proof has them."""
    fr = sr = path[0]
    for step in path[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            fr, sr = node_hash(step, fr), node_hash(step, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, step)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr) if sn == 0 else None


def _split(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def _subtree(first: int, n: int, node: Node) -> bytes:
    """Hash over the leaves from `first`; `first` is a multiple of a power of two at least n."""
    if n & (n - 1) == 0:
        level = n.bit_length() - 1
        return node(level, first >> level)
    half = _split(n)
    return node_hash(_subtree(first, half, node), _subtree(first + half, n - half, node))
