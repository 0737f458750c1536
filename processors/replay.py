"""Logged frames through the processors as they are now, and what became of them beside what was stored.

Everything that is written goes to stores in memory. The clock says what it said then, and a 1.6 transaction gets the
id that the log says it was given. What the log can't know is not compared: calls nobody answered, transactions that
began before it or went on after it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
import structlog

from domain import archive, secrets
from domain.archive import FRAMES, Archive, Row
from domain.models import ChargePoint, Command, CommandState, Connection, Transaction
from domain.ports import Admissions, Registry, RowChangedError, Transactions
from ocppj import frames, timestamps, versions
from ocppj.frames import Call, CallResult
from processors import inbox
from processors.ports import Ports

log = structlog.get_logger(__name__)

CallKey = tuple[str, int, str, str]  # charge point, epoch, message id, received at
StartKey = tuple[str, str, str, str, str]  # charge point, connector, timestamp, id tag, meter

CALL = 2
ANSWERS = (3, 4)
# What comes from frames before or after: who came next, and when its gateway was last heard of.
_NOT_COMPARED = frozenset({"next_started_at", "start_received_at", "stop_received_at"})
# What a transaction that goes on after the log has already.
_OF_THE_START = frozenset({
    "version", "connector", "id_token", "id_token_type", "id_token_status", "started_at", "meter_start_wh",
    "remote_start_id", "reservation_id", "start_number",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it was: `subject` names the frame, the transaction or the connector."""

    charge_point_id: str
    at: str
    subject: str
    was: Any
    now: Any


@dataclass(slots=True)
class Result:
    """What was compared, and what differs."""

    frames: int = 0
    answers: int = 0
    unanswered: int = 0
    transactions: int = 0
    connectors: int = 0
    differences: list[Difference] = field(default_factory=list)


class LoggedIds:
    """Ids for 1.6 transactions: what the log says was given, or else one that was not."""

    def __init__(self) -> None:
        self.logged: int | None = None
        self._others = count(2**31 - 1, -1)

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        given, self.logged = self.logged, None
        return next(self._others) if given is None else given


@dataclass(frozen=True, slots=True)
class Stage:
    """Stores in memory with the rows of the registry in them; `published` are the frames its outbound took."""

    ports: Ports
    admissions: Admissions
    published: Sequence[Any]
    ids: LoggedIds


@dataclass(slots=True)
class Clock:
    """Says what it is told to say."""

    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def rows(since: datetime, until: datetime, only: Sequence[str], files: Archive) -> list[Row]:
    """The logged frames of a time, of these charge points or of all, in order."""
    found = archive.read(FRAMES, since, until, files)
    return archive.in_order(row for row in found if not only or row["charge_point_id"] in only)


def as_before(stored: Mapping[str, ChargePoint], since: datetime) -> list[ChargePoint]:
    """Rows as they were when the log began, as far as that is known: one made since then had not booted."""
    return [
        replace(
            row,
            disabled=False,
            connection=None,
            connectors={},
            boot=None if row.created_at is not None and row.created_at >= since else row.boot,
        )
        for row in stored.values()
    ]


def replay(logged: Sequence[Row], stage: Stage, clock: Clock) -> Result:
    """Feed the frames to the processors, and compare the answers."""
    answers = _answers(logged)
    given = _given_ids(logged, answers)
    result = Result()
    for row in logged:
        if row["message_type"] is None:
            continue
        if row["direction"] == "out":
            _note_command(row, stage.ports)
            continue
        result.frames += 1
        _connect(row, stage.admissions)
        logged_answer = answers.get(_call(row))
        stage.ids.logged = given.get(_start(row))
        clock.now = _then(row, logged_answer, stage.ports.settings.call_timeout_s)
        before = len(stage.published)
        _process(row, stage.ports)
        if row["message_type"] == CALL:
            _compare_answer(row, logged_answer, _answer_in(stage.published[before:], row), result)
    return result


