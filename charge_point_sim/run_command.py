"""`ocppgw sim run`: play scenarios against any CSMS, and say of each step how it went."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Literal

import orjson
import typer

from charge_point_sim import target
from charge_point_sim.player import Outcome, Player, Stage
from charge_point_sim.scenario import Scenario, ScenarioError, find, read, shipped
from charge_point_sim.settings import settings
from charge_point_sim.target import TargetError
from charge_point_sim.tls import TlsError, context


def run(
    scenarios: Annotated[list[str], typer.Argument(help="Files, or names of shipped scenarios.")],
    url: Annotated[str | None, typer.Option(help="Endpoint; the identity is appended.")] = None,
    id: Annotated[str, typer.Option(help="Identity to play as.")] = "CP001",
    id_tag: Annotated[str, typer.Option(help="An id token the CSMS accepts.")] = "DEMO-TAG-1",
    password: Annotated[
        str | None, typer.Option(help="For Basic authentication.", envvar="OCPPGW_SIM_PASSWORD")
    ] = None,
    ca: Annotated[str | None, typer.Option(help="Certificates to trust, for wss://.")] = None,
    output: Annotated[Literal["table", "json"], typer.Option(help="table or json.")] = "table",
) -> None:
    """Play scenarios one after the other; the exit code is 0 if every step went as expected."""
    endpoint = url or settings().url
    try:
        plays = [_scenario(name) for name in scenarios]
        target.read(endpoint)
        stage = Stage(endpoint, id, id_tag, password, context(endpoint, ca))
    except (ScenarioError, TargetError, TlsError) as error:
        raise typer.BadParameter(str(error)) from error
    results = [asyncio.run(_play(scenario, stage, is_quiet=output == "json")) for scenario in plays]
    if output == "json":
        typer.echo(orjson.dumps(results, option=orjson.OPT_INDENT_2))
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


def scenarios(output: Annotated[Literal["table", "json"], typer.Option(help="table or json.")] = "table") -> None:
    """List the scenarios that are shipped."""
    rows = [{"name": name, "version": each.version.name, "what": each.name} for name, each in shipped().items()]
    if output == "json":
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        return
    for row in rows:
        typer.echo(f"{row['name']:20} {row['version']:6} {row['what']}")


def _scenario(name: str) -> Scenario:
    text = find(name)
    try:
        return read(text)
    except ScenarioError as error:
        raise ScenarioError(f"{name}: {error}") from error


async def _play(scenario: Scenario, stage: Stage, *, is_quiet: bool) -> dict[str, object]:
    outcomes: list[Outcome] = []

    def say(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if not is_quiet:
            mark, why = ("FAIL", f": {outcome.problem}") if outcome.problem else ("ok  ", "")
            typer.echo(f"  {mark} {outcome.number:2} {outcome.step}{why}")

    if not is_quiet:
        typer.echo(f"{scenario.name} (OCPP {scenario.version.name})")
    ok = await Player(scenario, stage, say).play()
    return {"name": scenario.name, "ok": ok, "steps": [asdict(outcome) for outcome in outcomes]}
