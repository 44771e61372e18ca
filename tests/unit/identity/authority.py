"""A certificate authority of a test, and its EST server (RFC 7030) on loopback."""

from __future__ import annotations

import base64
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """Signs what it is given.

    Args:
        name: Its common name.
        issuer: Who vouches for it; itself where None.
    """

    def __init__(self, name: str, issuer: Authority | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        by = issuer or self
        self.certificate = self._signed(by, self.name, self.key.public_key(), is_authority=True)

    def sign(
        self,
        request: x509.CertificateSigningRequest,
        *,
        begins: datetime = NOW - timedelta(days=1),
        ends: datetime = NOW + timedelta(days=3650),
    ) -> x509.Certificate:
        return self._signed(self, request.subject, request.public_key(), begins=begins, ends=ends)

    def server(self, folder: Path) -> tuple[Path, Path]:
        """Certificate and key of a server on 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([address])
        certificate = self._signed(self, _name("est"), key.public_key(), names)
        cert_file, key_file = folder / "est.pem", folder / "est.key"
        cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key_file.write_bytes(raw)
        return cert_file, key_file

    def _signed(
        self,
        by: Authority,
        subject: x509.Name,
        key: object,
        *more: x509.ExtensionType,
        is_authority: bool = False,
        begins: datetime = NOW - timedelta(days=1),
        ends: datetime = NOW + timedelta(days=3650),
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by.name)
            .public_key(key)  # type: ignore[arg-type] # one of many kinds
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(by.key, hashes.SHA256())


class Est:
    """An EST server.

    Attributes:
        status: What it answers with.
        asked: Path, authorization and the name in the client's certificate, of each request.
    """

    def __init__(self, authority: Authority, port: int) -> None:
        self.authority, self.port = authority, port
        self.status = 200
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@contextmanager
def est(authority: Authority, folder: Path) -> Iterator[Est]:
    """Serve until the test is over; a client may show a certificate of the authority."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            channel = self.connection
            assert isinstance(channel, ssl.SSLSocket)
            der = channel.getpeercert(binary_form=True)
            shown = x509.load_der_x509_certificate(der).subject if der else x509.Name([])
            names = [attribute.value for attribute in shown]
            told = self.headers.get("Authorization", "")
            running.asked.append((self.path, told, str(names[0]) if names else ""))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if running.status != 200:
                self.send_response(running.status)
                self.send_header("Retry-After", "600")
                self.end_headers()
                return
            request = x509.load_der_x509_csr(base64.b64decode(body))
            assert request.is_signature_valid
            signed = [authority.sign(request)]
            answer = base64.encodebytes(pkcs7.serialize_certificates(signed, Encoding.DER))
            self.send_response(200)
            self.send_header("Content-Type", "application/pkcs7-mime; smime-type=certs-only")
            self.send_header("Content-Transfer-Encoding", "base64")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing to the terminal."""

    cert_file, key_file = authority.server(folder)
    ca_file = folder / "authority.pem"
    ca_file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        running = Est(authority, server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
