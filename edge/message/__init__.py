"""Message: an event with a number and an address, in the form that leaves the box.

Pure: time, randomness and numbers come in as arguments; `edge.sinks._outbox` supplies them. With
`edge.topics` this is the wire contract: fields and their order may only be added to. A field that
has nothing to say is left out, never null. Readers ignore fields they do not know.

    _wire       what all are made of           _event    events
    _about      what the box is and runs       _states   how box, cameras and rules are now
    _health     vital signs                    _audit    the log's heads, witnesses, reviews
    _schema     all of it for machines
"""

from __future__ import annotations

from edge.message._about import (
    About,
    CameraAbout,
    ConfigNotice,
    ConfigProblem,
    ModelAbout,
    PolicyAbout,
    RefusalAbout,
    RuleAbout,
)
from edge.message._audit import AuditHead, ConsistencyProof, Cosigned, Review
from edge.message._event import (
    MAX_BYTES,
    EventMessage,
    Evidence,
    LostMessages,
    SeenObject,
    compose,
    lost_messages,
)
from edge.message._health import AuditHealth, BrokerHealth, Health, OutboxHealth
from edge.message._schema import event_schema, message_schema
from edge.message._states import (
    CameraStatus,
    NodeState,
    NodeStatus,
    RuleStatus,
    Watching,
    rule_status,
)
from edge.message._wire import (
    MAX_REASON,
    Count,
    Message,
    Origin,
    Sha256,
    Share,
    Timestamp,
    Trial,
    Uuid7,
    Words,
    encode,
    shortened,
)

__all__ = [
    "MAX_BYTES",
    "MAX_REASON",
    "About",
    "AuditHead",
    "AuditHealth",
    "BrokerHealth",
    "CameraAbout",
    "CameraStatus",
    "ConfigNotice",
    "ConfigProblem",
    "ConsistencyProof",
    "Cosigned",
    "Count",
    "EventMessage",
    "Evidence",
    "Health",
    "LostMessages",
    "Message",
    "ModelAbout",
    "NodeState",
    "NodeStatus",
    "Origin",
    "OutboxHealth",
    "PolicyAbout",
    "RefusalAbout",
    "Review",
    "RuleAbout",
    "RuleStatus",
    "SeenObject",
    "Sha256",
    "Share",
    "Timestamp",
    "Trial",
    "Uuid7",
    "Watching",
    "Words",
    "compose",
    "encode",
    "event_schema",
    "lost_messages",
    "message_schema",
    "rule_status",
    "shortened",
]
