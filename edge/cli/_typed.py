"""What a person types where nobody may see it."""

from __future__ import annotations

import getpass
import sys

from edge.errors import InputError


def password(prompt: str, otherwise: str) -> str:
    """A password typed at the terminal, not shown.

    Args:
        prompt: What is asked for, without the colon.
        otherwise: How to give it where nobody can type.

    Raises:
        InputError: There is no terminal, or nothing was typed.
    """
    if not sys.stdin.isatty():
        raise InputError(f"no terminal to ask for the {prompt}; {otherwise}")
    try:
        return getpass.getpass(f"{prompt}: ")
    except EOFError:
        raise InputError(f"the {prompt} was not typed; nothing was done") from None
