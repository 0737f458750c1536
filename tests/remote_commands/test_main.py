import hashlib
import json
import socket

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from typer.testing import CliRunner, Result

from adapters import sigv4
from domain.models import ChargePoint, CommandState
from ocppj.versions import V16, V201
from remote_commands import examples
from remote_commands.__main__ import app
from tests.remote_commands.desk import EPOCH, Desk
from tests.remote_commands.front import hearing, saying, serving
from web.access import Access


def run(port: int | str, *arguments: str, **variables: str) -> Result:
    environment = {"OCPPGW_HTTP_PORT": str(port), "COLUMNS": "120"} | variables
    return CliRunner().invoke(app, list(arguments), env=environment)


def answering(state: CommandState, answer: dict[str, object]) -> Desk:
    """A charge point that answers its first command while somebody waits."""
    desk = Desk()
    desk.connect("CP1", V16)
    desk.clock.on_sleep = lambda: desk.commands.move("cmd-1", state, answer=answer, answered_at=desk.clock.now)
    return desk


def test_a_start_that_is_accepted_ends_with_0_and_shows_the_answer() -> None:
    with serving(answering(CommandState.ACCEPTED, {"status": "Accepted"})) as port:
        result = run(port, "remote-start", "CP1", "--id-tag", "ABC", "--connector", "1", "--wait")

    assert result.exit_code == 0, result.output
    assert "accepted after 0.05 s" in result.stdout
    assert '{"status": "Accepted"}' in result.stdout


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (CommandState.REJECTED, 3),
        (CommandState.TIMEOUT, 4),
        (CommandState.EXPIRED, 4),
        (CommandState.ERROR, 1),
    ],
)
def test_the_exit_code_says_what_became_of_the_command(state: CommandState, code: int) -> None:
    with serving(answering(state, {"status": "x"})) as port:
        assert run(port, "remote-stop", "CP1", "42", "--wait").exit_code == code


def test_who_waits_stays_until_the_time_is_over() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    with serving(desk) as port:
        result = run(port, "raw", "CP1", "Reset", '{"type": "Soft"}', "--wait", "--output", "json")

    assert result.exit_code == 4
    assert json.loads(result.stdout)["state"] == "timeout"


def test_who_does_not_wait_gets_0_and_can_ask_later() -> None:
    desk = Desk()
    desk.connect("CP1", V201)

    with serving(desk) as port:
        sent = run(port, "remote-start", "CP1", "--id-tag", "ABC", "--evse", "2", "--output", "json")
        asked = run(port, "get", "cmd-1", "--output", "json")

    assert (sent.exit_code, asked.exit_code) == (0, 0)
    assert json.loads(sent.stdout) == json.loads(asked.stdout)
    assert json.loads(sent.stdout)["payload"]["evseId"] == 2


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_charge_point_that_is_offline_ends_with_5(output: str) -> None:
    desk = Desk()
    desk.registry.add(ChargePoint("CP1"))

    with serving(desk) as port:
        result = run(port, "remote-stop", "CP1", "42", "--output", output)

    assert result.exit_code == 5
    assert "CP1 is not connected" in (result.stderr if output == "table" else json.loads(result.stdout)["detail"])


def test_a_problem_is_told_in_a_sentence_and_ends_with_1() -> None:
    with serving(Desk()) as port:
        unknown = run(port, "get", "cmd-9")
        wrong = run(port, "remote-start", "CP 1/%", "--id-tag", "")

    assert (unknown.exit_code, unknown.stderr) == (1, "No such command: there is no command 'cmd-9'.\n")
    assert (wrong.exit_code, "/idTag" in wrong.stderr) == (1, True)


def test_an_id_that_needs_quoting_arrives_as_it_is() -> None:
    desk = Desk()
    desk.connect("CP:2F1", V16)

    with serving(desk) as port:
        assert run(port, "raw", "CP:2F1", "ClearCache").exit_code == 0


