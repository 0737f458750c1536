"""A house with a token in it, what charge points say of a session, and what became of it."""

from typing import Any

from domain.models import IdToken, Transaction
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, Version
from tests.processors.house import House

CP = "CP-001"


def house_of(version: Version = V16, *id_tokens: IdToken) -> House:
    house = House()
    house.register(CP, version)
    for id_token in id_tokens or (IdToken("abc", group_id="FAM"),):
        house.id_tokens.put(id_token)
    return house


def start(message_id: str = "m-1", **fields: Any) -> Call:
    said = {"connectorId": 1, "idTag": "ABC", "meterStart": 1000, "timestamp": "2026-11-21T11:59:00Z", **fields}
    return Call(message_id, "StartTransaction", said)


def stop(transaction_id: int, message_id: str = "m-2", **fields: Any) -> Call:
    said = {"transactionId": transaction_id, "meterStop": 8000, "timestamp": "2026-11-21T12:30:00Z", **fields}
    return Call(message_id, "StopTransaction", said)


def event(event_type: str, seq_no: int, *, at: str = "2026-11-21T11:59:00Z", **fields: Any) -> Call:
    said = {
        "eventType": event_type,
        "timestamp": at,
        "triggerReason": "CablePluggedIn",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "tx-1", **fields.pop("info", {})},
        **fields,
    }
    return Call(f"m-{seq_no}", "TransactionEvent", said)


def id_token(value: str = "ABC", kind: str = "ISO14443") -> dict[str, str]:
    return {"idToken": value, "type": kind}


def meter(value: float | str, context: str = "Sample.Periodic", at: str = "2026-11-21T11:59:00Z") -> dict[str, Any]:
    return {"timestamp": at, "sampledValue": [{"value": value, "context": context}]}


def payload(house: House, call: Call, **record: Any) -> dict[str, Any]:
    [answer] = house.send(CP, call, **record)
    assert isinstance(answer, CallResult)
    return answer.payload


def stored(house: House, transaction_id: int | str = "tx-1") -> Transaction:
    transaction = house.transactions.find(CP, str(transaction_id))
    assert transaction is not None
    return transaction
