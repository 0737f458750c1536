"""`ocppgw command job`: one command for many charge points."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from remote_commands import client
from remote_commands.client import ClientError, House, Reply

Ask = Callable[[], House]
Show = Callable[[Reply], None]
Fail = Callable[[str], Any]

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]


def app(house: Ask, show: Show, fail: Fail, work: Callable[[], None]) -> typer.Typer:
    """The commands; `show` ends them with the exit code of what the API said."""
    jobs = typer.Typer(no_args_is_help=True, add_completion=False, help="One command for many charge points.")

    def ask(method: str, path: str, body: dict[str, Any] | None = None) -> None:
        try:
            reply = client.ask(house(), method, path, body)
        except ClientError as error:
            fail(str(error))
        show(reply)

    @jobs.command()
    def start(
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
    ) -> None:
        """Start a job."""
        try:
            body = json.loads(payload)
        except ValueError as error:
            fail(f"The payload is not JSON: {error}.")
        selector = {"ids": ids or None, "model": model, "firmware": firmware, "all": everybody or None}
        job = {
            "action": action,
            "payload": body,
            "selector": {name: value for name, value in selector.items() if value is not None},
            "ratePerSecond": rate,
            "stopAfterFailures": stop_after,
            "canaryPercent": canary,
            "soakSeconds": soak,
        }
        ask("POST", "/jobs", {name: value for name, value in job.items() if value is not None})

    @jobs.command(name="list")
    def list_jobs() -> None:
        """List the newest jobs."""
        ask("GET", "/jobs")

    @jobs.command()
    def get(job_id: JobId) -> None:
        """Show how far a job is."""
        ask("GET", client.job_path(job_id))

    @jobs.command()
    def results(
        job_id: JobId, cursor: Annotated[str, typer.Option(help="nextCursor of the page before.")] = ""
    ) -> None:
        """Show what became of each charge point."""
        ask("GET", client.job_path(job_id, "results") + (f"?cursor={cursor}" if cursor else ""))

    @jobs.command()
    def cancel(job_id: JobId) -> None:
        """End a job; what was sent stays sent."""
        ask("POST", client.job_path(job_id, "cancel"), {})

    jobs.command(name="work")(work)
    return jobs