@pytest.mark.parametrize("payload", ["{", "[]"])
def test_a_raw_payload_that_is_no_json_object_never_leaves(payload: str) -> None:
    result = run(1, "raw", "CP1", "Reset", payload)

    assert result.exit_code == 1
    assert result.stderr.startswith("The payload")


def test_a_house_that_is_not_running_is_one_sentence() -> None:
    with socket.socket() as bound:  # bound, so that nobody else gets the port; never listening
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]

        result = run(port, "get", "cmd-1")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Nobody listens on http://127.0.0.1:{port}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("text", [b"<html>", b"[1]", b"{}", b'{"up": true}'])
def test_somebody_else_on_the_port_is_one_sentence(text: bytes) -> None:
    with saying(text) as port:
        result = run(port, "remote-stop", "CP1", "42")

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "is not the command API" in result.stderr


def test_a_port_that_is_none_is_one_sentence() -> None:
    result = run("http", "get", "cmd-1")

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("OCPPGW_HTTP_PORT is 'http': ")


def test_an_answer_with_brackets_is_shown_as_it_is() -> None:
    with serving(answering(CommandState.ACCEPTED, {"data": "[bold]x[/bold]"})) as port:
        result = run(port, "raw", "CP1", "DataTransfer", '{"vendorId": "v"}', "--wait")

    assert "[bold]x[/bold]" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "action", "payload"),
    [
        (["reset", "CP1", "--type", "force"], "Reset", {"type": "Hard"}),
        (["unlock", "CP1", "--connector", "2"], "UnlockConnector", {"connectorId": 2}),
        (["get-configuration", "CP1"], "GetConfiguration", {}),
        (["get-configuration", "CP1", "A", "B"], "GetConfiguration", {"key": ["A", "B"]}),
        (["set-configuration", "CP1", "A=b=c"], "ChangeConfiguration", {"key": "A", "value": "b=c"}),
        (["trigger-message", "CP1", "--message", "Heartbeat"], "TriggerMessage", {"requestedMessage": "Heartbeat"}),
        (["clear-cache", "CP1"], "ClearCache", {}),
        (
            ["send-local-list", "CP1", "--version", "1", "--update", "full", "--entries", '[{"idToken": "123"}]'],
            "SendLocalList",
            {
                "listVersion": 1,
                "updateType": "Full",
                "localAuthorizationList": [{"idTag": "123", "idTagInfo": {"status": "Accepted"}}],
            },
        ),
        (
            ["reserve", "CP1", "--id-token", "123", "--expires-at", "2026-12-01T00:00:00Z", "--reservation-id", "7"],
            "ReserveNow",
            {"connectorId": 0, "expiryDate": "2026-12-01T00:00:00.000Z", "idTag": "123", "reservationId": 7},
        ),
        (["data-transfer", "CP1", "--vendor-id", "v", "--data", "[1"], "DataTransfer", {"vendorId": "v", "data": "[1"}),
    ],
)
def test_every_neutral_command_is_a_command_of_the_command_line(
    arguments: list[str], action: str, payload: dict[str, object]
) -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    with serving(desk) as port:
        result = run(port, *arguments, "--output", "json")

    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert (shown["action"], shown["payload"]) == (action, payload)


@pytest.mark.parametrize("name", examples.NEUTRAL)
def test_every_command_explains_itself(name: str) -> None:
    result = run(1, name, "--help")

    assert (result.exit_code, "CHARGE_POINT" in result.stdout) == (0, True)


def test_a_command_with_time_waits_for_a_charge_point_that_is_offline() -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.registry.disconnected("CP1", EPOCH, desk.clock.now)

    with serving(desk) as port:
        results = [
            run(port, "reset", "CP1", "--ttl", "60"),
            run(port, "raw", "CP1", "ClearCache", "--ttl", "60"),
            run(port, "remote-start", "CP1", "--id-tag", "A", "--ttl", "60"),
            run(port, "set-configuration", "CP1", "A=1", "--ttl", "60"),
        ]

    assert [(result.exit_code, "queued until" in result.stdout) for result in results] == [(0, True)] * 4