def compare(
    logged: Sequence[Row], stage: Stage, registry: Registry, transactions: Transactions, result: Result
) -> None:
    """Compare transactions and connectors with what was stored, as far as the log goes."""
    horizon = max((timestamps.parse(row["received_at"]) for row in logged), default=None)
    if horizon is None:
        return
    ids = sorted({row["charge_point_id"] for row in logged})
    stored, now = registry.find_many(ids), stage.ports.registry.find_many(ids)
    for charge_point_id in sorted(stored.keys() & now.keys()):
        _compare_connectors(stored[charge_point_id], now[charge_point_id], horizon, result)
    for charge_point_id, transaction_id in _begun(logged):
        replayed = stage.ports.transactions.find(charge_point_id, transaction_id)
        if replayed is not None and replayed.started_at is not None:
            found = transactions.find(charge_point_id, transaction_id)
            _compare_transaction(replayed, found, horizon, result)


def _answers(logged: Sequence[Row]) -> dict[CallKey, Row]:
    """The logged answer of each CALL. Some charge points use an id again: an answer is the latest call's before it."""
    calls: dict[tuple[str, int, str], str] = {}
    found: dict[CallKey, Row] = {}
    for row in logged:
        key = (row["charge_point_id"], row["epoch"], row["message_id"])
        if row["direction"] == "in" and row["message_type"] == CALL:
            calls[key] = row["received_at"]
        elif row["direction"] == "out" and row["message_type"] in ANSWERS and key in calls:
            found.setdefault((*key, calls[key]), row)
    return found


def _connect(row: Row, admissions: Admissions) -> None:
    known = admissions.find(row["charge_point_id"])
    if known is None or not row["ocpp"] or (known.connection and known.connection.epoch >= (row["epoch"] or 1)):
        return
    at = timestamps.parse(row["received_at"])
    connection = Connection(versions.of_subprotocol(row["ocpp"]), "replay", 0, row["epoch"] or 1, at)
    try:
        admissions.connect(row["charge_point_id"], connection, known.credential_version)
    except RowChangedError:
        log.warning("not connected", charge_point_id=row["charge_point_id"])


def _then(row: Row, logged_answer: Row | None, call_timeout_s: float) -> datetime:
    """What the clock said when the frame was processed, as far as the log tells."""
    if logged_answer is None:
        return timestamps.parse(row["received_at"])
    match orjson.loads(logged_answer["message"]):
        case [3, _, {"currentTime": str(said)}]:
            return timestamps.parse(said)
    # It was answered, hence in time, however long the answer then took to the log.
    in_time = timestamps.parse(row["received_at"]) + timedelta(seconds=call_timeout_s - 1)
    return min(in_time, timestamps.parse(logged_answer["received_at"]))


def _given_ids(logged: Sequence[Row], answers: Mapping[CallKey, Row]) -> dict[StartKey | None, int]:
    """Which id a 1.6 start was given. Charge points repeat theirs until they hear it: any of the answers will do."""
    given: dict[StartKey | None, int] = {}
    for row in logged:
        start = _start(row)
        answer = answers.get(_call(row)) if start else None
        match orjson.loads(answer["message"]) if answer else None:
            case [3, _, {"transactionId": int(transaction_id)}]:
                given.setdefault(start, transaction_id)
    return given


def _start(row: Row) -> StartKey | None:
    """What makes two 1.6 starts the same start (domain.transactions.natural_key)."""
    if row["direction"] != "in" or row["action"] != "StartTransaction":
        return None
    match orjson.loads(row["message"]):
        case [_, _, _, {"connectorId": connector, "timestamp": at, "idTag": str(tag), "meterStart": meter}, *_]:
            return row["charge_point_id"], str(connector), str(at), tag.lower(), str(meter)
    return None


def _call(row: Row) -> CallKey:
    return row["charge_point_id"], row["epoch"], row["message_id"], row["received_at"]


