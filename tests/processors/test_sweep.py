"""Transactions whose end never comes are given up, and no others."""

from datetime import timedelta
from typing import Any

import pytest

from domain.models import ConnectorState, IdToken
from ocppj import timestamps
from ocppj.frames import Call, CallResult
from ocppj.versions import V16
from processors import inbox
from tests.processors.house import EPOCH, NOW, House

CP = "CP-001"
LONG = timedelta(days=31)


def tell(house: House, action: str, **payload: Any) -> dict[str, Any]:
    [answer] = house.send(CP, Call("m-1", action, payload))
    assert isinstance(answer, CallResult)
    return answer.payload


def house_with_a_transaction() -> tuple[House, str]:
    house = House()
    house.register(CP, V16)
    house.id_tokens.put(IdToken("abc"))
    said = {"connectorId": 1, "idTag": "ABC", "meterStart": 1_000, "timestamp": timestamps.write(NOW)}
    transaction_id = tell(house, "StartTransaction", **said)["transactionId"]
    house.tick(3600)
    values = [{"timestamp": timestamps.write(NOW + timedelta(hours=1)), "sampledValue": [{"value": "8000"}]}]
    tell(house, "MeterValues", connectorId=1, transactionId=transaction_id, meterValue=values)
    return house, str(transaction_id)


def sweep(house: House) -> None:
    house.process({"event": "sweep"}, queue=inbox.DISCONNECTED)


def outcome(house: House, transaction_id: str) -> tuple[bool, int | None, tuple[str, ...]]:
    transaction = house.transactions.find(CP, transaction_id)
    assert transaction is not None
    return transaction.is_open, transaction.billed_wh, transaction.rules


@pytest.mark.parametrize("why", ["never came back", "was struck off", "has been free for long"])
def test_a_transaction_is_given_up_when_its_charge_point(why: str) -> None:
    house, transaction_id = house_with_a_transaction()
    if why == "never came back":
        house.registry.disconnected(CP, EPOCH, NOW + timedelta(hours=2))
    elif why == "was struck off":
        house.registry.remove(CP, "")
    else:
        house.registry.connector(CP, "1", ConnectorState("Available", NOW + timedelta(hours=2)))
    house.tick(LONG.total_seconds() + 7200)

    sweep(house)
    sweep(house)

    assert outcome(house, transaction_id) == (False, 7_000, ("left_open",))


@pytest.mark.parametrize("why", ["nothing more is known", "it left lately", "it charges", "values still come"])
def test_a_transaction_runs_on_while(why: str) -> None:
    house, transaction_id = house_with_a_transaction()
    house.tick(LONG.total_seconds())
    if why == "it left lately":
        house.registry.disconnected(CP, EPOCH, house.now)
    elif why == "it charges":
        house.registry.connector(CP, "1", ConnectorState("Charging", NOW))
    elif why == "values still come":
        house.registry.disconnected(CP, EPOCH, NOW)
        values = [{"timestamp": timestamps.write(house.now), "sampledValue": [{"value": "8000"}]}]
        tell(house, "MeterValues", connectorId=1, transactionId=int(transaction_id), meterValue=values)

    sweep(house)

    assert outcome(house, transaction_id)[0]


def test_an_end_that_comes_after_all_counts_as_ever() -> None:
    house, transaction_id = house_with_a_transaction()
    house.registry.disconnected(CP, EPOCH, NOW)
    house.tick(LONG.total_seconds() + 7200)
    sweep(house)
    house.connect(CP, V16, EPOCH + 1)

    stopped = {"transactionId": int(transaction_id), "meterStop": 9_000}
    tell(house, "StopTransaction", timestamp=timestamps.write(NOW + timedelta(hours=3)), **stopped)

    assert outcome(house, transaction_id) == (False, 8_000, ())
