"""What can be wrong with a frame or a payload, and the code each OCPP version has for it.

OcppError                 anything the other side got wrong or we can't do; becomes a CALLERROR
├── FrameError            the text is no OCPP-J frame (conformance B.3, E1-E8)
└── PayloadError          the payload breaks its schema (E11-E17); knows the JSON pointer
IdentityError             no charge point identity, or one that can't be a topic level
UnknownVersionError       a subprotocol we don't speak (in `versions`)
"""

from enum import Enum
from typing import Any

from ocppj.versions import V16, Version

NO_MESSAGE_ID = "-1"  # 2.0.1 part 4 §4.2.3: the id of an answer to an unreadable message
MAX_DESCRIPTION = 255


class Defect(Enum):
    """A row of conformance B.3: (code in 1.6, code in 2.0.1 and 2.1)."""

    NOT_JSON = ("FormationViolation", "RpcFrameworkError", "E1")
    NOT_A_FRAME = ("FormationViolation", "RpcFrameworkError", "E2")
    WRONG_LENGTH = ("ProtocolError", "RpcFrameworkError", "E3")
    NO_MESSAGE_ID = ("FormationViolation", "RpcFrameworkError", "E4")
    LONG_MESSAGE_ID = ("FormationViolation", "RpcFrameworkError", "E5")
    ACTION_NOT_STRING = ("FormationViolation", "RpcFrameworkError", "E6")
    PAYLOAD_NOT_OBJECT = ("FormationViolation", "FormatViolation", "E7")
    UNKNOWN_MESSAGE_TYPE = ("ProtocolError", "MessageTypeNotSupported", "E8")
    UNKNOWN_ACTION = ("NotImplemented", "NotImplemented", "E9")
    UNSUPPORTED_ACTION = ("NotSupported", "NotSupported", "E10")
    MISSING_FIELD = ("ProtocolError", "OccurrenceConstraintViolation", "E11")
    UNKNOWN_FIELD = ("FormationViolation", "FormatViolation", "E12")
    WRONG_TYPE = ("TypeConstraintViolation", "TypeConstraintViolation", "E13")
    BAD_VALUE = ("PropertyConstraintViolation", "PropertyConstraintViolation", "E14")
    TOO_LONG = ("TypeConstraintViolation", "PropertyConstraintViolation", "E15")
    BAD_TIMESTAMP = ("TypeConstraintViolation", "TypeConstraintViolation", "E16")
    # One r: the misspelling is normative in 1.6 (J16 table 7, errata 5.1).
    BAD_COUNT = ("OccurenceConstraintViolation", "OccurrenceConstraintViolation", "E17")
    DUPLICATE_MESSAGE_ID = ("ProtocolError", "RpcFrameworkError", "E18")
    NOT_ACCEPTED = ("SecurityError", "SecurityError", "E19")
    INTERNAL = ("InternalError", "InternalError", "E20")

    def code(self, version: Version) -> str:
        """The error code as this OCPP version spells it."""
        return self.value[0] if version.base is V16 else self.value[1]


class OcppError(Exception):
    """Something the peer is told about in a CALLERROR."""

    def __init__(self, defect: Defect, description: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(description)
        self.defect = defect
        self.description = description[:MAX_DESCRIPTION]
        self.details = details or {}


class FrameError(OcppError):
    """The text is no OCPP-J frame; `message_id` is "-1" where it could not be read.

    `answerable` says whether the broken frame may be answered: only a CALL may be answered by a CALLERROR
    (J16 §4.2.3), everything else is ignored and counted.
    """

    def __init__(
        self, defect: Defect, description: str, message_id: str = NO_MESSAGE_ID, *, answerable: bool = True
    ) -> None:
        super().__init__(defect, description)
        self.message_id = message_id
        self.answerable = answerable

    def answer_id(self, version: Version) -> str:
        """The id to answer with: 2.x can't carry an id over 36 characters, 1.6 has no "-1" (E5)."""
        too_long = self.defect is Defect.LONG_MESSAGE_ID and version.base is not V16
        return NO_MESSAGE_ID if too_long else self.message_id


class PayloadError(OcppError):
    """The payload breaks its schema at `pointer` (a JSON pointer, RFC 6901)."""

    def __init__(self, defect: Defect, description: str, pointer: str) -> None:
        super().__init__(defect, description, {"pointer": pointer} if pointer else None)
        self.pointer = pointer


class IdentityError(ValueError):
    """Not an identity of a charge point, or not one that fits a topic level and an IoT thing name."""
