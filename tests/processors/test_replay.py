"""Logged frames through the processors again: what is as it was, and what is named if it isn't."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from domain.archive import Row
from domain.models import IdToken
from ocppj import timestamps
from ocppj.frames import Call
from ocppj.versions import V16, V201, Version
from processors import replay
from processors.__main__ import replay_stage
from processors.replay import Clock, Result
from processors.settings import Gate, Settings
from telemetry import frames as archived
from tests.processors.house import EPOCH, NOW, House, of_frame

STRICT = Settings(gate=Gate.STRICT)


@dataclass
class Logging:
    """A house whose frames are logged as the archive keeps them."""

    house: House = field(default_factory=lambda: House(settings=STRICT))
    rows: list[Row] = field(default_factory=list)

    def send(self, charge_point_id: str, version: Version, *call: Any) -> Any:
        """Have a call answered a second later; returns the answer's payload."""
        message_id, action, payload = call
        record = of_frame(charge_point_id, Call(message_id, action, payload), self.house.now, epoch=EPOCH)
        self._keep(record | {"ocpp": version.subprotocol})
        [answer] = self.house.send(
            charge_point_id, Call(message_id, action, payload), epoch=EPOCH, ocpp=version.subprotocol
        )
        self.house.tick(1)
        self._keep(of_frame(charge_point_id, answer, self.house.now, epoch=EPOCH, direction="out"))
        return getattr(answer, "payload", None)

    def _keep(self, record: dict[str, Any]) -> None:
        self.rows.append(archived.row(record, self.house.row(record["chargePointId"])))

    def replay(self, settings: Settings = STRICT) -> Result:
        """What differs if the log is replayed now."""
        clock = Clock()
        stored = self.house.registry.find_many({row["charge_point_id"] for row in self.rows})
        ports = self.house.ports(settings=settings)
        stage = replay_stage(replay.as_before(stored, NOW), ports, clock)
        result = replay.replay(self.rows, stage, clock)
        replay.compare(self.rows, stage, self.house.registry, self.house.transactions, result)
        return result


def at(seconds: float) -> str:
    return timestamps.write(NOW + timedelta(seconds=seconds))


@pytest.fixture
def logging() -> Logging:
    """Two sessions: of a 1.6 charge point and, at the same time, of a 2.0.1 one."""
    logging = Logging()
    house = logging.house
    house.id_tokens.put(IdToken("abc"))
    house.register("CP16", V16, created_at=NOW)
    house.register("CP201", V201, created_at=NOW)
    logging.send("CP16", V16, "0", "Heartbeat", {})  # refused: it has not booted
    logging.send("CP16", V16, "1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    station = {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"}
    logging.send("CP201", V201, "1", "BootNotification", station)
    house.transactions._ids = iter(range(77, 99))  # others were there before
    start = {"connectorId": 1, "idTag": "ABC", "meterStart": 10, "timestamp": at(1)}
    given = logging.send("CP16", V16, "2", "StartTransaction", start)["transactionId"]
    logging.send("CP201", V201, "2", "TransactionEvent", event(0, "Started", 1000))
    logging.send("CP16", V16, "3", "Heartbeat", {})
    logging.send("CP201", V201, "3", "TransactionEvent", event(1, "Updated", 1500))
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging", "timestamp": at(3)}
    logging.send("CP16", V16, "4", "StatusNotification", status)
    logging.send("CP201", V201, "4", "TransactionEvent", event(2, "Ended", 2000))
    logging.send("CP16", V16, "5", "StopTransaction", {"transactionId": given, "meterStop": 900, "timestamp": at(9)})
    return logging


def event(seq_no: int, kind: str, wh: float) -> dict[str, Any]:
    said = {
        "eventType": kind, "timestamp": at(seq_no), "triggerReason": "Authorized", "seqNo": seq_no,
        "transactionInfo": {"transactionId": "tx-1"},
        "meterValue": [{"timestamp": at(seq_no), "sampledValue": [{"value": wh}]}],
    }  # fmt: skip
    return said | {"evse": {"id": 1, "connectorId": 1}, "idToken": {"idToken": "ABC", "type": "ISO14443"}}


