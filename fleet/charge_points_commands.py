"""`ocppgw fleet register`, `list`, `set`, `disable` and so on: what is said on the command line, and shown."""

import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from domain import pages
from domain.administration import Status, Wanted
from domain.pages import Ask
from fleet import charge_points, reconcile
from fleet.charge_points import GENERATE, UnknownError
from fleet.charge_points_bodies import Change, Register, RotatePassword
from fleet.charge_points_http import found
from fleet.console import Identity, Output, OutputOption, fail, house, secret_from, show, show_list
from fleet.ports import Ports
from ocppj import timestamps, topics
from web import fields

app = typer.Typer()

COLUMNS = ("chargePointId", "status", "partner", "site", "ocppVersion", "model", "firmware", "connectedAt")
Password = Annotated[str | None, typer.Option(help='"generate" makes one and shows it once; "-" reads one from stdin.')]
Profile = Annotated[int | None, typer.Option(min=0, max=3, help="The security profile it must connect with.")]
Site = Annotated[str | None, typer.Option(help="Where it stands, in your words.")]
Vendor = Annotated[str | None, typer.Option("--vendor-profile", help="What kind of charge point it is, in your words.")]
CommonName = Annotated[str | None, typer.Option(help="What its certificate must be made out to: its serial number.")]
Tariff = Annotated[str | None, typer.Option("--tariff", help="What charging costs there.")]
Pings = Annotated[int | None, typer.Option("--ping-interval", min=0, help="Seconds between pings; 0 for none.")]
_AGO = re.compile(r"(\d{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@app.command()
def register(
    context: typer.Context,
    identity: Identity,
    password: Password = None,
    profile: Profile = None,
    partner: Annotated[str | None, typer.Option(help="Whose it is; the house's own without.")] = None,
    site: Site = None,
    vendor_profile: Vendor = None,
    common_name: CommonName = None,
    tariff: Tariff = None,
    id_prefix: Annotated[str | None, typer.Option(help="What its id begins with, where another has its name.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Register a charge point: its registry row and an IoT thing."""
    told: dict[str, Any] = {
        "identity": identity, "password": secret_from(password, sys.stdin.readline), "securityProfile": profile,
        "partner": partner, "site": site, "vendorProfile": vendor_profile, "commonName": common_name,
        "tariffId": tariff, "idPrefix": id_prefix,
    }  # fmt: skip
    with house(context) as ports:
        new = fields.read(Register, {name: value for name, value in told.items() if value is not None}).new()
        registered = charge_points.register(new, ports)
    show(registered.as_json(), output)


@app.command("show")
def show_(
    context: typer.Context,
    identity: Identity,
    shadow: Annotated[bool, typer.Option("--shadow", help="With what its device shadow reports.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show a charge point: what is known of it, its connection, its connectors."""
    with house(context) as ports:
        charge_point_id = topics.escape(identity)
        row = ports.registry.find(charge_point_id)
        if row is None:
            raise UnknownError(f"{charge_point_id} is not registered")
        shown = charge_points.shown(row, ports, with_shadow=shadow)
    show(shown, output)


@app.command("list")
def list_(
    context: typer.Context,
    status: Annotated[Status | None, typer.Option(help="Only those.")] = None,
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    site: Annotated[str | None, typer.Option(help="Only those that stand there.")] = None,
    offline_since: Annotated[
        str | None, typer.Option(help="Not online since then: 30m, 2h, 7d, or a date and time.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="Where the list before ended.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List charge points by id."""
    shown: list[dict[str, Any]] = []
    with house(context) as ports:
        wanted = Wanted(status, site, _moment(offline_since, ports.now()))
        while True:
            page = ports.administration.page(partner, Ask(min(pages.MOST, limit - len(shown)), cursor))
            shown += found(page.items, wanted, ports)
            cursor = page.cursor
            if cursor is None or len(shown) >= limit:
                break
    show_list(shown, COLUMNS, cursor, output)


@app.command("set")
def set_(
    context: typer.Context,
    identity: Identity,
    site: Site = None,
    vendor_profile: Vendor = None,
    partner: Annotated[str | None, typer.Option(help="Whose it is from now on.")] = None,
    profile: Profile = None,
    common_name: CommonName = None,
    tariff: Tariff = None,
    ping_interval: Pings = None,
    command_timeout: Annotated[int | None, typer.Option(help="Seconds it has for its answer to a command.")] = None,
    registration: Annotated[str | None, typer.Option(help="Accepted, Pending or Rejected.")] = None,
    allow_downgrade: Annotated[
        bool | None, typer.Option(help="Whether it may come once with a lower profile than it has proved.")
    ] = None,
    clear: Annotated[list[str] | None, typer.Option(help="Fields to empty, such as site or securityProfile.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Change what is known of a charge point; what isn't named stays."""
    told: dict[str, Any] = {
        "site": site, "vendorProfile": vendor_profile, "partner": partner, "securityProfile": profile,
        "commonName": common_name, "tariffId": tariff, "pingIntervalSeconds": ping_interval,
        "commandTimeoutSeconds": command_timeout, "registration": registration, "allowDowngrade": allow_downgrade,
    }  # fmt: skip
    named = {name: value for name, value in told.items() if value is not None} | dict.fromkeys(clear or ())
    if not named:
        fail("Say what to change: --site, --partner, --profile ... or --clear.", 2)
    with house(context) as ports:
        _change(identity, fields.read(Change, named).changes(), ports, output)


@app.command()
def disable(context: typer.Context, identity: Identity, output: OutputOption = Output.TABLE) -> None:
    """Close its socket and let it in no more."""
    with house(context) as ports:
        _change(identity, {"disabled": True}, ports, output)


@app.command()
def enable(context: typer.Context, identity: Identity, output: OutputOption = Output.TABLE) -> None:
    """Let it in again."""
    with house(context) as ports:
        _change(identity, {"disabled": False}, ports, output)


@app.command()
def rotate_password(
    context: typer.Context,
    identity: Identity,
    password: Annotated[str, typer.Option(help='"generate", or "-" to read one from stdin.')] = GENERATE,
    at_once: Annotated[
        bool, typer.Option(help="The old one counts no more, whether the new one was used or not.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give it another password; the old one counts until the new one is used."""
    with house(context) as ports:
        charge_point_id = topics.escape(identity)
        body = fields.read(RotatePassword, {"password": secret_from(password, sys.stdin.readline)})
        told = charge_points.rotate_password(charge_point_id, body.password, ports, at_once=at_once)
    show({"chargePointId": charge_point_id} | ({"password": told} if told else {}), output)


@app.command()
def issue_certificate(
    context: typer.Context,
    identity: Identity,
    csr: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Its signing request (PEM).")] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Write certificate and key into files there.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Sign a certificate for it, by which it is to connect from now on (security profile 3).

    Without --csr a key is made, too, and shown once. The authority is OCPPGW_CA_CERTIFICATE with OCPPGW_CA_KEY.
    """
    with house(context) as ports:
        charge_point_id = topics.escape(identity)
        issued = charge_points.issue_certificate(charge_point_id, csr.read_text() if csr else None, ports)
    told = {"certificate": issued.certificate} | ({"privateKey": issued.private_key} if issued.private_key else {})
    if out is not None:
        told = {name: str(_write(out / f"{charge_point_id}{_SUFFIXES[name]}", text)) for name, text in told.items()}
    show({"chargePointId": charge_point_id} | told, output)


@app.command()
def delete(context: typer.Context, identity: Identity, output: OutputOption = Output.TABLE) -> None:
    """Delete the thing and the row, and close the socket; transactions stay."""
    with house(context) as ports:
        charge_point_id = topics.escape(identity)
        charge_points.delete(charge_point_id, ports)
    show({"chargePointId": charge_point_id, "deleted": True}, output)


@app.command("reconcile")
def reconcile_(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make rows and things agree: events get lost, and fleets were there before. Reads both as a whole."""
    with house(context) as ports:
        done = [finding.as_json() for finding in reconcile.run(ports, is_dry=dry_run)]
    show_list(done, ("chargePointId", "finding", "action"), None, output)


_SUFFIXES = {"certificate": ".crt", "privateKey": ".key"}


def _change(identity: str, changes: dict[str, Any], ports: Ports, output: Output) -> None:
    row = charge_points.change(topics.escape(identity), changes, ports)
    show(charge_points.shown(row, ports), output)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _moment(given: str | None, now: datetime) -> datetime | None:
    if given is None:
        return None
    if ago := _AGO.fullmatch(given):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return timestamps.parse(given)
    except ValueError:
        fail(f"--offline-since {given} is neither like 30m, 2h, 7d nor a date and time.", 2)
