"""`ocppgw sim fleet`: thousands of charge points against one endpoint, with a view and a report."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from charge_point_sim.fleet import Fleet, FleetError, Moment
from charge_point_sim.plan import SCENARIOS, Plan, PlanError, Scenario, read_duration_s, read_mix, read_quirk
from charge_point_sim.processes import is_running
from charge_point_sim.quirks import QUIRKS
from charge_point_sim.report import Run, summary, write
from charge_point_sim.settings import settings
from charge_point_sim.target import Target, TargetError, resolve
from charge_point_sim.tls import TlsError, context
from charge_point_sim.view import View

Password = Annotated[
    str | None, typer.Option(help="For all; {id} stands for the identity.", envvar="OCPPGW_SIM_PASSWORD")
]
Quirks = Annotated[
    list[str], typer.Option(help=f"A fault and the percentage that has it, such as flapping:5: {', '.join(QUIRKS)}.")
]
Anywhere = Annotated[bool, typer.Option("--i-own-this-host", help="Allow an endpoint that is not on this machine.")]
_ADVICE = {
    "refused 404": ": not registered there; --list prints a file for `ocppgw fleet import`",
    "refused 401": ": another password is expected, see --password",
}


def fleet(
    count: Annotated[int, typer.Option(help="How many charge points.", min=1)] = 100,
    mix: Annotated[str, typer.Option(help="Shares of the versions.")] = "1.6:70,2.0.1:30",
    url: Annotated[str | None, typer.Option(help="Endpoint; the identities are appended.")] = None,
    rate: Annotated[float, typer.Option(help="Charge points that connect per second.", min=0.1)] = 200,
    scenario: Annotated[str, typer.Option(help=f"{', '.join(SCENARIOS)}.")] = "steady",
    duration: Annotated[str, typer.Option(help="Such as 90s, 10m, 1h.")] = "10m",
    seed: Annotated[int, typer.Option(help="The same seed: the same arrivals, tokens and choices.")] = 7,
    processes: Annotated[int, typer.Option(help="Processes that share the load.", min=1, max=64)] = 1,
    id_prefix: Annotated[str, typer.Option(help="Identities are this and a number of five digits.")] = "SIM-",
    password: Password = None,
    connectors: Annotated[int, typer.Option(help="Connectors (1.6) or EVSEs (2.0.1) of each.", min=1, max=10)] = 2,
    id_tag: Annotated[list[str], typer.Option(help="An id token drivers present; repeatable.")] = ["DEMO-TAG-1"],  # noqa: B006
    session_seconds: Annotated[float, typer.Option(help="How long a session lasts, on average.", min=1)] = 60,
    pause_seconds: Annotated[float, typer.Option(help="Time until the next driver, on average.", min=0)] = 120,
    sample_seconds: Annotated[int, typer.Option(help="Time between two meter values.", min=0)] = 30,
    ping_seconds: Annotated[int, typer.Option(help="Time between two WebSocket pings of each; 0: none.", min=0)] = 0,
    quirk: Quirks = [],  # noqa: B006
    ca: Annotated[str | None, typer.Option(help="Certificates to trust, for wss://.")] = None,
    deflate: Annotated[bool, typer.Option("--deflate", help="Offer permessage-deflate.")] = False,
    i_own_this_host: Anywhere = False,
    watch_pid: Annotated[list[int], typer.Option(help="A process whose CPU and memory to follow; repeatable.")] = [],  # noqa: B006
    list_only: Annotated[
        bool, typer.Option("--list", help="Only list them, as `ocppgw fleet import` reads it.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Where to write the report, and its JSON beside it.")] = None,
) -> None:
    """Be a whole fleet of charge points, until the time is over or Ctrl-C."""
    try:
        plan = Plan(
            count, _scenario(scenario), read_duration_s(duration), seed, read_mix(mix), rate, id_prefix, connectors,
            tuple(id_tag), password, session_seconds, pause_seconds, sample_seconds, ping_seconds,
            quirks=tuple(read_quirk(each) for each in quirk),
        )  # fmt: skip
        if list_only:
            _list(plan)
            return
        endpoint = url or settings().url
        context(endpoint, ca)  # a wrong file is said here, not in every process
        target = resolve(endpoint, may_be_anywhere=i_own_this_host, ca=ca, deflate=deflate)
        _look_ahead(watch_pid, report)
    except (PlanError, TargetError, TlsError) as error:
        raise typer.BadParameter(str(error)) from error
    _run(Run(plan, endpoint, processes, datetime.now(UTC), []), target, tuple(watch_pid), report)


def _run(run: Run, target: Target, watched: tuple[int, ...], report: Path | None) -> None:
    try:
        died = _follow(run, target, watched)
    except FleetError as error:
        typer.echo(f"{error}.", err=True)
        raise typer.Exit(1) from error
    _say_how_it_went(run, report)
    for each in died:
        typer.echo(f"{each}: its part of the fleet was missing from then on.", err=True)
    if died or not summary(run.moments)["connects"]:
        raise typer.Exit(1)


def _follow(run: Run, target: Target, watched: tuple[int, ...]) -> list[str]:
    with View(Console(), run.plan) as view:

        def show(moment: Moment) -> None:
            run.moments.append(moment)
            view.show(moment)

        everybody = Fleet(run.plan, target, run.processes, show, watched)
        everybody.run()
    return everybody.died


def _say_how_it_went(run: Run, report: Path | None) -> None:
    numbers = summary(run.moments)
    latency = " ".join(
        f"{name}={'-' if number is None else f'{number:.1f} ms'}" for name, number in numbers["latencyMs"].items()
    )
    typer.echo(
        f"{numbers['seconds']} s, at most {numbers['connectedMost']} of {run.plan.count} connected, "
        f"{numbers['framesPerSecond']} frames/s, {latency}, {sum(numbers['errors'].values())} errors"
    )
    for kind, number in numbers["errors"].items():
        typer.echo(f"  {number} x {kind}" + _ADVICE.get(kind, ""))
    if report:
        beside = write(run, report)
        typer.echo(f"report: {report}, {beside}")


def _look_ahead(watched: list[int], report: Path | None) -> None:
    """What would spoil the report is better known before the run than after it."""
    if gone := [pid for pid in watched if not is_running(pid)]:
        raise PlanError(f"there is no process {gone[0]} to watch")
    if report is None:
        return
    if report.suffix == ".json":
        raise PlanError(f"{report} is where the numbers go; name the page, such as {report.with_suffix('.html')}")
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.open("a").close()
    except OSError as error:
        raise PlanError(f"{report}: {error.strerror}") from error


def _list(plan: Plan) -> None:
    with_passwords = plan.password is not None
    typer.echo("id,password" if with_passwords else "id")
    for number in range(plan.count):
        setup = plan.setup(number)
        typer.echo(f"{setup.identity},{setup.password.decode()}" if setup.password else setup.identity)


def _scenario(name: str) -> Scenario:
    found = next((each for each in SCENARIOS if each == name), None)
    if found is None:
        raise PlanError(f"{name!r} is none of {', '.join(SCENARIOS)}")
    return found
