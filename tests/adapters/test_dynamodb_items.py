"""Whatever a device says comes back from its DynamoDB attributes as it was."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters import dynamodb_items
from adapters.dynamodb_items import LARGEST, PLAIN, attribute, document, read, write
from domain.models import Command, CommandState, Transaction
from ocppj.versions import V16, V201

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

_text = st.text(st.characters(exclude_categories=["Cs"]))
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)
_payload = st.dictionaries(_text, _json, max_size=5)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63), _text)
def test_a_transaction_comes_back_with_every_digit(energy_wh: float, meter_start_wh: int, token: str) -> None:
    transaction = Transaction(
        "CP-1",
        "1",
        V16,
        energy_wh=energy_wh,
        meter_start_wh=meter_start_wh,
        id_token=token,
        started_at=NOON + timedelta(milliseconds=1),
    )

    assert read(Transaction, write(transaction)) == transaction


@given(_payload, _payload)
def test_a_command_comes_back_with_its_payloads_in_their_order(payload: dict[str, Any], answer: dict[str, Any]) -> None:
    command = Command("c", "CP-1", "Reset", payload, V201, CommandState.ERROR, NOON, NOON, answer=answer)

    back = read(Command, write(command))

    assert back == command
    assert list(back.payload) == list(payload)


def test_none_is_not_stored_and_names_are_camel_case() -> None:
    item = write(Transaction("CP-1", "7", V16, meter_start_wh=0), "transaction_id")

    assert item == {"chargePointId": {"S": "CP-1"}, "ocppVersion": {"S": "ocpp1.6"}, "meterStartWh": {"N": "0"}}


def test_a_number_where_an_integer_belongs_comes_back_as_one() -> None:
    # The schemas' "integer" takes 1.0, and orjson makes a float of an integer that is too long.
    said = (1.0, -7.0, 1e30, 1e200)

    items = [write(Transaction("CP-1", "7", V16)) | {"meterStartWh": attribute(number)} for number in said]

    read_again = [read(Transaction, item).meter_start_wh for item in items]
    assert read_again == [int(number) for number in said]


def test_a_large_payload_is_compressed_and_comes_back() -> None:
    payload = {"text": "x" * PLAIN}

    stored = attribute(payload)

    assert list(stored) == ["B"]
    assert len(stored["B"]) < 1000
    assert document(stored) == payload


def test_a_payload_that_fits_no_row_leaves_its_size_behind() -> None:
    noise = attribute({"text": random.Random(7).randbytes(2 * LARGEST).hex()})  # noqa: S311

    clipped = dynamodb_items.without_large({"details": noise, "model": attribute("M")})

    assert clipped["model"] == attribute("M")
    assert document(clipped["details"]) == {"tooLarge": len(noise["B"])}


def test_names_of_fields_become_names_of_attributes() -> None:
    assert [dynamodb_items.name_of(field) for field in ("at", "started_at", "version")] == [
        "at",
        "startedAt",
        "ocppVersion",
    ]