def test_what_is_replayed_unchanged_has_no_differences(logging: Logging) -> None:
    result = logging.replay()

    assert result.differences == []
    assert (result.frames, result.answers, result.unanswered) == (10, 10, 0)
    assert (result.transactions, result.connectors) == (2, 1)


def test_what_answers_otherwise_now_is_named_frame_by_frame(logging: Logging) -> None:
    result = logging.replay(replace_settings(heartbeat_interval_s=100))

    assert [(each.charge_point_id, each.subject) for each in result.differences] == [
        ("CP16", "BootNotification 1"),
        ("CP201", "BootNotification 1"),
    ]
    assert result.differences[0].was[2]["interval"] != result.differences[0].now[2]["interval"]


def test_a_token_that_is_worth_less_now_is_named_in_answer_and_transaction(logging: Logging) -> None:
    logging.house.id_tokens.put(IdToken("abc", status="Blocked"))

    subjects = {each.subject for each in logging.replay().differences}

    assert {"StartTransaction 2", "transaction 77 id_token_status"} <= subjects


def test_a_stored_transaction_that_is_not_what_was_said_is_named(logging: Logging) -> None:
    sheets = logging.house.transactions._sheets
    sheet = sheets["CP201", "tx-1"]
    sheets["CP201", "tx-1"] = replace(sheet, transaction=replace(sheet.transaction, meter_stop_wh=1))

    [difference] = [each for each in logging.replay().differences if each.subject.endswith("meter_stop_wh")]

    assert (difference.charge_point_id, difference.was, difference.now) == ("CP201", 1, 2000)


def test_a_transaction_that_is_nowhere_is_named(logging: Logging) -> None:
    del logging.house.transactions._sheets["CP16", "77"]

    assert [each.subject for each in logging.replay().differences] == ["transaction 77"]


def test_a_connector_that_shows_something_else_is_named(logging: Logging) -> None:
    row = logging.house.row("CP16")
    wrong = replace(row.connectors["1"], status="Faulted")
    logging.house.registry._rows["CP16"] = replace(row, connectors={"1": wrong})

    assert [each.subject for each in logging.replay().differences] == ["connector 1"]


def test_what_went_on_after_the_log_is_no_difference(logging: Logging) -> None:
    del logging.rows[-2:]  # the stop
    del logging.rows[-2:]  # the last event

    result = logging.replay()

    assert result.differences == []
    assert result.transactions == 2


def test_a_call_nobody_answered_is_counted_and_not_compared(logging: Logging) -> None:
    logging.rows = [row for row in logging.rows if row["message_type"] != 3 or row["message_id"] != "3"]

    result = logging.replay()

    assert (result.unanswered, result.differences) == (2, [])


def test_a_start_that_was_repeated_until_it_was_heard_has_the_id_it_was_given(logging: Logging) -> None:
    first = next(row for row in logging.rows if row["action"] == "StartTransaction")
    unheard = first | {"message_id": "1b", "message": first["message"].replace('"2"', '"1b"', 1)}
    logging.rows.insert(logging.rows.index(first), unheard)

    result = logging.replay()

    assert (result.unanswered, result.differences) == (1, [])


def test_an_answer_that_took_long_to_the_log_was_an_answer(logging: Logging) -> None:
    late = next(row for row in logging.rows if row["message_id"] == "4" and row["message_type"] == 3)
    late["received_at"] = at(31 + 5)

    assert logging.replay().differences == []


def test_a_remote_start_in_the_log_authorises_its_token_again(logging: Logging) -> None:
    house = logging.house
    command = Call("c-1", "RemoteStartTransaction", {"idTag": "GUEST", "connectorId": 1})
    logging._keep(of_frame("CP16", command, house.now, epoch=EPOCH, direction="out"))
    row = logging.rows[-1]
    replay._note_command(row, house.ports())
    answer = logging.send("CP16", V16, "6", "Authorize", {"idTag": "GUEST"})

    assert answer == {"idTagInfo": {"status": "Accepted"}}
    assert logging.replay().differences == []


def test_what_is_no_frame_is_passed_over(logging: Logging) -> None:
    logging._keep({"chargePointId": "CP16", "message": "nonsense", "receivedAt": 0})

    assert logging.replay().differences == []


def replace_settings(**changes: Any) -> Settings:
    return replace(STRICT, **changes)
