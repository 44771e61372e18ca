"""TLS: whom this box trusts at the other end of the link, and how it shows who it is."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.errors import SinkError
from edge.sinks._broker import BrokerOptions


class Trust(ssl.SSLContext):
    """Trust and identity for one connection.

    Keeps hold of the socket it wraps: paho leaves that of a failed handshake open, and swallows
    what the broker says when it refuses our certificate, which with TLS 1.3 comes after it.
    """

    _wrapped: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """As the standard library does."""
        self._wrapped = super().wrap_socket(*args, **kwargs)
        return self._wrapped

    def close_wrapped(self) -> None:
        """Close it; safe when there is none."""
        if self._wrapped is not None:
            self._wrapped.close()

    @property
    def refusal(self) -> ssl.SSLError | None:
        """What went wrong with the encrypted link after its handshake; None if nothing did."""
        return getattr(self._wrapped, "refusal", None)


class _Socket(ssl.SSLSocket):
    """Remembers why it broke."""

    refusal: ssl.SSLError | None = None

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        """As the standard library does."""
        try:
            return super().recv(*args, **kwargs)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as problem:
            self.refusal = problem
            raise

    def send(self, *args: Any, **kwargs: Any) -> int:
        """As the standard library does; where the other end has hung up, hear its last words."""
        try:
            return super().send(*args, **kwargs)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            with suppress(OSError):
                self.recv(1)
            raise


def trust(options: BrokerOptions, folder: Path) -> Trust:
    """Read certificates anew: they are renewed while we run.

    Args:
        options: Names the files.
        folder: What relative paths in `options` start from.

    Raises:
        SinkError: A file is missing, or is not what it should be.
    """
    paths = {
        name: folder / path
        for name, path in (
            ("ca_file", options.ca_file),
            ("cert_file", options.cert_file),
            ("key_file", options.key_file),
        )
        if path is not None
    }
    for name, path in paths.items():
        try:
            path.open("rb").close()
        except OSError as problem:
            raise SinkError(f"{name} {path}: {problem.strerror}") from problem
    context = Trust(ssl.PROTOCOL_TLS_CLIENT)  # wants a certificate, and the right name in it
    context.sslsocket_class = _Socket
    try:
        if "ca_file" in paths:
            context.load_verify_locations(paths["ca_file"])
        else:
            context.load_default_certs()
    except ssl.SSLError as problem:
        raise SinkError(
            f"ca_file {paths['ca_file']}: no certificate in PEM form in it"
        ) from problem
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if "cert_file" in paths:
        try:
            # An empty password makes a locked key an error; without one OpenSSL would ask.
            context.load_cert_chain(paths["cert_file"], paths["key_file"], password="")
        except ssl.SSLError as problem:
            raise SinkError(
                f"cert_file {paths['cert_file']}, key_file {paths['key_file']}: not a PEM "
                f"certificate and its unlocked key ({problem.reason or 'unreadable'})"
            ) from problem
    return context
