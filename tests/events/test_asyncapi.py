"""The AsyncAPI document: current, valid, and true of the events there are."""

from pathlib import Path

import jsonschema_rs
import pytest

from domain.events import EventType
from events import asyncapi

COMMITTED = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == asyncapi.text(), "run: python -m events.asyncapi > docs/asyncapi.json"


@pytest.mark.parametrize("type_", EventType)
def test_an_event_fits_its_schema_and_the_schema_knows_its_members_and_no_others(type_: EventType) -> None:
    schema, example = asyncapi.payload(type_), asyncapi.examples()[type_]

    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(example)
    members, _ = asyncapi.DATA[type_]
    # Of a transaction there is less to tell before it ends, and of a security event what is OCPP's.
    unsaid = {
        EventType.TRANSACTION_STARTED: set(members) - set(example["data"]),
        EventType.TRANSACTION_UPDATED: {"endedAt", "meterStopWh", "reason", "stopIdToken", "cost"},
        EventType.SECURITY_EVENT: {"customData"},
    }
    assert set(example["data"]) == set(members) - unsaid.get(type_, set())
    assert set(example) == set(schema["properties"])


def test_every_reference_leads_somewhere_and_every_type_is_on_every_channel() -> None:
    document = asyncapi.document()

    for channel in document["channels"].values():
        assert set(channel["messages"]) == set(document["components"]["messages"])
    for operation in document["operations"].values():
        for reference in (operation["channel"], *operation["messages"]):
            found = document
            for name in reference["$ref"].removeprefix("#/").split("/"):
                found = found[name]
    assert {each["name"] for each in document["components"]["messages"].values()} == set(EventType)
