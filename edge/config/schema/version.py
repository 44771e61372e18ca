"""Version: which layout of the files this release reads.

Pure.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Version = Annotated[
    Literal[1],
    Field(description="Layout of this file; this release reads 1.", examples=[1]),
]
