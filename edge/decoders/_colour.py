"""Which colour matrix an untagged stream has. Pure."""

from __future__ import annotations

from edge.frame import Colour

_HD_HEIGHT = 720  # HD is bt709, below that bt601 (ITU-R BT.709 scope)


def colour_of(matrix: str | None, height: int, *, is_full_range: bool) -> Colour:
    """The colour of a picture.

    Args:
        matrix: `bt601` or `bt709` as the stream says; None where it says nothing we know.
        height: In pixels; decides where the stream does not.
        is_full_range: Luma spans 0..255.
    """
    return Colour(matrix or ("bt709" if height >= _HD_HEIGHT else "bt601"), is_full_range)
