"""Secrets: what `!secret NAME` and `${NAME}` stand for.

Boundary: reads the systemd credentials folder, `secrets.yaml` and the environment. What it
returns is resolved into the data a file says and shown nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from edge.config.problem import Finding, Problem, suggest

FILE = "secrets.yaml"
INSTALLED, OF_THE_SERVICE = Path("/etc/edge"), Path("/run/credentials/edge.service")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def credential_folders(folder: Path, environment: Mapping[str, str]) -> list[Path]:
    """Where systemd credentials are: what the service was given, or else what it would be given.

    A command beside the service finds what install.sh hands to it, if root runs it, and what it
    has while it runs, if its own user does.

    Args:
        folder: The configuration's.
        environment: Of this process.
    """
    given = environment.get("CREDENTIALS_DIRECTORY")
    if given:
        return [Path(given)]
    return [folder / "credentials", *([OF_THE_SERVICE] if folder == INSTALLED else [])]


class Secrets:
    """The secrets of one configuration folder.

    Args:
        folder: The configuration folder; its `secrets.yaml` is read when first needed.

    Attributes:
        problem: What makes `secrets.yaml` unusable, or None; known after a look-up.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._folders = credential_folders(folder, os.environ)
        self._known: dict[str, str] | None = None
        self.problem: Problem | None = None

    def secret(self, name: str) -> str | Finding | None:
        """What `!secret NAME` stands for.

        Args:
            name: As written after `!secret`.

        Returns:
            Its value; or a finding, whose path the caller fills in; or None where `secrets.yaml`
            itself cannot be used, which `problem` tells once for all references.
        """
        if not _NAME.fullmatch(name):
            return Finding(
                (),
                f"'{name}' cannot be the name of a secret",
                "write `!secret mqtt_password`: letters, digits, '_', '.' and '-'",
            )
        for folder in self._folders:
            try:
                return (folder / name).read_text("utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as why:
                if isinstance(why, FileNotFoundError) or folder is not self._folders[-1]:
                    continue
                reason = why.strerror if isinstance(why, OSError) else "it is not UTF-8 text"
                return Finding((), f"the credential '{name}' cannot be read: {reason}")
        known = self._from_file()
        if self.problem:
            return None
        if name in known:
            return known[name]
        there = "in" if self._file.exists() else "in a new file"
        remedy = f"write it {there} {self._file}, or give the service a credential of this name"
        return Finding((), f"no secret named '{name}'", suggest(name, known) or remedy)

    def variable(self, name: str) -> str | Finding:
        """What `${NAME}` stands for.

        Returns:
            Its value; or a finding, whose path the caller fills in.
        """
        if not _VARIABLE.fullmatch(name):
            return Finding(
                (),
                f"'${{{name}}}' does not name an environment variable",
                "write ${NAME} with letters, digits and '_'",
            )
        if name not in os.environ:
            return Finding(
                (),
                f"environment variable {name} is not set",
                "set it here and for the service (Environment= or EnvironmentFile=), "
                "or use `!secret`",
            )
        return os.environ[name]

    def names(self) -> tuple[str, ...]:
        """Names in `secrets.yaml`; empty where there is none, or `problem` says why."""
        return tuple(self._from_file())

    def _from_file(self) -> dict[str, str]:
        if self._known is None:
            self._known = {}
            try:
                mode = self._file.stat().st_mode & 0o777
                if mode & 0o077:
                    self._refuse(
                        f"other users may read it (mode {mode:04o}, expected 0600)",
                        f"run: chmod 600 {self._file}",
                    )
                else:
                    self._known = self._texts(self._file.read_bytes())
            except FileNotFoundError:
                pass
            except OSError as why:
                self._refuse(f"cannot be read: {why.strerror}", "check its owner")
        return self._known

    def _texts(self, content: bytes) -> dict[str, str]:
        # Every value is taken as written: a password of digits, or `no`, is a text like any other.
        # Messages of the YAML library may quote what they met, so they are not passed on.
        try:
            node = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError) as why:
            mark = getattr(why, "problem_mark", None)
            self._refuse(
                "not valid YAML",
                "write one `name: value` a line, with quotes around each value",
                mark.line + 1 if mark else 0,
            )
            return {}
        texts: dict[str, str] = {}
        if node is None:
            return texts
        pairs = node.value if isinstance(node, yaml.MappingNode) else [(node, None)]
        for key, value in pairs:
            if not isinstance(value, yaml.ScalarNode):
                self._refuse("expected one `name: value` a line", "", key.start_mark.line + 1)
                return {}
            texts[str(key.value)] = value.value
        return texts

    def _refuse(self, cause: str, remedy: str, line: int = 0) -> None:
        self.problem = Problem(str(self._file), line, 1, "", cause, remedy)
