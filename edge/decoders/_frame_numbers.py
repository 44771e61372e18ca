"""Lost H.264 pictures, read from the stream's own numbering. Pure.

FFmpeg replaces a lost reference by a copy of the picture before and says nothing: over a dropped
P picture, all 10 that followed to the next keyframe were handed on as whole, and were not. Each
H.264 slice carries `frame_num`, which grows by one with every reference picture; a jump is a loss.
H.265 needs nothing of the kind: FFmpeg itself withholds what refers to a lost picture.
"""

from __future__ import annotations

from collections.abc import Iterator

_SLICE, _IDR, _SPS = 1, 5, 7  # nal_unit_type, ITU-T H.264 table 7-1
_HEADER_BYTES = 32  # of a slice: more than its first four fields can take
_UNIT_BYTES = 1024  # looked at of each unit: more than a parameter set has; slices have 100 kB
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""profile_idc whose parameter set tells the chroma format and scaling lists (7.3.2.1.1)."""


class FrameNumbers:
    """Follows `frame_num` through one stream.

    A stream whose parameter set allows gaps (temporal layers) is never doubted. Losing exactly as
    many pictures as the numbers go round by (16 at least) is not noticed.

    Args:
        extradata: The container's set-up data: an `avcC` record, Annex B, or nothing.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length_bytes = 0  # 0: start codes
        self._n_bits: int | None = None  # of frame_num; None: not known, or gaps are allowed
        self._has_planes = False
        self._previous: int | None = None  # frame_num of the last reference picture
        if extradata[:1] == b"\x01" and len(extradata) > 7:
            self._length_bytes = (extradata[4] & 3) + 1
            self._learn(extradata[8 : 8 + int.from_bytes(extradata[6:8], "big")])
        else:
            for unit in self._units(extradata):
                self._learn(unit)

    def forget(self) -> None:
        """The next picture does not follow the last one, on purpose."""
        self._previous = None

    def n_lost_before(self, data: bytes) -> int:
        """How many reference pictures are missing before this one; 0 where nothing tells.

        Args:
            data: One access unit, in decoding order.
        """
        for unit in self._units(data):
            kind = unit[0] & 31
            if kind == _SPS:
                self._learn(unit)
            elif kind in (_SLICE, _IDR):
                return self._follow(unit)
        return 0

    def _follow(self, unit: bytes) -> int:
        if self._n_bits is None:
            return 0
        try:
            number = self._frame_num(unit)
        except ValueError:  # cut off within its header: the decoder will say so
            return 0
        before, is_reference = self._previous, bool(unit[0] & 0x60)
        if is_reference:
            self._previous = number
        elif before is None:
            return 0
        if before is None or unit[0] & 31 == _IDR or number == before:
            return 0
        return (number - before - 1) % (1 << self._n_bits)

    def _frame_num(self, unit: bytes) -> int:
        assert self._n_bits is not None
        bits = _Bits(_unescaped(unit[1:_HEADER_BYTES]))
        for _ in range(3):  # first_mb_in_slice, slice_type, pic_parameter_set_id
            bits.exp_golomb()
        if self._has_planes:
            bits.take(2)  # colour_plane_id
        return bits.take(self._n_bits)

    def _learn(self, unit: bytes) -> None:
        """Read how wide `frame_num` is from a sequence parameter set (7.3.2.1.1)."""
        if not unit or unit[0] & 31 != _SPS:
            return
        try:
            n_bits, self._has_planes = _frame_num_bits(_Bits(_unescaped(unit[1:])))
        except ValueError:
            return
        if n_bits != self._n_bits:
            self._n_bits, self._previous = n_bits, None

    def _units(self, data: bytes) -> Iterator[bytes]:
        """The beginning of each NAL unit, without what frames it; none is empty."""
        return _by_length(data, self._length_bytes) if self._length_bytes else _by_start_code(data)


class _Bits:
    """Reads bits from the left.

    Raises:
        ValueError: There are no more.
    """

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, n: int) -> int:
        """The next `n` bits as a number."""
        self._left -= n
        if self._left < 0:
            raise ValueError("no more bits")
        return (self._value >> self._left) & ((1 << n) - 1)

    def exp_golomb(self) -> int:
        """The next ue(v) (9.1)."""
        n_zeros = 0
        while not self.take(1):
            n_zeros += 1
        return (1 << n_zeros) - 1 + self.take(n_zeros)

    def signed(self) -> int:
        """The next se(v) (9.1.1)."""
        code = self.exp_golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _frame_num_bits(bits: _Bits) -> tuple[int | None, bool]:
    """Width of `frame_num`, None where gaps are allowed; and whether colour planes are separate."""
    profile = bits.take(8)
    bits.take(16)  # constraint flags, level_idc
    bits.exp_golomb()  # seq_parameter_set_id
    has_planes = False
    if profile in _WITH_CHROMA:
        chroma_format = bits.exp_golomb()
        has_planes = chroma_format == 3 and bool(bits.take(1))
        bits.exp_golomb(), bits.exp_golomb(), bits.take(1)  # bit depths, transform bypass
        if bits.take(1):
            for number in range(12 if chroma_format == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    n_bits = bits.exp_golomb() + 4
    order_type = bits.exp_golomb()
    if order_type == 0:
        bits.exp_golomb()
    elif order_type == 1:
        bits.take(1), bits.exp_golomb(), bits.exp_golomb()
        for _ in range(bits.exp_golomb()):
            bits.exp_golomb()
    bits.exp_golomb()  # max_num_ref_frames
    are_gaps_allowed = bool(bits.take(1))
    return None if are_gaps_allowed else n_bits, has_planes


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _unescaped(data: bytes) -> bytes:
    """Without emulation prevention bytes (7.4.1)."""
    return data.replace(b"\x00\x00\x03", b"\x00\x00")


def _by_start_code(data: bytes) -> Iterator[bytes]:
    start = data.find(b"\x00\x00\x01")
    while start >= 0:
        unit = data[start + 3 : start + 3 + _UNIT_BYTES]
        if unit:
            yield unit
        start = data.find(b"\x00\x00\x01", start + 3)


def _by_length(data: bytes, n_bytes: int) -> Iterator[bytes]:
    at = 0
    while at + n_bytes < len(data):
        size = int.from_bytes(data[at : at + n_bytes], "big")
        unit = data[at + n_bytes : at + n_bytes + min(size, _UNIT_BYTES)]
        if unit:
            yield unit
        at += n_bytes + size
