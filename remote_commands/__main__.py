"""`ocppgw command`: tell a charge point what to do, and see its answer."""

import json
import signal
import threading
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.table import Table

from remote_commands import client, console, job_commands, neutral, options
from remote_commands.client import ClientError
from remote_commands.console import Output, OutputOption

ChargePointId = Annotated[str, typer.Argument(metavar="CHARGE_POINT", help="Id of the charge point, escaped.")]
Ttl = Annotated[int, typer.Option("--ttl", min=0, help="Seconds it may wait for a charge point that is offline.")]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until the charge point has answered, or its time is over.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _command(ctx: typer.Context) -> None:
    """Tell a charge point what to do, and see its answer.

    Exit code: 0 accepted (or sent, without --wait), 3 rejected, 4 timed out, 5 not connected, 1 everything else.
    """
    ctx.obj = _signed


@app.command()
def remote_start(
    charge_point: ChargePointId,
    id_tag: Annotated[str, typer.Option("--id-tag", help="Who charges.")],
    connector: Annotated[int | None, typer.Option("--connector", help="Connector number.")] = None,
    evse: Annotated[int | None, typer.Option("--evse", help="EVSE number, in the words of OCPP 2.")] = None,
    ttl: Ttl = 0,
    wait: Wait = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start a transaction."""
    body: dict[str, Any] = {"chargePointId": charge_point, "idTag": id_tag}
    body |= {} if connector is None else {"connectorId": connector}
    body |= {} if evse is None else {"evseId": evse}
    body |= {"ttlSeconds": ttl} if ttl else {}
    _issue("/remote-start-transaction", body, wait, output)


@app.command()
def remote_stop(
    charge_point: ChargePointId,
    transaction: Annotated[str, typer.Argument(help="Id of the transaction.")],
    wait: Wait = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Stop a transaction."""
    _issue("/remote-stop-transaction", {"chargePointId": charge_point, "transactionId": transaction}, wait, output)


@app.command()
def raw(
    charge_point: ChargePointId,
    action: Annotated[str, typer.Argument(help="OCPP action, such as Reset.")],
    payload: Annotated[str, typer.Argument(help="Its payload, JSON.")] = "{}",
    split: Annotated[bool, typer.Option("--split", help="In as many messages as the charge point takes.")] = False,
    ttl: Ttl = 0,
    wait: Wait = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send any command of the charge point's OCPP version."""
    try:
        body = json.loads(payload)
    except ValueError as error:
        console.fail(f"The payload is not JSON: {error}.")
    if not isinstance(body, dict):
        console.fail("The payload must be a JSON object.")
    query = urlencode(({"ttlSeconds": ttl} if ttl else {}) | ({"split": "true"} if split else {}))
    _issue(client.action_path(charge_point, action) + (f"?{query}" if query else ""), body, wait, output)


@app.command()
def get_configuration(
    charge_point: ChargePointId,
    keys: Annotated[list[str] | None, typer.Argument(help="Keys, or Component.Variable; none is all of them.")] = None,
    wait: Wait = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Read settings."""
    _neutral("get-configuration", charge_point, {"keys": keys or []}, wait, output)


@app.command()
def set_configuration(
    charge_point: ChargePointId,
    values: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Keys, or Component.Variable.")],
    ttl: Ttl = 0,
    wait: Wait = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change settings."""
    pairs = [pair.partition("=") for pair in values]
    if not all(sign for _, sign, _ in pairs):
        console.fail("Write settings as KEY=VALUE.")
    body: dict[str, Any] = {"values": {key: value for key, _, value in pairs}}
    _neutral("set-configuration", charge_point, body | ({"ttlSeconds": ttl} if ttl else {}), wait, output)


@app.command()
def get(
    charge_point: Annotated[str, typer.Argument(metavar="[CHARGE_POINT]", help="Id of the charge point.")],
    command_id: Annotated[str | None, typer.Argument(metavar="COMMAND", help="Id of the command.")] = None,
    wait: Wait = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what became of a command."""
    house = console.house(_signed)
    reply = console.asked(lambda: client.follow(house, command_id or charge_point, wait=wait))
    if command_id and not reply.is_problem and reply.body["chargePointId"] != charge_point:
        console.fail(f"The command {command_id} is for {reply.body['chargePointId']}.")
    console.show(reply, output, _table)


def _add(name: str) -> None:
    def issue(charge_point: str, body: dict[str, Any], wait: bool, output: Output) -> None:
        _neutral(name, charge_point, body, wait, output)

    common = {"charge_point": ChargePointId, "wait": Wait, "output": OutputOption}
    app.command(name)(options.function_of(neutral.COMMANDS[name].body, issue, common, {"output": Output.TABLE}))


for _name in neutral.COMMANDS:
    if _name not in ("remote-start", "remote-stop", "get-configuration", "set-configuration"):
        _add(_name)


def _work() -> None:
    """Do the jobs that are on the queue, without Lambda, until SIGTERM or SIGINT."""
    from adapters.sqs import SqsQueue  # here, for whoever only commands needs no AWS
    from adapters.sqs import connect as connect_to_sqs
    from remote_commands import job_worker, lambda_handler

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    job_worker.run(SqsQueue(connect_to_sqs(), lambda_handler.queue_name()), lambda_handler.step, stop)


def _neutral(name: str, charge_point: str, body: dict[str, Any], wait: bool, output: Output) -> None:
    _issue(client.action_path(charge_point, name), body, wait, output)


def _issue(path: str, body: dict[str, Any], wait: bool, output: Output) -> None:
    house = console.house(_signed)
    console.show(console.asked(lambda: client.issue(house, path, body, wait=wait)), output, _table)


def _signed(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, str]:
    from adapters import aws, sigv4  # here, for whoever only commands the house needs no AWS

    try:
        return sigv4.signed(method, url, headers, body)
    except aws.FAILURES as error:
        raise ClientError(f"The request can't be signed: {error}.") from error


def _table(body: dict[str, Any]) -> Table:
    return console.pairs({
        "command": body["commandId"],
        "charge point": f"{body['chargePointId']} (OCPP {body['version']})",
        "action": body["action"],
        "state": f"{body['state']} {client.took(body)}".rstrip(),
        "created": body["createdAt"],
        "effect": None if body["effect"] == "none" else body["effect"],
        "after": body["partBefore"],
        "queued until": body["queuedUntil"],
        "answer": body["answer"],
        "late answer": body["lateAnswer"],
        "evidence": body["evidence"],
    })  # fmt: skip


app.add_typer(job_commands.app, name="job")
job_commands.app.command(name="work")(_work)


if __name__ == "__main__":
    app()
