"""One queue record, processed: the one way into the processors, for Lambda and worker alike.

Records come at least once and in any order (architecture: the wire contract); late ones may have been put off
(processors/backlog.py). A record that can't be processed raises, is retried by its queue and dead-lettered in the end;
whoever waits for an answer gets an InternalError first.
"""

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from domain import tracing
from domain.evidence import Message
from domain.models import ChargePoint, Route
from ocppj import frames, timestamps, topics, versions
from ocppj.errors import Defect, FrameError, IdentityError, OcppError
from ocppj.frames import Answer, Call, CallError, CallResult, CallResultError, Send
from ocppj.versions import Version
from processors import dispatch, effects, presence, refusals, results, shadow, sweep, things
from processors.errors import RecordError
from processors.ports import Ports
from processors.routes import Request

log = structlog.get_logger(__name__)

INCOMING = "IncomingMessagesQueue"
DISCONNECTED = "DisconnectedChargePoints"
CREATED = "CreatedThings"
DELETED = "DeletedThings"
SHADOW_REPAIRS = "ShadowRepairs"
CALL_REFUSED = "CallRefused"  # the newest of each action and code is kept
QUEUES = (INCOMING, DISCONNECTED, CREATED, DELETED, SHADOW_REPAIRS)

# Nobody waits for the answer any more, and nothing of it is stored: not worth a look.
_UNREAD_WHEN_LATE = frozenset({"Heartbeat", "Authorize"})

Record = dict[str, Any]
Rows = Mapping[str, ChargePoint]


@dataclass(frozen=True, slots=True)
class _Reply:
    """Where an answer goes, and how many seconds it is worth something; 0 or less if nobody waits for it."""

    charge_point_id: str
    route: Route
    epoch: int | None
    left_s: float

    def publish(self, answer: Answer, ports: Ports) -> None:
        if self.left_s > 0:
            text, expires_in_s = frames.encode(answer), math.ceil(self.left_s)
            ports.outbound.publish(self.charge_point_id, text, self.route, epoch=self.epoch, expires_in_s=expires_in_s)


def read(body: str) -> Record:
    """The record in the body of a queue's message.

    Raises:
        RecordError: it is no JSON object.
    """
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RecordError("a record that is no JSON") from error
    if not isinstance(record, dict):
        raise RecordError("a record that is no JSON object")
    return record


def rows_of(bodies: Iterable[str], ports: Ports) -> Rows | None:
    """The registry rows of a batch, read at once; a body that can't be read is left to its own record.

    None if one of the rows can't be read: then every record reads its own, and one of them fails.
    """
    ids = set()
    for body in bodies:
        with suppress(RecordError):
            record = read(body)
            ids |= set() if _is_stale(record, ports) else _about(record)
    try:
        return ports.registry.find_many(sorted(ids))
    except (KeyError, TypeError, ValueError):
        log.exception("a row of the batch can't be read", rows=len(ids))
        return None


def _about(record: Record) -> set[str]:
    charge_point_id = record.get("chargePointId")
    # What only marks the end of a connection reads its row itself, as late as it can.
    if not isinstance(charge_point_id, str) or record.get("event") == "disconnected":
        return set()
    # The rule lets `/in` through, too, and DynamoDB refuses a batch for an empty key in it.
    with suppress(IdentityError):
        topics.unescape(charge_point_id)
        return {charge_point_id}
    return set()


def process(record: Record, ports: Ports, *, queue: str, rows: Rows | None = None) -> None:
    """Process one record of this queue; `rows` are the rows of its batch, if they were read already.

    Raises:
        RecordError: it is none of ours.
    """
    if _is_stale(record, ports):
        return
    rows = ports.registry.find_many(_about(record)) if rows is None else rows
    match record:
        case {"chargePointId": str(charge_point_id), "message": message, "receivedAt": int() | float()}:
            _traced(record, message, rows.get(charge_point_id), ports)
        case {"event": "connected", "chargePointId": str(charge_point_id), "epoch": epoch}:
            presence.connected(charge_point_id, rows.get(charge_point_id), int(epoch), ports)
        case {"event": "disconnected", "chargePointId": str(charge_point_id), "epoch": epoch, "at": str(at)}:
            _disconnected(record, charge_point_id, int(epoch), timestamps.parse(at), queue, ports)
        case {"event": "refused", "gateway": str(gateway), "refused": list(refused)}:
            refusals.keep(refused, gateway, ports)
        case {"event": "down", "gateway": str(gateway)}:
            presence.gateway_down(gateway, record.get("link"), ports)
        case {"event": "sweep"}:
            sweep.sweep(ports)
        case {"event": "shadow", "chargePointId": str(charge_point_id)}:
            shadow.repair(charge_point_id, rows.get(charge_point_id), ports)
        case {"eventType": "THING_EVENT", "thingName": str(), "thingId": str(), "operation": str()}:
            things.event(record, ports)
        case _:
            raise RecordError(f"a record of none of our shapes, with {', '.join(map(str, record)) or 'nothing in it'}")


def _disconnected(record: Record, charge_point_id: str, epoch: int, at: datetime, queue: str, ports: Ports) -> None:
    seen = record.get("lastSeen")  # missing where the socket never came to be
    last_seen = timestamps.parse(seen) if seen else None
    if queue == DISCONNECTED:
        presence.settled(charge_point_id, epoch, at, last_seen, ports)
    else:
        presence.keep_history(record, ports)
        presence.disconnected(charge_point_id, epoch, at, last_seen, ports)


