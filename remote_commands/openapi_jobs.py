"""The schemas of jobs in the OpenAPI document."""

from typing import Any

from domain.jobs import JobState
from domain.models import CommandState

_TEXT = {"type": ["string", "null"]}
_NUMBER = {"type": ["integer", "null"]}

JOB: dict[str, Any] = {
    "type": "object",
    "description": "One command for many charge points, and how far it is.",
    "required": ["jobId", "action", "payload", "selector", "state", "sent", "outcomes", "createdAt"],
    "properties": {
        "jobId": {"type": "string"},
        "action": {"type": "string", "description": "A neutral command, or an OCPP action."},
        "payload": {"type": "object"},
        "selector": {"type": "object"},
        "ratePerSecond": {"type": "number"},
        "stopAfterFailures": _NUMBER,
        "canaryPercent": {"type": ["number", "null"]},
        "soakSeconds": {"type": "integer"},
        "state": {"enum": [state.value for state in JobState]},
        "reason": _TEXT | {"description": "Why it stopped."},
        "total": _NUMBER | {"description": "How many charge points; null while they are looked for."},
        "sent": {"type": "integer", "description": "How many of them are done or have their command."},
        "outcomes": {
            "type": "object",
            "description": "How many of those are in which state; refused had no command, no_effect did nothing.",
            "additionalProperties": {"type": "integer"},
        },
        "issuedBy": _TEXT,
        "createdAt": {"type": "string", "format": "date-time"},
        "endedAt": {"type": ["string", "null"], "format": "date-time"},
    },
    "additionalProperties": False,
}
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["chargePointId", "state", "effect", "commandId", "problem"],
    "properties": {
        "chargePointId": {"type": "string"},
        "state": {"enum": ["waiting", "refused", *(state.value for state in CommandState)]},
        "effect": {"enum": ["pending", "confirmed", "not_observed", "none"]},
        "commandId": _TEXT,
        "problem": {
            "type": ["object", "null"],
            "required": ["code", "detail"],
            "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
        },
    },
    "additionalProperties": False,
}
