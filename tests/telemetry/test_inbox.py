"""A batch of a queue: rows in the archive, the latest state, and nothing twice whatever fails in between."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest

from domain.archive import FRAMES, SAMPLES, STATIONS
from domain.models import ChargePoint, Connection, Transaction
from domain.telemetry import Latest
from ocppj import timestamps
from ocppj.versions import V16, V201
from telemetry.inbox import FRAME_QUEUE, STATION_QUEUE, Inbox
from tests.telemetry.house import NOW, House, frame, meter_values, payload, published

LATER, EARLIER = NOW + timedelta(seconds=5), NOW - timedelta(seconds=5)
AT = timestamps.write(NOW)


class FlakyArchive:
    """An archive that does not take the first file."""

    def __init__(self, house: House) -> None:
        self._house, self._left = house, 1

    def put(self, key: str, body: bytes) -> None:
        self._left -= 1
        if self._left >= 0:
            raise OSError("S3 is away")
        self._house.archive.put(key, body)


def test_a_frame_is_kept_with_time_version_epoch_and_direction() -> None:
    house = House()
    call, sent = frame([2, "9", "Heartbeat", {}], epoch=5), frame([3, "9", {}], epoch=5, direction="out")

    failed = house.inbox.take(FRAME_QUEUE, [call, sent])

    assert failed == set()
    assert next(iter(house.archive.files)).startswith("frames/year=2026/month=11/day=21/hour=05/")
    shown = [(row["direction"], row["ocpp"], row["epoch"], row["action"], row["message"]) for row in house.rows(FRAMES)]
    assert shown == [
        ("in", "ocpp1.6", 5, "Heartbeat", '[2,"9","Heartbeat",{}]'),
        ("out", "ocpp1.6", 5, None, '[3,"9",{}]'),
    ]


def test_what_the_record_lacks_the_registry_knows() -> None:
    house = House()
    house.registry.add(ChargePoint("CP001", connection=Connection(V201, "g", 0, 77, NOW)))

    house.inbox.take(FRAME_QUEUE, [frame([2, "9", "Heartbeat", {}], epoch=0, ocpp=0)])

    assert [(row["ocpp"], row["epoch"]) for row in house.rows(FRAMES)] == [("ocpp2.0.1", 77)]


def test_secrets_are_masked() -> None:
    house = House()
    change = [2, "9", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "s3cret"}]

    house.inbox.take(FRAME_QUEUE, [frame(change, direction="out")])

    assert "s3cret" not in house.rows(FRAMES)[0]["message"]


def test_every_measured_value_is_a_row_and_the_newest_of_a_connector_is_at_hand() -> None:
    house = House()

    house.inbox.take(FRAME_QUEUE, [frame(meter_values("1500"))])

    rows = house.rows(SAMPLES)
    assert [(row["id"], row["measurand"], row["value"], row["unit"]) for row in rows] == [
        ("CP001/1/7/0", "Energy.Active.Import.Register", 1500, "Wh"),
        ("CP001/1/7/1", "Power.Active.Import", 7400, "W"),
    ]
    assert {(row["connector"], row["transaction_id"], row["sampled_at"]) for row in rows} == {("1", "42", AT)}
    assert sorted(row["value"] for row in house.latest.of_charge_point("CP001")) == [1500, 7400]


def test_a_sample_is_archived_by_when_it_was_taken_and_never_later_than_it_came() -> None:
    house = House()
    offline, fast = NOW - timedelta(hours=6, minutes=20), NOW + timedelta(days=1700)

    house.inbox.take(FRAME_QUEUE, [frame(meter_values("1", offline, "1")), frame(meter_values("2", fast, "2"))])

    folders = [key.rpartition("/")[0] for key in house.archive.files if key.startswith("samples")]
    assert sorted(folders) == ["samples/year=2026/month=11/day=20/hour=23", "samples/year=2026/month=11/day=21/hour=05"]


@pytest.mark.parametrize("together", [True, False])
def test_an_older_sample_never_replaces_a_newer_one(together: bool) -> None:
    house = House()
    new, old = frame(meter_values("20", NOW, "2")), frame(meter_values("10", EARLIER, "1"))

    for batch in [[new, old]] if together else [[new], [old]]:
        house.inbox.take(FRAME_QUEUE, batch)

    assert [row["value"] for row in house.latest.of_charge_point("CP001")] == [20, 7400]
    assert len(house.rows(SAMPLES)) == 4


def test_a_late_sample_in_a_batch_with_a_newer_one_of_another_kind_replaces_nothing() -> None:
    house = House()
    status = [2, "9", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}]

    house.inbox.take(FRAME_QUEUE, [frame(meter_values("20", NOW, "2"))])
    house.inbox.take(FRAME_QUEUE, [frame(meter_values("10", EARLIER, "1")), frame(status, at=LATER)])

    assert [row["value"] or row["status"] for row in house.latest.of_charge_point("CP001")] == [20, 7400, "Charging"]


def test_a_message_that_comes_twice_is_read_once_however_its_batch_is_composed() -> None:
    house = House()
    one, other = frame(meter_values("1", message_id="1")), frame(meter_values("2", message_id="2"))

    house.inbox.take(FRAME_QUEUE, [one, other])
    house.inbox.take(FRAME_QUEUE, [other])

    assert len(list(house.raw_rows(SAMPLES))) == 6
    assert len(house.rows(SAMPLES)) == 4
    assert len(house.rows(FRAMES)) == 2


def test_a_message_id_that_is_used_again_is_another_message() -> None:
    house = House()
    again = frame(meter_values("2", LATER), at=LATER)

    house.inbox.take(FRAME_QUEUE, [frame(meter_values("1")), again])

    assert len(house.rows(FRAMES)) == 2
    assert len(house.rows(SAMPLES)) == 4


def test_the_connector_of_an_event_that_names_none_is_its_transactions() -> None:
    house = House()
    event = {
        "eventType": "Updated", "timestamp": AT, "triggerReason": "MeterValuePeriodic", "seqNo": 3,
        "transactionInfo": {"transactionId": "1"},
        "meterValue": [{"timestamp": AT, "sampledValue": [{"value": 12.5}]}],
    }  # fmt: skip
    message = [2, "1", "TransactionEvent", event]

    house.inbox.take(FRAME_QUEUE, [frame(message, ocpp="ocpp2.0.1")])
    house.transactions.begin(Transaction("CP001", "", V16, connector="2", started_at=NOW, meter_start_wh=0))
    house.inbox.take(FRAME_QUEUE, [frame(message, ocpp="ocpp2.1", epoch=2)])

    assert [row["connector"] for row in house.rows(SAMPLES)] == [None, "2"]


ENERGY = "Energy.Active.Import.Register"
STATUS_16 = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
STATUS_201 = {"evseId": 1, "connectorId": 2, "connectorStatus": "Occupied", "timestamp": AT}
VALUES_201 = {"evseId": 3, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": 1.5}]}]}


def availability(component: str, variable: str = "AvailabilityState", **evse: int) -> dict[str, Any]:
    event = {
        "eventId": 1, "timestamp": AT, "trigger": "Delta", "actualValue": "Occupied",
        "eventNotificationType": "HardWiredNotification", "variable": {"name": variable},
        "component": {"name": component} | ({"evse": evse} if evse else {}),
    }  # fmt: skip
    return {"generatedAt": AT, "seqNo": 0, "eventData": [event]}


@pytest.mark.parametrize(
    ("ocpp", "action", "said", "expected"),
    [
        ("ocpp1.6", "StatusNotification", STATUS_16, [("1", "Status", None, "Charging")]),
        ("ocpp2.0.1", "StatusNotification", STATUS_201, [("1.2", "Status", None, "Occupied")]),
        (
            "ocpp1.6",
            "StartTransaction",
            {"connectorId": 1, "idTag": "A", "meterStart": 7, "timestamp": AT},
            [("1", ENERGY, 7, None)],
        ),
        (
            "ocpp1.6",
            "StopTransaction",
            {"transactionId": 5, "meterStop": 9, "timestamp": AT},
            [(None, ENERGY, 9, None)],
        ),
        ("ocpp2.0.1", "MeterValues", VALUES_201, [("3", ENERGY, 1.5, None)]),
        ("ocpp2.1", "MeterValues", VALUES_201, [("3", ENERGY, 1.5, None)]),
        (
            "ocpp2.0.1",
            "NotifyEvent",
            availability("connector", "availabilityState", id=1, connectorId=2),
            [("1.2", "Status", None, "Occupied")],
        ),
        ("ocpp2.0.1", "NotifyEvent", availability("EVSE", id=1), []),
        ("ocpp2.0.1", "NotifyEvent", availability("ChargingStation"), []),
        ("ocpp2.0.1", "NotifyEvent", availability("Connector", "Power", id=1, connectorId=2), []),
        ("ocpp1.6", "MeterValues", {"connectorId": "one", "meterValue": []}, []),
        ("ocpp1.6", "MeterValues", "nothing", []),
        ("ocpp1.6", "Heartbeat", {}, []),
    ],
)
def test_samples_come_from_these_messages(ocpp: str, action: str, said: Any, expected: list[Any]) -> None:
    house = House()

    house.inbox.take(FRAME_QUEUE, [frame([2, "1", action, said], ocpp=ocpp)])

    rows = house.rows(SAMPLES)
    assert [(row["connector"], row["measurand"], row["value"], row["status"]) for row in rows] == expected
    assert len(house.rows(FRAMES)) == 1


def test_a_batch_that_dies_between_the_two_writes_comes_again_and_doubles_nothing() -> None:
    house = House()
    broken = Inbox(house.ports(archive=FlakyArchive(house)))
    batch = [published(payload("S1"), "S1"), published(payload("S2"), "S2")]

    with pytest.raises(OSError, match="away"):
        broken.take(STATION_QUEUE, batch)
    written_first = house.stations.find("S1")
    failed = broken.take(STATION_QUEUE, batch)

    assert written_first is not None
    assert failed == set()
    assert [row["station_id"] for row in house.raw_rows(STATIONS)] == ["S1", "S2"]


def test_a_station_whose_latest_can_not_be_written_comes_again_alone() -> None:
    house = House()

    class Refusing:
        def keep(self, stations: Sequence[Any]) -> set[str]:
            return {"S1"} | house.stations.keep([each for each in stations if each.station_id != "S1"])

    one, other = published(payload("S1"), "S1"), published(payload("S2"), "S2")

    failed = Inbox(house.ports(stations=Refusing())).take(STATION_QUEUE, [one, other])

    assert failed == {one.id}
    assert [row["station_id"] for row in house.raw_rows(STATIONS)] == ["S2"]


def test_a_station_of_which_it_is_not_known_in_time_whether_it_is_registered_comes_again_alone() -> None:
    house = House()
    house.things.silent.add("S1")
    one, other = published(payload("S1"), "S1"), published(payload("S2"), "S2")

    failed = house.inbox.take(STATION_QUEUE, [one, other])

    assert failed == {one.id}
    assert house.stations.find("S1") is None
    assert [row["station_id"] for row in house.raw_rows(STATIONS)] == ["S2"]


def test_a_charge_point_whose_latest_can_not_be_written_comes_again_alone() -> None:
    house = House()

    class Refusing:
        def keep(self, samples: Sequence[Latest]) -> set[tuple[str, str]]:
            return {("CP001", "1")} | house.latest.keep([each for each in samples if each.charge_point_id != "CP001"])

    one, other = frame(meter_values("1")), frame(meter_values("1"), "CP002")

    failed = Inbox(house.ports(latest=Refusing())).take(FRAME_QUEUE, [one, other])

    assert failed == {one.id}
    assert {row["charge_point_id"] for row in house.raw_rows(FRAMES)} == {"CP002"}


def test_a_station_is_kept_twice_the_latest_and_every_message() -> None:
    house = House()
    house.things.names["S1"] = "acme"

    house.inbox.take(STATION_QUEUE, [published(payload())])
    house.inbox.take(STATION_QUEUE, [published(payload(at=EARLIER, battery_available=3), at=EARLIER)])

    latest = house.stations.find("S1")
    assert latest is not None
    assert (latest.battery_available, latest.temperature, latest.is_registered, latest.partner) == (
        8,
        25.5,
        True,
        "acme",
    )
    assert [row["battery_available"] for row in house.rows(STATIONS)] == [3, 8]
    assert all(key.startswith("telemetry/year=2026/month=11/day=21/") for key in house.archive.files)


def test_a_station_that_is_not_registered_is_kept_and_flagged() -> None:
    house = House()

    house.inbox.take(STATION_QUEUE, [published(payload("NEW"), "NEW")])

    latest = house.stations.find("NEW")
    assert latest is not None
    assert latest.is_registered is False
    assert house.rows(STATIONS)[0]["registered"] is False


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\xff\x00", "no JSON"),
        (b"[1]", "payload: "),
        (payload("S2"), "station_id: it is 'S2', but the topic says 'S1'"),
        (payload(temperature="hot"), "temperature: "),
        (payload(battery_available=-1), "battery_available: "),
        (payload(battery_charging=1.5), "battery_charging: "),
        (payload(humidity=101), "humidity: "),
        (payload(timestamp="yesterday"), "timestamp: "),
        (payload(timestamp=5), "timestamp: "),
        (payload(status=""), "status: "),
        ({key: value for key, value in payload().items() if key != "status"}, "status: Field required"),
        (payload(status="x" * 70_000), "longer than"),
    ],
)
def test_a_bad_payload_is_one_dead_letter_with_the_reason(raw: Any, reason: str) -> None:
    house = House()
    bad = published(raw)

    failed = house.inbox.take(STATION_QUEUE, [bad, published(payload())])

    assert failed == set()
    [(queue, body, told)] = house.dead_letters.buried
    assert (queue, body) == (STATION_QUEUE, bad.body)
    assert reason in told
    assert len(house.rows(STATIONS)) == 1


def test_a_dead_letter_that_could_not_be_sent_comes_again() -> None:
    house = House()

    class Closed:
        def bury(self, *_: str) -> None:
            raise OSError("SQS is away")

    bad = published(b"{")

    failed = Inbox(house.ports(dead_letters=Closed())).take(STATION_QUEUE, [bad])

    assert failed == {bad.id}


@pytest.mark.parametrize(("epoch", "expected"), [("7", 7), ("-1", 77), ("soon", 77), (None, 77), ([1], 77)])
def test_an_epoch_is_a_number_or_else_the_registry_knows_it(epoch: Any, expected: int) -> None:
    house = House()
    house.registry.add(ChargePoint("CP001", connection=Connection(V201, "g", 0, 77, NOW)))

    failed = house.inbox.take(FRAME_QUEUE, [frame([2, "9", "Heartbeat", {}], epoch=epoch, ocpp="ocpp9")])

    assert failed == set()
    assert house.rows(FRAMES)[0]["epoch"] == expected


NO_FRAMES = ("", "[]", '{"chargePointId": 5}', '{"message": []}')
NO_TIME = '{"chargePointId": "C", "message": [], "receivedAt": 1e300}'


def test_a_record_of_no_time_spoils_no_batch_of_stations() -> None:
    house = House()
    bad = published(payload())._replace(body='{"payload": "e30=", "station": "S1", "receivedAt": 1e300}')

    failed = house.inbox.take(STATION_QUEUE, [bad, published(payload())])

    assert failed == set()
    assert (len(house.dead_letters.buried), len(house.rows(STATIONS))) == (1, 1)


@pytest.mark.parametrize("body", [*NO_FRAMES, NO_TIME])
def test_a_record_that_is_no_frame_is_a_dead_letter(body: str) -> None:
    house = House()
    bad = frame([])._replace(body=body)

    failed = house.inbox.take(FRAME_QUEUE, [bad])

    assert failed == set()
    assert len(house.dead_letters.buried) == 1


@pytest.mark.parametrize("message", ["not JSON", None, [], [2], [2, "x"], {"a": 1}, [True, "x"]])
def test_whatever_somebody_published_as_a_frame_is_kept(message: Any) -> None:
    house = House()

    failed = house.inbox.take(FRAME_QUEUE, [frame(message)])

    assert failed == set()
    assert orjson.loads(house.rows(FRAMES)[0]["message"]) == message
