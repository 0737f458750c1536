"""Conformance B.2 and B.3 below the frame: payloads, in every version, on the processors with stores in memory."""

from typing import Any

import orjson
import pytest

from ocppj import actions, frames, schemas
from ocppj.errors import OcppError
from ocppj.frames import Call, CallError, CallResult, Frame
from ocppj.versions import V16, V201, VERSIONS, Version
from processors.dispatch import UNCONFIRMED
from processors.settings import Gate, Settings
from tests.processors.house import House
from tests.processors.samples import sample

CP = "CP-001"
MOMENT = "2026-11-21T12:00:00Z"
Payload = dict[str, Any]

versions = pytest.mark.parametrize("version", VERSIONS, ids=str)
START: Payload = {"connectorId": 1, "idTag": "A1", "meterStart": 0, "timestamp": MOMENT}
EVENT: Payload = {
    "eventType": "Started", "timestamp": MOMENT, "triggerReason": "CablePluggedIn", "seqNo": 0,
    "transactionInfo": {"transactionId": "t-1"},
}  # fmt: skip
BOOT_16: Payload = {"chargePointVendor": "V", "chargePointModel": "M"}
BOOT_2X: Payload = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}


def ask(version: Version, action: str, payload: Payload) -> Frame:
    """What a charge point that has booted is answered."""
    house = House()
    house.register(CP, version)
    house.send(CP, Call("b-1", "BootNotification", BOOT_16 if version is V16 else BOOT_2X))
    [answer] = house.send(CP, Call("m-1", action, payload))
    return answer


def code(answer: Frame) -> str:
    assert isinstance(answer, CallError)
    assert answer.message_id == "m-1"
    assert isinstance(answer.details, dict)
    return answer.code


def session(version: Version, **changes: Any) -> tuple[str, Payload]:
    """The beginning of a transaction, with these fields changed."""
    return ("StartTransaction", START | changes) if version is V16 else ("TransactionEvent", EVENT | changes)


def without(payload: Payload, name: str) -> Payload:
    return {key: value for key, value in payload.items() if key != name}


# B.3


@versions
def test_e9_an_action_nobody_knows_is_not_implemented(version: Version) -> None:
    assert code(ask(version, "Foo", {})) == "NotImplemented"


@versions
def test_e10_a_command_sent_by_a_charge_point_is_not_supported(version: Version) -> None:
    assert code(ask(version, "Reset", {"type": "Soft" if version is V16 else "Immediate"})) == "NotSupported"


@versions
def test_e11_a_required_field_that_is_missing(version: Version) -> None:
    action, payload = session(version)

    refused = ask(version, action, without(payload, "timestamp"))

    assert code(refused) == ("ProtocolError" if version is V16 else "OccurrenceConstraintViolation")


@versions
def test_e12_b19_a_property_too_many(version: Version) -> None:
    assert code(ask(version, *session(version, extra=1))) == (
        "FormationViolation" if version is V16 else "FormatViolation"
    )


@versions
@pytest.mark.parametrize("wrong", ["1", None, [], {}, True])
def test_e13_a_wrong_json_type(version: Version, wrong: Any) -> None:
    action, payload = session(version, **{"connectorId" if version is V16 else "seqNo": wrong})

    assert code(ask(version, action, payload)) == "TypeConstraintViolation"


@versions
def test_e14_a_value_outside_its_enumeration(version: Version) -> None:
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Dreaming"}

    refused = (
        ask(V16, "StatusNotification", status) if version is V16 else ask(version, *session(version, eventType="X"))
    )

    assert code(refused) == "PropertyConstraintViolation"


@versions
def test_e15_b25_a_string_too_long(version: Version) -> None:
    longest = session(version, **_token(version, "x" * _limit(version)))
    longer = session(version, **_token(version, "x" * (_limit(version) + 1)))

    assert isinstance(ask(version, *longest), CallResult)
    assert code(ask(version, *longer)) == (
        "TypeConstraintViolation" if version is V16 else "PropertyConstraintViolation"
    )


def _limit(version: Version) -> int:
    return {"1.6": 20, "2.0.1": 36, "2.1": 255}[version.name]


def _token(version: Version, text: str) -> Payload:
    return {"idTag": text} if version is V16 else {"idToken": {"idToken": text, "type": "Central"}}


