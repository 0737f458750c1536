import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from domain.models import CommandState
from ocppj.versions import VERSIONS, Version
from remote_commands import openapi
from tests.remote_commands.desk import Desk, Reply

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
DOCUMENT = openapi.document()
EXAMPLES = [
    (path, item["post"]["requestBody"]["content"]["application/json"]["example"])
    for path, item in DOCUMENT["paths"].items()
    if "requestBody" in item.get("post", {}) and path != "/jobs"
]


def validator(reference: str) -> Any:
    return jsonschema_rs.validator_for({"$ref": reference, "components": DOCUMENT["components"]})


def is_documented(path: str, method: str, reply: Reply) -> bool:
    answers = DOCUMENT["paths"][path][method]["responses"]
    answer = answers[str(reply.status)]
    answer = DOCUMENT["components"]["responses"][str(reply.status)] if "$ref" in answer else answer
    content = answer["content"]
    assert list(content) == [reply.headers["Content-Type"]]
    return bool(validator(content[reply.headers["Content-Type"]]["schema"]["$ref"]).is_valid(reply.body))


def at(path: str) -> str:
    return path.replace("{chargePointId}", "CP001").replace("{action}", "ClearCache").replace("{commandId}", "cmd-1")


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == openapi.text(), "run: python -m remote_commands.openapi > docs/openapi.json"


def test_the_document_is_served_as_it_is_committed() -> None:
    reply = Desk().get("/openapi.json")

    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.body == json.loads(COMMITTED.read_text())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("path", "example"), EXAMPLES)
def test_every_example_runs_in_every_version(path: str, example: Any, version: Version) -> None:
    desk = Desk()
    desk.connect("CP001", version)

    reply = desk.post(at(path), example)

    assert reply.status == 202, reply.body
    assert is_documented(path, "post", reply)


@pytest.mark.parametrize(("path", "example"), EXAMPLES)
def test_every_refusal_is_documented(path: str, example: Any) -> None:
    desk = Desk()

    unknown = desk.post(at(path), example)
    wrong = desk.post(at(path), "[]")
    no_json = desk.post(at(path), "{")
    method = desk.ask("DELETE", at(path), None)

    assert [reply.status for reply in (unknown, wrong, no_json, method)] == [404, 422, 400, 405]
    assert all(is_documented(path, "post", reply) for reply in (unknown, wrong, no_json, method))


def test_lists_and_commands_are_as_documented() -> None:
    desk = Desk()
    desk.connect("CP001")
    desk.post("/charge-points/CP001/commands/reset", {})
    desk.commands.move("cmd-1", CommandState.ACCEPTED, answer={"status": "Accepted"}, answered_at=desk.clock.now)

    assert is_documented("/commands/{commandId}", "get", desk.get("/commands/cmd-1"))
    path = "/charge-points/{chargePointId}/commands"
    assert is_documented(path, "get", desk.get("/charge-points/CP001/commands"))
    assert is_documented(path, "get", desk.get("/charge-points/CP001/commands?limit=0"))


def test_every_reference_leads_somewhere() -> None:
    def references(found: Any) -> list[str]:
        if isinstance(found, dict):
            own = [found["$ref"]] if isinstance(found.get("$ref"), str) else []
            return own + [each for value in found.values() for each in references(value)]
        return [each for value in found for each in references(value)] if isinstance(found, list) else []

    for reference in set(references(DOCUMENT)):
        place = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place
