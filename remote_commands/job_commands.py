"""`ocppgw command job`: one command for many charge points."""

import json
from typing import Annotated, Any, NoReturn
from urllib.parse import urlencode

import typer
from rich.table import Table

from remote_commands import client, console
from remote_commands.console import Output, OutputOption, Tabled

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]
Cursor = Annotated[str, typer.Option(help="Where the page before ended.")]
Limit = Annotated[int, typer.Option(help="How many.", min=1, max=100)]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="One command for many charge points.")


@app.command()
def start(
    ctx: typer.Context,
    action: Annotated[str, typer.Argument(help="A command such as reset, or an OCPP action such as Reset.")],
    payload: Annotated[str, typer.Argument(help="Its body or payload, JSON.")] = "{}",
    ids: Annotated[list[str] | None, typer.Option("--id", help="A charge point; may be said again.")] = None,
    model: Annotated[str | None, typer.Option(help="Those of this model.")] = None,
    firmware: Annotated[str | None, typer.Option(help="Those with this firmware.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    rate: Annotated[float, typer.Option(help="Commands per second.")] = 5,
    stop_after: Annotated[int | None, typer.Option(help="Failures that stop it.")] = None,
    canary: Annotated[float | None, typer.Option(help="Percent that go first: a campaign.")] = None,
    soak: Annotated[int, typer.Option(help="Seconds to wait after the canaries.")] = 0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start a job."""
    try:
        body = json.loads(payload)
    except ValueError as error:
        console.fail(f"The payload is not JSON: {error}.")
    job = {
        "action": action,
        "payload": body,
        "selector": _said(ids=ids or None, model=model, firmware=firmware, all=everybody or None),
        "ratePerSecond": rate,
        "soakSeconds": soak,
    }
    _ask(ctx, "POST", "/jobs", output, _job, job | _said(stopAfterFailures=stop_after, canaryPercent=canary))


@app.command(name="list")
def list_jobs(ctx: typer.Context, limit: Limit = 20, cursor: Cursor = "", output: OutputOption = Output.TABLE) -> None:
    """List the newest jobs."""
    _ask(ctx, "GET", f"/jobs?{_page(limit, cursor)}", output, _jobs)


@app.command()
def get(ctx: typer.Context, job_id: JobId, output: OutputOption = Output.TABLE) -> None:
    """Show how far a job is."""
    _ask(ctx, "GET", client.job_path(job_id), output, _job)


@app.command()
def results(
    ctx: typer.Context, job_id: JobId, limit: Limit = 20, cursor: Cursor = "", output: OutputOption = Output.TABLE
) -> None:
    """Show what became of each charge point."""
    _ask(ctx, "GET", f"{client.job_path(job_id, 'results')}?{_page(limit, cursor)}", output, _results)


@app.command()
def cancel(ctx: typer.Context, job_id: JobId, output: OutputOption = Output.TABLE) -> None:
    """End a job; what was sent stays sent."""
    _ask(ctx, "POST", client.job_path(job_id, "cancel"), output, _job, {})


def _ask(
    ctx: typer.Context, method: str, path: str, output: Output, tabled: Tabled, body: dict[str, Any] | None = None
) -> NoReturn:
    where = console.house(ctx.obj)
    console.show(console.asked(lambda: client.ask(where, method, path, body)), output, tabled)


def _said(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _page(limit: int, cursor: str) -> str:
    return urlencode({"limit": limit} | ({"cursor": cursor} if cursor else {}))


def _job(body: dict[str, Any]) -> Table:
    total = "?" if body["total"] is None else body["total"]
    return console.pairs({
        "job": body["jobId"],
        "action": f"{body['action']} {json.dumps(body['payload'])}",
        "for": body["selector"],
        "state": " ".join(each for each in (body["state"], body["reason"] and f"({body['reason']})") if each),
        "sent": f"{body['sent']} of {total}",
        "outcomes": body["outcomes"] or None,
        "created": body["createdAt"],
        "ended": body["endedAt"],
    })  # fmt: skip


def _jobs(body: dict[str, Any]) -> Table:
    columns = {"job": "jobId"} | {name: name for name in ("action", "state", "sent", "total", "outcomes")}
    return console.listed(body["data"], columns, body["nextCursor"])


def _results(body: dict[str, Any]) -> Table:
    columns = {"charge point": "chargePointId", "state": "state", "effect": "effect", "command": "commandId"}
    rows = [row | {"why": (row["problem"] or {}).get("detail")} for row in body["data"]]
    return console.listed(rows, columns | {"why": "why"}, body["nextCursor"])