def _is_stale(record: Record, ports: Ports) -> bool:
    """Whether it is so old that nobody waits for its answer, and stores nothing: then its row need not be read."""
    match record:
        case {"message": [_, _, str(action), *_], "receivedAt": int() | float() as received_ms}:
            age_s = ports.clock().timestamp() - received_ms / 1000
            return action in _UNREAD_WHEN_LATE and age_s >= ports.settings.call_timeout_s
    return False


def _traced(record: Record, message: Any, row: ChargePoint | None, ports: Ports) -> None:
    traceparent, charge_point_id = record.get(tracing.PROPERTY), record["chargePointId"]
    if not traceparent:
        _frame(record, message, row, ports)
        return
    with tracing.following(traceparent, "process frame", charge_point_id=charge_point_id) as trace_id:
        _frame(record, message, row, ports)
        if trace_id:
            log.info("traced", step="processed", charge_point_id=charge_point_id)


def _frame(record: Record, message: Any, row: ChargePoint | None, ports: Ports) -> None:
    charge_point_id = record["chargePointId"]
    try:
        frame = frames.of_json(message)
    except FrameError as error:
        # The gateway judges frames and lets none of these through; somebody else published it.
        log.warning("unreadable frame ignored", charge_point_id=charge_point_id, defect=error.defect.name)
        return
    received_at = datetime.fromtimestamp(record["receivedAt"] / 1000, UTC)
    match frame:
        case CallResult() | CallError():
            results.receive(charge_point_id, row, frame, received_at, ports)
        case CallResultError():
            log.warning("our answer was refused", charge_point_id=charge_point_id, code=frame.code)
        case Call() | Send():
            version = _version(record, row)
            if row is None or version is None:
                # A stranger, or one that was just struck off; and without a version the payload means nothing.
                missing = "no registry row" if row is None else "no OCPP version known"
                log.warning("frame ignored", reason=missing, charge_point_id=charge_point_id, action=frame.action)
                return
            epoch = int(record.get("epoch") or 0) or None
            now = ports.clock()
            request = Request(row, version, frame.message_id, frame.action, frame.payload, received_at, now)
            _request(request, isinstance(frame, Call), _reply(request, epoch, ports), ports)


def _version(record: Record, row: ChargePoint | None) -> Version | None:
    subprotocol = record.get("ocpp")
    if subprotocol:
        return versions.of_subprotocol(subprotocol)
    return row.connection.version if row is not None and row.connection is not None else None


def _reply(request: Request, epoch: int | None, ports: Ports) -> _Reply:
    connection = request.charge_point.connection
    age_s = max(0.0, (request.now - request.received_at).total_seconds())
    left_s = ports.settings.call_timeout_s - age_s
    if connection is None:
        return _Reply(request.charge_point_id, Route("", 0), epoch, left_s)
    is_older = epoch < connection.epoch if epoch else request.received_at < connection.connected_at
    return _Reply(
        request.charge_point_id,
        Route(connection.gateway, connection.link),
        epoch or connection.epoch,
        0 if is_older else left_s,
    )


def _request(request: Request, is_call: bool, reply: _Reply, ports: Ports) -> None:
    if reply.left_s <= 0 and request.action in _UNREAD_WHEN_LATE:
        return
    try:
        if is_call:
            _answer(request, reply, ports)
        else:
            _take(request, ports)
    finally:
        # After the answer, and whatever became of it: what the row says by now should be seen.
        if request.reported:
            shadow.report(request.charge_point_id, request.reported, ports)


def _take(request: Request, ports: Ports) -> None:
    try:
        dispatch.take(request, ports)
    except OcppError as error:
        _refused(request, error, ports)  # a SEND is never answered, not even when it is wrong (B-32)


def _answer(request: Request, reply: _Reply, ports: Ports) -> None:
    try:
        payload = dispatch.answer(request, ports)
    except OcppError as error:
        _refused(request, error, ports)
        reply.publish(_error(request, error.defect, error), ports)
    except Exception:
        # Broad, but raised again: the charge point hears at once that it must try again (B-28), and the queue
        # retries what happened here.
        reply.publish(_error(request, Defect.INTERNAL), ports)
        raise
    else:
        reply.publish(CallResult(request.message_id, payload), ports)
        for follow in request.afterwards:
            follow()
        row, at = request.charge_point, request.received_at
        effects.observe(Message(request.action, request.payload, payload, at, row), ports)


def _error(request: Request, defect: Defect, error: OcppError | None = None) -> CallError:
    description, details = (error.description, error.details) if error else ("please try again", {})
    return CallError(request.message_id, defect.code(request.version), description, details)


def _refused(request: Request, error: OcppError, ports: Ports) -> None:
    # Not the description: it quotes the value, which may be an id token.
    code, pointer = error.defect.code(request.version), error.details.get("pointer")
    log.warning("refused", charge_point_id=request.charge_point_id, action=request.action, code=code, pointer=pointer)
    told = {"action": request.action, "code": code, "pointer": pointer}
    ports.reports.keep(request.charge_point_id, CALL_REFUSED, f"{request.action}#{code}", told, request.received_at)
