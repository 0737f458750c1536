"""`ocppgw cost`: what a fleet costs on AWS a month, and what it would hit."""

import json
from typing import Annotated, Any, Literal

import typer
import yaml
from rich.console import Console
from rich.table import Table

from infra.cost.bill import Bill, bill, table
from infra.cost.fleet import PROFILES, Fleet
from infra.options import Options, OptionsError, changed, load

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def cost(
    charge_points: Annotated[int, typer.Option(min=1, help="How many charge points.")],
    profile: Annotated[str, typer.Option(help=f"What they do: {', '.join(PROFILES)}.")] = "typical",
    stations: Annotated[int, typer.Option(min=0, help="Battery-swapping stations, a message each five seconds.")] = 0,
    options: Annotated[str, typer.Option(help="The deployment: dev, prod, or a YAML file of options.")] = "dev",
    change: Annotated[list[str] | None, typer.Option("--with", help="An option, e.g. basic_ingest=false.")] = None,
    output: Annotated[Literal["table", "json"], typer.Option(help="table or json")] = "table",
) -> None:
    """Price a fleet on AWS, per month, at list prices."""
    if profile not in PROFILES:
        raise typer.BadParameter(f"{profile!r} is none of {', '.join(PROFILES)}.", param_hint="--profile")
    try:
        chosen = _with(load(options), change or [])
    except OptionsError as error:
        raise typer.BadParameter(str(error), param_hint="--options / --with") from error
    fleet = Fleet(charge_points, PROFILES[profile], stations)
    result = bill(fleet, chosen)
    if output == "json":
        typer.echo(json.dumps(as_json(result), indent=2))
    else:
        show(result, fleet)


def _with(options: Options, changes: list[str]) -> Options:
    given: dict[str, Any] = {}
    for each in changes:
        name, equals, value = each.partition("=")
        if not equals:
            raise OptionsError(f"{each!r} is not NAME=VALUE.")
        given[name] = yaml.safe_load(value)
    return changed(options, given)


def as_json(result: Bill) -> dict[str, Any]:
    """`total_usd_per_month`, `services`, `lines`, `quotas`, and the date of the prices."""
    return {
        "total_usd_per_month": round(result.total, 2),
        "services": {name: round(usd, 2) for name, usd in result.services.items()},
        "lines": [
            {
                "service": item.line.service,
                "what": item.line.what,
                "price": item.line.price,
                "quantity_per_month": round(item.line.quantity, 3),
                "usd_per_month": round(item.usd, 2),
            }
            for item in result.items
        ],
        "quotas": [
            {"name": quota.name, "wanted": round(quota.wanted, 1), "limit": quota.limit, "enough": quota.is_enough}
            for quota in result.quotas
        ],
        "prices": {"as_of": str(table()["as_of"]), "region": table()["region"]},
    }


def show(result: Bill, fleet: Fleet) -> None:
    """Two tables for people."""
    console = Console()
    services = Table(title=f"{fleet.charge_points:,} charge points, {fleet.profile.about}", title_justify="left")
    services.add_column("service")
    services.add_column("what for")
    services.add_column("USD/month", justify="right")
    for name, usd in result.services.items():
        services.add_row(name, "", f"{usd:,.2f}", style="bold")
        for item in result.items:
            if item.line.service == name:
                services.add_row("", item.line.what, f"{item.usd:,.2f}", style="dim")
    services.add_row("total", "", f"{result.total:,.2f}", style="bold")
    console.print(services)
    short = [quota for quota in result.quotas if not quota.is_enough]
    if short:
        asked = Table(title="Ask AWS for more of these quotas", title_justify="left")
        asked.add_column("quota")
        asked.add_column("default", justify="right")
        asked.add_column("ask for", justify="right")
        for quota in short:
            asked.add_row(quota.name, f"{quota.limit:,.0f}", f"{quota.wanted:,.0f}")
        console.print(asked)
    prices = table()
    console.print(f"List prices of {prices['region']}, {prices['as_of']}; no discounts or taxes.")


if __name__ == "__main__":
    app()
