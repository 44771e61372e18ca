"""SFTP: a folder on a machine that runs OpenSSH or the like.

Boundary: the only file that talks to `paramiko`. A file is written as `<name>.part`; what an
attempt that was cut left there is gone on with. Then all of it is read back and hashed, since
SFTP has no digest, and it gets its name. The machine must show the host key of the configuration.
"""

from __future__ import annotations

import base64
import binascii
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from edge.errors import DeliveryFailed, MissingDependency
from edge.evidence.delivery import Delivery, DeliveryOptions, Pace, Parcel, read_back

_CONNECT_S, _ANSWER_S = 10.0, 60.0
_CHUNK = 32 << 10  # what every SFTP server takes in one request


class Options(DeliveryOptions):
    """A folder on an SFTP server."""

    kind: Literal["sftp"]
    host: Annotated[str, Field(min_length=1, description="The machine.", examples=["sftp.example"])]
    port: Annotated[int, Field(ge=1, le=65535, description="Its TCP port.")] = 22
    host_key: Annotated[
        str,
        Field(
            description="Its public key, as `ssh-keyscan HOST` prints it behind the name; nothing "
            "is sent to a machine that shows another.",
            examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0l8sYLBNlJ7zn2cUoqEV9b"],
        ),
    ]
    user: Annotated[str, Field(description="User there.", examples=["edge"])]
    password: Annotated[
        SecretStr | None, Field(description="Their password.", examples=["!secret sftp"])
    ] = None
    key_file: Annotated[
        Path | None,
        Field(description="Their private key, without a passphrase.", examples=["tls/sftp.key"]),
    ] = None
    path: Annotated[str, Field(description="Folder there.", examples=["evidence"])] = "."

    @field_validator("host_key")
    @classmethod
    def _is_key(cls, text: str) -> str:
        parts = text.split()
        try:
            base64.b64decode(parts[1], validate=True)
        except (IndexError, binascii.Error):
            raise ValueError("expected a type and a key, such as ssh-ed25519 AAAA…") from None
        return " ".join(parts[:2])

    @model_validator(mode="after")
    def _has_login(self) -> Options:
        if (self.password is None) == (self.key_file is None):
            raise ValueError("expected either `password` or `key_file`")
        return self

    def open(self) -> Delivery:
        """The way there."""
        return _Sftp(self)


class _Sftp:
    """The way to one folder."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.place = f"sftp://{options.user}@{options.host}:{options.port}/{options.path}"
        self._transport: Any = None
        self._client: Any = None

    def send(self, parcel: Parcel, pace: Pace) -> None:
        with self._in_words(parcel.name):
            client = self._connected()
            target = str(PurePosixPath(self._options.path) / parcel.name)
            part = target + ".part"
            _make_folders(client, PurePosixPath(target).parent)
            offset = _size(client, part)
            if offset > parcel.size:
                client.remove(part)
                offset = 0
            with client.open(part, "r+b" if offset else "wb") as out:
                out.set_pipelined(True)
                out.seek(offset)
                for chunk in parcel.read(offset):
                    for at in range(0, len(chunk), _CHUNK):
                        pace.take(len(chunk[at : at + _CHUNK]))
                        out.write(chunk[at : at + _CHUNK])
            self._verify(client, part, parcel)
            client.posix_rename(part, target)

    def close(self) -> None:
        for part in (self._client, self._transport):
            if part is not None:
                with suppress(Exception):
                    part.close()
        self._client = self._transport = None

    def _verify(self, client: Any, part: str, parcel: Parcel) -> None:
        with client.open(part, "rb") as content:
            content.prefetch(parcel.size)
            chunks = iter(partial(content.read, _CHUNK), b"")
            read_back(self.place, parcel, chunks, partial(client.remove, part))

    def _connected(self) -> Any:
        if self._client is not None:
            return self._client
        try:
            import paramiko
        except ImportError as exc:
            raise MissingDependency(
                "sending evidence by SFTP needs `paramiko`: pip install 'edge-appliance[upload]'"
            ) from exc
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it logs it raises too
        options = self._options
        key_type, key = options.host_key.split()
        link = socket.create_connection((options.host, options.port), _CONNECT_S)
        self._transport = transport = paramiko.Transport(link)
        transport.banner_timeout = transport.auth_timeout = _ANSWER_S
        security = transport.get_security_options()
        wanted = ("rsa-sha2-512", "rsa-sha2-256") if key_type == "ssh-rsa" else (key_type,)
        security.key_types = tuple(kind for kind in security.key_types if kind in wanted)
        transport.start_client(timeout=_ANSWER_S)
        shown = transport.get_remote_server_key()
        if shown.asbytes() != base64.b64decode(key):
            raise DeliveryFailed(
                f"{self.place}: the machine shows the key {shown.get_name()} {shown.get_base64()}, "
                "not `host_key`; nothing was sent. Where it was replaced, write its new key"
            )
        if options.key_file is not None:
            own = paramiko.PKey.from_path(options.key_file)
            transport.auth_publickey(options.user, own)
        elif options.password is not None:
            transport.auth_password(options.user, options.password.get_secret_value())
        self._client = client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        client.get_channel().settimeout(_ANSWER_S)
        return client

    @contextmanager
    def _in_words(self, name: str) -> Iterator[None]:
        try:
            yield
        except MissingDependency:
            raise
        except DeliveryFailed:
            self.close()
            raise
        except Exception as exc:
            self.close()
            is_theirs = type(exc).__module__.startswith(("paramiko", "cryptography"))
            if not is_theirs and not isinstance(exc, OSError | EOFError | ValueError):
                raise
            why = str(exc) or type(exc).__name__
            raise DeliveryFailed(f"{self.place}: {name} was not sent: {why}") from exc


def _size(client: Any, path: str) -> int:
    try:
        return int(client.stat(path).st_size)
    except FileNotFoundError:
        return 0


def _make_folders(client: Any, folder: PurePosixPath) -> None:
    try:
        client.stat(str(folder))
    except FileNotFoundError:
        _make_folders(client, folder.parent)
        client.mkdir(str(folder))
