"""From a CALL to the payload of its answer: check, find the function, call it, check what it says."""

from ocppj import schemas
from ocppj.errors import Defect, OcppError, PayloadError
from ocppj.frames import Payload
from ocppj.versions import Version
from processors import (
    authorization,
    boot,
    certificates,
    data_transfer,
    firmware,
    gate,
    meter_values,
    reports,
    routes,
    security,
    status,
    transactions,
)
from processors.errors import AnswerError
from processors.ports import Ports
from processors.routes import Handler, Request

# Importing a subject registers its routes.
SUBJECTS = (
    authorization, boot, certificates, data_transfer, firmware, meter_values, reports, security, status,
    transactions,
)  # fmt: skip

# Sent as a SEND, which is never answered (J21 §4.2.4); everything else is a CALL.
UNCONFIRMED = frozenset({"NotifyPeriodicEventStream"})


def handler_of(action: str, version: Version) -> Handler:
    """The function that answers this action.

    Raises:
        OcppError: NotImplemented for an action of no schema, NotSupported for one that is not ours to answer (B-29).
    """
    handler = routes.find(action, version)
    if handler is None or action not in schemas.actions(version):
        known = action in schemas.actions(version)
        defect = Defect.UNSUPPORTED_ACTION if known else Defect.UNKNOWN_ACTION
        raise OcppError(defect, f"{action} is not answered in {version}")
    return handler


def answer(request: Request, ports: Ports) -> Payload:
    """The payload of the CALLRESULT to a CALL.

    Raises:
        OcppError: what the charge point got wrong.
        AnswerError: what we got wrong.
    """
    if request.action in UNCONFIRMED:
        raise OcppError(Defect.UNSUPPORTED_ACTION, f"{request.action} is a SEND")
    payload = _handle(request, ports)
    try:
        schemas.check(request.version, request.action, "response", payload)
    except PayloadError as error:
        raise AnswerError(f"our answer to {request.action} of {request.version}: {error.description}") from error
    return payload


def take(request: Request, ports: Ports) -> None:
    """Take in a SEND.

    Raises:
        OcppError: what the charge point got wrong.
    """
    if request.action not in UNCONFIRMED:
        raise OcppError(Defect.UNSUPPORTED_ACTION, f"{request.action} is a CALL")
    _handle(request, ports)


def _handle(request: Request, ports: Ports) -> Payload:
    handler = handler_of(request.action, request.version)
    gate.check(request, ports)
    schemas.check(request.version, request.action, "request", request.payload)
    return handler(request, ports)