def _process(row: Row, ports: Ports) -> None:
    received_ms = round(timestamps.parse(row["received_at"]).timestamp() * 1000)
    record = {
        "chargePointId": row["charge_point_id"],
        "message": orjson.loads(row["message"]),
        "receivedAt": received_ms,
        "epoch": row["epoch"],
        "ocpp": row["ocpp"],
    }
    try:
        inbox.process(record, ports, queue=inbox.INCOMING)
    except Exception:
        # Broad, because this is an outermost loop: whoever waited got an InternalError, and that is compared.
        log.exception("frame not processed", charge_point_id=row["charge_point_id"], message_id=row["message_id"])


def _note_command(row: Row, ports: Ports) -> None:
    """A command in the log is one that was sent: remote starts authorise their token."""
    if row["message_type"] != CALL:
        return
    known = ports.registry.find_many([row["charge_point_id"]]).get(row["charge_point_id"])
    call = frames.of_json(orjson.loads(row["message"]))
    if known is None or known.connection is None or not isinstance(call, Call):
        return
    at, version = timestamps.parse(row["received_at"]), known.connection.version
    state, deadline = CommandState.SENT, at + timedelta(seconds=ports.settings.call_timeout_s)
    ports.commands.add(
        Command(call.message_id, row["charge_point_id"], call.action, call.payload, version, state, at, deadline)
    )


def _answer_in(published: Sequence[Any], row: Row) -> Any:
    for each in published:
        frame = frames.decode(each.frame)
        is_its = each.charge_point_id == row["charge_point_id"] and frame.message_id == row["message_id"]
        if is_its and not isinstance(frame, Call):
            return secrets.masked({"": frames.as_json(frame)})[""]
    return None


def _compare_answer(row: Row, logged_answer: Row | None, answer: Any, result: Result) -> None:
    if logged_answer is None:
        result.unanswered += 1
        return
    result.answers += 1
    was = orjson.loads(logged_answer["message"])
    if was != orjson.loads(orjson.dumps(answer)):
        subject = f"{row['action']} {row['message_id']}"
        result.differences.append(Difference(row["charge_point_id"], row["received_at"], subject, was, answer))


def _begun(logged: Sequence[Row]) -> list[tuple[str, str]]:
    """The transactions whose beginning is in the log."""
    found: dict[tuple[str, str], None] = {}
    for row in logged:
        if row["direction"] == "out" and row["message_type"] == 3:
            match frames.of_json(orjson.loads(row["message"])):
                case CallResult(payload={"transactionId": int(number)}):
                    found[row["charge_point_id"], str(number)] = None
        elif row["action"] == "TransactionEvent" and row["direction"] == "in":
            match orjson.loads(row["message"]):
                case [_, _, _, {"eventType": "Started", "transactionInfo": {"transactionId": str(name)}}, *_]:
                    found[row["charge_point_id"], name] = None
    return list(found)


def _compare_transaction(replayed: Transaction, found: Transaction | None, horizon: datetime, result: Result) -> None:
    result.transactions += 1
    subject, at = f"transaction {replayed.transaction_id}", timestamps.write(replayed.started_at or horizon)
    if found is None:
        result.differences.append(Difference(replayed.charge_point_id, at, subject, None, "begun"))
        return
    is_over = replayed.ended_at is not None
    goes_on = not is_over and (found.ended_at is None or (found.stop_received_at or horizon) >= horizon)
    all_facts = [each.name for each in fields(Transaction) if each.name not in _NOT_COMPARED]
    for name in sorted(_OF_THE_START) if goes_on else all_facts:
        was, now = getattr(found, name), getattr(replayed, name)
        if was != now:
            result.differences.append(Difference(replayed.charge_point_id, at, f"{subject} {name}", was, now))


def _compare_connectors(stored: ChargePoint, now: ChargePoint, horizon: datetime, result: Result) -> None:
    for connector, state in sorted(now.connectors.items()):
        was = stored.connectors.get(connector)
        if was is not None and was.at >= horizon and was != state:
            continue  # said after the log ends
        result.connectors += 1
        if was != state:
            at, subject = timestamps.write(state.at), f"connector {connector}"
            result.differences.append(Difference(stored.charge_point_id, at, subject, was, state))
