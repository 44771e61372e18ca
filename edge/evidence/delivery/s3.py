"""S3: storage that speaks Amazon's protocol, in parts of 8 MiB that are sent once.

Boundary: the only file that talks to `boto3`. The server keeps the parts of an upload that was
cut; what lies there with the right MD5 is not sent again. At the end the ETag must be the one of
these parts; where the server gives another kind of ETag, the object is read back and hashed.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from edge.errors import DeliveryFailed, MissingDependency
from edge.evidence.delivery import Delivery, DeliveryOptions, Pace, Parcel, read_back
from edge.evidence.delivery._address import checked

PART = 8 << 20
_CONNECT_S, _READ_S = 10, 60


class Options(DeliveryOptions):
    """A bucket of S3-compatible storage."""

    kind: Literal["s3"]
    insecure: Annotated[
        bool, Field(description="Accept http:// to another machine: all travels in clear text.")
    ] = False
    url: Annotated[
        str, Field(description="Address of the service.", examples=["https://s3.example"])
    ]
    bucket: Annotated[
        str,
        Field(
            min_length=3, max_length=63, description="The bucket; it exists.", examples=["evidence"]
        ),
    ]
    prefix: Annotated[
        str, Field(description="Put before each name.", examples=["westminster/cabinet-017"])
    ] = ""
    region: Annotated[str, Field(description="Region, where the service has several.")] = (
        "us-east-1"
    )
    access_key: Annotated[
        SecretStr, Field(description="Access key.", examples=["!secret s3_access"])
    ]
    secret_key: Annotated[
        SecretStr, Field(description="Secret key.", examples=["!secret s3_secret"])
    ]
    ca_file: Annotated[
        Path | None,
        Field(description="Certificates that may vouch for it (PEM).", examples=["tls/ca.pem"]),
    ] = None

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str, info: ValidationInfo) -> str:
        return checked(url, insecure=bool(info.data.get("insecure")))

    def open(self) -> Delivery:
        """The way there."""
        return _S3(self)


class _Body(io.BytesIO):
    """A part that leaves at the pace; the library reads it once before, to sign it."""

    pace: Pace | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if self.pace is not None:
            self.pace.take(len(chunk))
        return chunk


class _S3:
    """The way to one bucket."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.place = f"{options.url}/{options.bucket}"
        self._client: Any = None
        self._going: tuple[_Body, Pace] | None = None

    def send(self, parcel: Parcel, pace: Pace) -> None:
        with self._in_words(parcel.name):
            client = self._connected()
            prefix = self._options.prefix.strip("/")
            key = f"{prefix}/{parcel.name}" if prefix else parcel.name
            where = {"Bucket": self._options.bucket, "Key": key}
            if parcel.size <= PART:
                expected = self._put_whole(client, where, parcel, pace)
            else:
                expected = self._put_parts(client, where, parcel, pace)
            self._verify(client, where, parcel, expected)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _put_whole(self, client: Any, where: dict[str, str], parcel: Parcel, pace: Pace) -> str:
        content = b"".join(parcel.read(0))
        md5 = _md5(content)
        self._going = (_Body(content), pace)
        client.put_object(
            **where,
            Body=self._going[0],
            ContentMD5=base64.b64encode(md5).decode(),
            Metadata={"sha256": parcel.sha256},
        )
        return md5.hex()

    def _put_parts(self, client: Any, where: dict[str, str], parcel: Parcel, pace: Pace) -> str:
        upload = self._begun(client, where, parcel)
        there = self._parts(client, where, upload)
        done, digests = [], []
        for number, content in enumerate(_parts_of(parcel), 1):
            md5 = _md5(content)
            tag = f'"{md5.hex()}"'
            if there.get(number) != tag:
                self._going = (_Body(content), pace)
                answer = client.upload_part(
                    **where,
                    UploadId=upload,
                    PartNumber=number,
                    Body=self._going[0],
                    ContentMD5=base64.b64encode(md5).decode(),
                )
                tag = answer["ETag"]
            digests.append(md5)
            done.append({"PartNumber": number, "ETag": tag})
        client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": done})
        return f"{_md5(b''.join(digests)).hex()}-{len(digests)}"

    def _begun(self, client: Any, where: dict[str, str], parcel: Parcel) -> str:
        """An upload of this key that was cut, or a new one."""
        try:
            answer = client.list_multipart_uploads(Bucket=where["Bucket"], Prefix=where["Key"])
        except client.exceptions.NoSuchUpload:  # so rclone's server says that there is none
            answer = {}
        for upload in answer.get("Uploads", []):
            if upload["Key"] == where["Key"]:
                return str(upload["UploadId"])
        begun = client.create_multipart_upload(**where, Metadata={"sha256": parcel.sha256})
        return str(begun["UploadId"])

    def _parts(self, client: Any, where: dict[str, str], upload: str) -> dict[int, str]:
        """ETag by number of what is there already."""
        pages = client.get_paginator("list_parts").paginate(**where, UploadId=upload)
        parts = (part for page in pages for part in page.get("Parts", []))
        return {part["PartNumber"]: part["ETag"] for part in parts}

    def _verify(self, client: Any, where: dict[str, str], parcel: Parcel, expected: str) -> None:
        answer = client.head_object(**where)
        tag = answer["ETag"].strip('"')
        if answer["ContentLength"] == parcel.size and tag == expected:
            return
        content = client.get_object(**where)["Body"].iter_chunks(1 << 16)
        read_back(self.place, parcel, content, partial(client.delete_object, **where))

    def _connected(self) -> Any:
        if self._client is not None:
            return self._client
        try:
            import boto3
            from botocore.config import Config
        except ImportError as exc:
            raise MissingDependency(
                "sending evidence to S3 needs `boto3`: pip install 'edge-appliance[upload]'"
            ) from exc
        options = self._options
        self._client = boto3.session.Session().client(
            "s3",
            endpoint_url=options.url,
            region_name=options.region,
            aws_access_key_id=options.access_key.get_secret_value(),
            aws_secret_access_key=options.secret_key.get_secret_value(),
            verify=str(options.ca_file) if options.ca_file else None,
            config=Config(
                connect_timeout=_CONNECT_S,
                read_timeout=_READ_S,
                retries={"total_max_attempts": 1},  # the courier tries again
                request_checksum_calculation="when_required",  # others than Amazon know no trailers
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            ),
        )
        self._client.meta.events.register("before-send.s3", self._let_go)
        return self._client

    def _let_go(self, **_: Any) -> None:
        """The body is signed and leaves now: from here on at the pace."""
        if self._going is not None:
            body, pace = self._going
            body.pace, self._going = pace, None

    @contextmanager
    def _in_words(self, name: str) -> Iterator[None]:
        try:
            yield
        except (DeliveryFailed, MissingDependency):
            raise
        except Exception as exc:
            self.close()
            if not type(exc).__module__.startswith(("botocore", "boto3", "urllib3")) and not (
                isinstance(exc, OSError)
            ):
                raise
            raise DeliveryFailed(f"{self.place}: {name} was not sent: {exc}") from exc


def _parts_of(parcel: Parcel) -> Iterator[bytes]:
    waiting = bytearray()
    for chunk in parcel.read(0):
        waiting += chunk
        if len(waiting) >= PART:
            yield bytes(waiting[:PART])
            del waiting[:PART]
    if waiting:
        yield bytes(waiting)


def _md5(content: bytes) -> bytes:
    """What S3 calls ETag: it finds accidents; the SHA-256 of the sidecar is the proof."""
    return hashlib.md5(content, usedforsecurity=False).digest()
