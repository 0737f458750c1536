import json
import socket

import pytest
from typer.testing import CliRunner, Result

from domain.models import ChargePoint, CommandState
from ocppj.versions import V16, V201
from remote_commands.__main__ import app
from tests.remote_commands.desk import Desk
from tests.remote_commands.front import saying, serving


def run(port: int | str, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"OCPPGW_HTTP_PORT": str(port), "COLUMNS": "120"})


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