def test_a_setting_that_is_none_never_leaves() -> None:
    result = run(1, "set-configuration", "CP1", "HeartbeatInterval")

    assert (result.exit_code, result.stderr) == (1, "Write settings as KEY=VALUE.\n")


def test_a_command_can_be_asked_for_by_its_charge_point_too() -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.post("/charge-points/CP1/commands/reset", {})

    with serving(desk) as port:
        its, another = run(port, "get", "CP1", "cmd-1"), run(port, "get", "CP2", "cmd-1")

    assert (its.exit_code, "effect" in its.stdout) == (0, True)
    assert (another.exit_code, another.stderr) == (1, "The command cmd-1 is for CP1.\n")


def test_a_token_goes_along_where_the_house_wants_one() -> None:
    desk = Desk(access=Access(tokens={hashlib.sha256(b"s3cret").hexdigest(): "olga"}))
    desk.connect("CP1", V16)

    with serving(desk) as port:
        refused = run(port, "reset", "CP1")
        taken = run(port, "reset", "CP1", "--output", "json", OCPPGW_API_TOKEN="s3cret")

    assert (refused.exit_code, refused.stderr.startswith("No such token: ")) == (1, True)
    assert (taken.exit_code, json.loads(taken.stdout)["issuedBy"]) == (0, "olga")


def test_a_function_url_is_asked_with_a_signature_and_the_token_beside_it() -> None:
    asked: list[tuple[str, dict[str, str], bytes]] = []
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "temporary"}
    keys["AWS_REGION"] = "us-west-1"  # sessions are kept by their region, with the keys of whoever asked first

    with hearing(asked) as port:
        url = f"http://127.0.0.1:{port}/"
        more = {"OCPPGW_CLOUD": "aws", "OCPPGW_API_URL": url, "OCPPGW_API_TOKEN": "t"} | keys
        result = run(1, "raw", "CP:2F1", "Reset", '{"type": "Soft"}', "--ttl", "5", **more)

    [(path, headers, body)] = asked
    # Signed again from what arrived: the same signature, or AWS would not let it in.
    request = AWSRequest("POST", url.rstrip("/") + path, data=body, headers={
        name: headers[name] for name in ("host", "x-amz-security-token", "content-type", "x-api-key") if name in headers
    })  # fmt: skip
    request.context["timestamp"] = headers["x-amz-date"]
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials("AKID", "secret", "temporary"), "lambda", "us-west-1")
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert result.exit_code == 0, result.output
    assert path == "/charge-points/CP:2F1/commands/Reset?ttlSeconds=5"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert headers["x-api-key"] == "t"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"OCPPGW_CLOUD": "aws"}, "OCPPGW_CLOUD is aws: set OCPPGW_API_URL"),
        ({"OCPPGW_API_URL": "example.com"}, "OCPPGW_API_URL is 'example.com'"),
    ],
)
def test_where_the_api_is_must_be_told(variables: dict[str, str], sentence: str) -> None:
    result = run(1, "get", "cmd-1", **variables)

    assert (result.exit_code, result.stderr.startswith(sentence)) == (1, True)


def test_a_signature_for_another_name_is_one_for_api_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    headers = sigv4.signed("GET", "https://api.example.com/commands/1", {}, None)

    assert "/execute-api/aws4_request" in headers["Authorization"]


def test_the_region_of_a_signature_is_that_of_the_function_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    headers = sigv4.signed("GET", "https://abc.lambda-url.eu-west-1.on.aws/commands/1", {}, None)

    assert "/eu-west-1/lambda/aws4_request" in headers["Authorization"]
    assert headers["Host"] == "abc.lambda-url.eu-west-1.on.aws"