@versions
@pytest.mark.parametrize("wrong", ["", "now", "2026-13-01T00:00:00Z", "222222017-10-27T19:10:11Z", "12:00"])
def test_e16_a_malformed_timestamp(version: Version, wrong: str) -> None:
    assert code(ask(version, *session(version, timestamp=wrong))) == "TypeConstraintViolation"


@versions
def test_e17_a_list_too_short(version: Version) -> None:
    empty = {"timestamp": MOMENT, "sampledValue": []}
    where: Payload = {"connectorId": 1} if version is V16 else {"evseId": 1}

    refused = ask(version, "MeterValues", where | {"meterValue": [empty]})

    # One r in 1.6: the misspelling is normative (J16 table 7).
    assert code(refused) == ("OccurenceConstraintViolation" if version is V16 else "OccurrenceConstraintViolation")


@versions
def test_e19_a_call_before_the_boot_is_accepted_is_a_security_error(version: Version) -> None:
    house = House(settings=Settings(gate=Gate.STRICT))
    house.register(CP, version)

    [refused] = house.send(CP, Call("m-1", "Heartbeat"))

    assert code(refused) == "SecurityError"


# B.2


@versions
def test_a58_what_is_sent_to_a_charge_point_is_small(version: Version) -> None:
    for action in sorted(actions.sent_by_charge_point(version) - UNCONFIRMED):
        answer = ask(version, action, sample(version, action, full=True))

        assert len(frames.encode(answer)) <= 2_000, action


@versions
def test_b17_a_list_of_one_is_a_list(version: Version) -> None:
    one = {"timestamp": MOMENT, "sampledValue": [{"value": "1" if version is V16 else 1}]}
    where: Payload = {"connectorId": 1} if version is V16 else {"evseId": 1}

    listed = ask(version, "MeterValues", where | {"meterValue": [one]})
    bare = ask(version, "MeterValues", where | {"meterValue": one})

    assert listed == CallResult("m-1", {})
    assert code(bare) == "TypeConstraintViolation"


@versions
@pytest.mark.parametrize(
    ("value", "versions_of_it"), [("100", ["1.6"]), (100, ["2.0.1", "2.1"]), (1.5, ["2.0.1", "2.1"])]
)
def test_b23_a_value_is_a_text_in_1_6_and_a_number_later(
    version: Version, value: Any, versions_of_it: list[str]
) -> None:
    where: Payload = {"connectorId": 1} if version is V16 else {"evseId": 1}
    sampled = {"meterValue": [{"timestamp": MOMENT, "sampledValue": [{"value": value}]}]}

    answer = ask(version, "MeterValues", where | sampled)

    assert isinstance(answer, CallResult if version.name in versions_of_it else CallError)


def test_b23_signed_values_pass_in_both_shapes() -> None:
    signed = {"value": "AQIDBA==", "format": "SignedData", "context": "Transaction.End"}
    meter = {"signedMeterData": "AQID", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": ""}

    old = ask(V16, "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": MOMENT, "sampledValue": [signed]}]})
    sampled = [{"value": 1, "signedMeterValue": meter}]
    new = ask(V201, "MeterValues", {"evseId": 1, "meterValue": [{"timestamp": MOMENT, "sampledValue": sampled}]})

    assert old == new == CallResult("m-1", {})


@pytest.mark.parametrize("version", VERSIONS[1:], ids=str)
def test_b30_a_signed_message_is_not_implemented(version: Version) -> None:
    signed = {"payload": "eyJhIjoxfQ", "signatures": [{"protected": "e30", "signature": "AAAA"}]}

    assert code(ask(version, "BootNotification-Signed", signed)) == "NotImplemented"


@versions
@pytest.mark.parametrize("number", [10**20, -(10**20), 10**300])
def test_b27_a_number_that_lost_its_digits_is_refused(version: Version, number: int) -> None:
    name = "meterStart" if version is V16 else "seqNo"
    action, payload = session(version, **{name: 0})
    text = orjson.dumps([2, "m-1", action, payload]).replace(f'"{name}":0'.encode(), f'"{name}":{number}'.encode())

    read = frames.decode(text)

    assert isinstance(read, Call)
    with pytest.raises(OcppError):
        schemas.check(version, action, "request", read.payload)


def test_b27_of_a_key_that_comes_twice_the_last_counts() -> None:
    read = frames.decode('[2,"m-1","Heartbeat",{"a":1,"a":2}]')

    assert read == Call("m-1", "Heartbeat", {"a": 2})
