"""Transactions of OCPP 1.6, as good and bad charge points report them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapters.memory_events import MemoryEvents
from adapters.memory_transactions import MemoryTransactions
from domain.models import ConnectorState, IdToken
from ocppj import schemas, timestamps
from ocppj.frames import Call
from ocppj.versions import V16
from processors import inbox
from processors.settings import Settings
from tests.processors.house import Unreachable, UnreachableError, of_frame
from tests.processors.sessions import CP, house_of, meter, payload, start, stop, stored


def test_c40_a_refused_tag_still_gets_a_transaction_id() -> None:
    house = house_of()

    answer = payload(house, start(idTag="STRANGER"))

    assert answer["transactionId"] > 0
    assert answer["idTagInfo"] == {"status": "Invalid"}
    assert stored(house, answer["transactionId"]).id_token_status == "Invalid"


def test_c41_ids_are_positive_and_distinct() -> None:
    house = house_of()
    ports = house.ports()

    def ask(number: int) -> int:
        frame = of_frame(CP, start(f"m-{number}", meterStart=number), house.now)
        inbox.process(frame, ports, queue=inbox.INCOMING)
        return number

    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(ask, range(1_000)))

    ids = {int(transaction.transaction_id) for transaction in house.transactions.of(CP)}
    assert len(ids) == len(asked) == len(house.outbound.published)
    assert min(ids) > 0
    assert max(ids) < 2**31


def test_c42_the_tag_is_judged_again_at_the_start() -> None:
    house = house_of()

    authorized = payload(house, Call("m-0", "Authorize", {"idTag": "ABC"}))
    house.id_tokens.put(IdToken("abc", "Blocked"))
    started = payload(house, start())

    assert authorized["idTagInfo"]["status"] == "Accepted"
    assert started["idTagInfo"]["status"] == "Blocked"


@pytest.mark.parametrize(
    "odd", [{"timestamp": "1970-01-01T00:00:00Z"}, {"timestamp": "2099-01-01T00:00:00Z"}, {"connectorId": 99}]
)
def test_c43_an_odd_start_and_a_stop_below_it_are_answered(odd: dict[str, Any]) -> None:
    house = house_of()

    transaction_id = payload(house, start(**odd))["transactionId"]
    answer = payload(house, stop(transaction_id, meterStop=1, timestamp="1970-01-01T00:00:00Z"))

    assert answer == {}
    assert not stored(house, transaction_id).is_open


def test_c44_a_start_repeated_over_a_new_socket_is_the_same_transaction() -> None:
    house = house_of()

    first = payload(house, start("1"))
    house.connect(CP, V16, epoch=2000)
    again = payload(house, start("17"), epoch=2000)

    assert first == again
    assert len(house.transactions.of(CP)) == 1


def test_c45_a_stop_repeated_keeps_the_first_values_and_is_told_once() -> None:
    house = house_of()
    house.transactions = MemoryTransactions(told=(events := MemoryEvents()))
    transaction_id = payload(house, start())["transactionId"]

    first = payload(house, stop(transaction_id))
    told = len(events.all())
    again = payload(house, stop(transaction_id, meterStop=9999))

    assert first == again == {}
    assert stored(house, transaction_id).meter_stop_wh == 8000
    assert len(events.all()) == told  # nobody is billed twice


@pytest.mark.parametrize("transaction_id", [-1, 0, 999_999])
def test_c46_the_stop_of_an_unknown_transaction_is_answered_as_if_valid(transaction_id: int) -> None:
    house = house_of()

    answer = payload(house, stop(transaction_id, idTag="ABC"))

    assert answer["idTagInfo"]["status"] == "Accepted"


def test_c46_a_stop_without_an_id_ends_the_one_transaction_it_can_mean_and_only_once() -> None:
    house = house_of()
    begun = payload(house, start())["transactionId"]

    payload(house, stop(-1, idTag="ABC"))
    payload(house, stop(-1, "m-3", idTag="ABC"))

    stored = house.transactions.find(CP, str(begun))
    assert stored is not None
    assert (stored.meter_stop_wh, stored.billed_wh, stored.is_open) == (8000, 7000, False)
    assert house.reports.of_charge_point(CP, "StopTransaction") == []


@pytest.mark.parametrize(
    ("told_before", "said"),
    [
        ([], {"idTag": "OTHER"}),
        ([], {"meterStop": 999}),
        ([], {"timestamp": "2026-11-21T11:58:00Z"}),
        ([start("m-2", connectorId=2)], {}),
        ([Call("m-2", "MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": [meter("1100")]})], {}),
    ],
    ids=["another token", "a lower meter", "before it began", "two could be meant", "whose id is known there"],
)
def test_c46_a_stop_without_an_id_that_may_mean_another_ends_nothing(
    told_before: list[Call], said: dict[str, Any]
) -> None:
    house = house_of()
    house.registry.connector(CP, "2", ConnectorState("Charging", house.now))
    payload(house, start())
    for call in told_before:
        payload(house, call)

    payload(house, stop(-1, **said))

    assert all(transaction.is_open for transaction in house.transactions.of(CP))
    assert len(house.reports.of_charge_point(CP, "StopTransaction")) == 1


def test_c46_every_stop_without_an_id_is_kept() -> None:
    house = house_of()

    payload(house, stop(-1, "m-1", meterStop=1))
    payload(house, stop(-1, "m-2", meterStop=2))

    assert [kept["meterStop"] for kept in house.reports.of_charge_point(CP, "StopTransaction")] == [1, 2]


def test_c47_a_stop_is_told_of_its_tag_if_it_has_one() -> None:
    house = house_of()
    transaction_id = payload(house, start())["transactionId"]

    with_tag = payload(house, stop(transaction_id, idTag="abc"))
    without = payload(house, stop(transaction_id))

    assert with_tag == {"idTagInfo": {"status": "Accepted", "parentIdTag": "FAM"}}
    assert without == {}


REASONS = schemas.schema(V16, "StopTransaction", "request")["properties"]["reason"]["enum"]


@pytest.mark.parametrize("reason", [*REASONS, None])
def test_c48_no_reason_means_local(reason: str | None) -> None:
    house = house_of()
    transaction_id = payload(house, start())["transactionId"]

    payload(house, stop(transaction_id, **({"reason": reason} if reason else {})))

    assert stored(house, transaction_id).stop_reason == (reason or "Local")


def test_c49_hours_late_is_as_good_as_live_and_keeps_its_times() -> None:
    house = house_of()

    transaction_id = payload(house, start(timestamp="2026-11-21T08:00:00+01:00"))["transactionId"]
    payload(house, stop(transaction_id, timestamp="2026-11-21T09:00:00.1234567Z"))

    transaction = stored(house, transaction_id)
    assert transaction.started_at == timestamps.parse("2026-11-21T07:00:00Z")
    assert transaction.ended_at == timestamps.parse("2026-11-21T09:00:00.123Z")


def test_c50_a_start_over_an_open_transaction_is_accepted_and_the_late_stop_finds_its_own() -> None:
    house = house_of()

    first = payload(house, start())["transactionId"]
    second = payload(house, start(timestamp="2026-11-21T12:10:00Z", meterStart=2000))["transactionId"]
    payload(house, stop(first))

    assert first != second
    assert not stored(house, first).is_open
    assert stored(house, second).is_open


def test_c51_a_stop_after_a_reboot_closes_the_old_transaction() -> None:
    house = house_of()
    house.settings = Settings()  # nobody is heard who has not booted
    boot = Call("m-0", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    payload(house, boot)
    transaction_id = payload(house, start())["transactionId"]

    house.connect(CP, V16, epoch=2000)
    payload(house, boot, epoch=2000)
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    payload(house, Call("m-1", "StatusNotification", status), epoch=2000)
    payload(house, stop(transaction_id, reason="PowerLoss"), epoch=2000)

    assert not stored(house, transaction_id).is_open
    assert stored(house, transaction_id).stop_reason == "PowerLoss"


def test_c53_the_reservation_is_kept_with_the_start() -> None:
    house = house_of()

    transaction_id = payload(house, start(reservationId=5))["transactionId"]

    assert stored(house, transaction_id).reservation_id == 5


def test_c54_meter_values_bring_the_transaction_up_to_date() -> None:
    house = house_of()
    transaction_id = payload(house, start())["transactionId"]
    values = [
        {"value": "1.5", "unit": "kWh"},
        {"value": "7200", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": "55", "measurand": "SoC"},
    ]
    meter_value = [{"timestamp": "2026-11-21T12:00:00Z", "sampledValue": values}]

    answer = payload(
        house,
        Call("m-2", "MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": meter_value}),
    )

    transaction = stored(house, transaction_id)
    assert answer == {}
    assert (transaction.energy_wh, transaction.power_w, transaction.soc_percent) == (1500, 7200, 55)


@pytest.mark.parametrize("transaction_id", [None, -1, 0, 999_999])
def test_c46_c54_meter_values_of_no_transaction_are_answered(transaction_id: int | None) -> None:
    house = house_of()
    said: dict[str, Any] = {
        "connectorId": 0,
        "meterValue": [{"timestamp": "2026-11-21T12:00:00Z", "sampledValue": [{"value": "?"}]}],
    }

    answer = payload(
        house, Call("m-1", "MeterValues", said | ({} if transaction_id is None else {"transactionId": transaction_id}))
    )

    assert answer == {}
    assert house.transactions.of(CP) == []


@pytest.mark.parametrize("none", [{}, {"transactionId": 0}, {"transactionId": -1}], ids=str)
def test_meter_values_of_no_transaction_are_kept_by_connector_and_time(none: dict[str, int]) -> None:
    house = house_of()
    told = {"connectorId": 2, "meterValue": [{"timestamp": "2026-11-21T12:00:00Z", "sampledValue": [{"value": "5"}]}]}

    power = {"timestamp": "2026-11-21T12:00:00Z", "sampledValue": [{"value": "6", "measurand": "Power.Active.Import"}]}

    for _ in range(2):
        payload(house, Call("m-1", "MeterValues", told | none))
    payload(house, Call("m-2", "MeterValues", told | none | {"connectorId": 1}))
    payload(house, Call("m-3", "MeterValues", told | none | {"meterValue": [power]}))  # of the same moment

    kept = house.reports.of_charge_point(CP, "MeterValues")
    assert [values["connectorId"] for values in kept] == [1, 2, 2]
    assert sorted(values["meterValue"][0]["sampledValue"][0]["value"] for values in kept[1:]) == ["5", "6"]


def test_values_that_come_with_the_stop_are_read() -> None:
    house = house_of()
    transaction_id = payload(house, start())["transactionId"]
    data = [{"timestamp": "2026-11-21T12:00:00Z", "sampledValue": [{"value": "7777", "context": "Transaction.End"}]}]

    payload(house, stop(transaction_id, transactionData=data))

    assert stored(house, transaction_id).energy_wh == 7777


def test_b26_a_stop_of_300_kb_is_answered() -> None:
    house = house_of()
    transaction_id = payload(house, start())["transactionId"]
    one = {"timestamp": "2026-11-21T12:00:00Z", "sampledValue": [{"value": "7777", "context": "Sample.Periodic"}]}

    answer = payload(house, stop(transaction_id, transactionData=[one] * 3000))

    assert answer == {}


def test_b28_what_was_not_stored_is_not_answered_as_success() -> None:
    house = house_of()

    with pytest.raises(UnreachableError):
        house.send(CP, start(), house.ports(transactions=Unreachable()))

    [published] = house.outbound.published
    assert published.frame == '[4,"m-1","InternalError","please try again",{}]'
