"""Everything this package raises on purpose, in one tree.

    EdgeError
      InputError               an argument or a file given on the command line is wrong
        ConfigError            a configuration file cannot be used; carries every problem
      SourceError
        SourceLost             the stream ended, stalled or cannot be reached: worth a retry
        SourceRefused          wrong password or no such stream: retried, slowly
        SourceUnsupported      a codec or container nothing here can decode
      ModelError
        CardInvalid            a model card that cannot be used
        ModelMissing           no weights on the search path
        ModelMismatch          weights whose SHA-256 or tensors are not the card's
        ModelRefused           the policy does not admit it
      DetectorStalled          the engine did not answer in time: never an empty scene
      SinkError
        BrokerRefused          the broker answered, and said no
        OutboxError            the disk outbox cannot be used
      EvidenceError            evidence cannot be kept, read, exported or delivered
        DeliveryFailed         evidence did not reach the other side: worth a retry
        EvidenceInvalid        a sidecar, a media file or an export is not what it should be
        EvidenceUnmade         a clip or snapshot could not be made, or may not be
      MissingDependency        an optional library is not installed

Each also inherits the built-in that fits, so a caller who knows only Python's own errors can
still handle them. A message says what failed, on what, expected against got, and what to do.
"""

from __future__ import annotations


class EdgeError(Exception):
    """Base of every error raised on purpose; its text is fit for a technician."""


class InputError(EdgeError, ValueError):
    """An argument, or a file named by one, cannot be used."""


class ConfigError(InputError):
    """One or more configuration files cannot be used."""


class SourceError(EdgeError, OSError):
    """A camera's stream cannot be had."""


class SourceLost(SourceError, ConnectionError):
    """The stream ended, stalled, or its address does not answer."""


class SourceRefused(SourceError, PermissionError):
    """The camera answered and refused: credentials or path."""


class SourceUnsupported(SourceError):
    """The stream is there, and nothing here can decode it."""


class ModelError(EdgeError):
    """A model cannot be used."""


class CardInvalid(ModelError, ValueError):
    """A model card is malformed or contradicts itself."""


class ModelMissing(ModelError, FileNotFoundError):
    """No file for this model on the search path."""


class ModelMismatch(ModelError, ValueError):
    """The file is not what its card says: other hash, other tensors."""


class ModelRefused(ModelError, PermissionError):
    """The operator's policy does not admit this model."""


class DetectorStalled(EdgeError, TimeoutError):
    """The engine did not answer within its deadline, or failed while running."""


class SinkError(EdgeError, OSError):
    """Events cannot be stored or sent."""


class BrokerRefused(SinkError, ConnectionRefusedError):
    """The broker answered and refused the connection or the message."""


class OutboxError(SinkError):
    """The disk outbox cannot be opened, read or written."""


class AuditError(EdgeError, OSError):
    """The audit log cannot be written or read."""


class EvidenceError(EdgeError, OSError):
    """Evidence cannot be kept, read, exported or delivered."""


class DeliveryFailed(EvidenceError, ConnectionError):
    """Evidence did not reach the other side, or not as it was sent."""


class EvidenceInvalid(EvidenceError, ValueError):
    """A sidecar, a media file or an export is not what it should be."""


class EvidenceUnmade(EvidenceError):
    """A clip or snapshot could not be made, or its policy does not let it be made."""


class MissingDependency(EdgeError, ImportError):
    """An optional library is needed for what was asked, and is not installed."""
