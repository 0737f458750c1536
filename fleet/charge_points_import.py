"""`ocppgw fleet import`: charge points from a file, `id,partner,site,profile,password,...` or the same as JSONL."""

from typing import Annotated, Any

import typer

from domain.models import ChargePoint
from fleet import charge_points, imports
from fleet.charge_points import GENERATE, AlreadyRegisteredError, New
from fleet.charge_points_bodies import Register
from fleet.console import house
from fleet.imports import Columns, How, Outcome, Pace
from fleet.ports import Ports
from web import fields

app = typer.Typer()

# AWS IoT Core's own limit of CreateThing is higher, but for the whole account: others create things, too.
RATE = 80.0
COLUMNS = Columns(
    "identity",
    names={"id": "identity", "profile": "securityProfile", "vendor": "vendorProfile", "serial": "commonName"},
    numbers=("securityProfile", "pingIntervalSeconds"),
    lists=("certificateNames",),
    flags=("allowDowngrade",),
)


@app.command("import")
def import_(
    context: typer.Context,
    file: imports.File,
    dry_run: imports.DryRun = False,
    resume: imports.Resume = False,
    results: imports.Results = None,
    rate: Annotated[float, typer.Option(min=0, help="Things made a second at most; 0 is as fast as it goes.")] = RATE,
) -> None:
    """Register the charge points of a file, each as `register` does; rows that are registered alike stay.

    Generated passwords are in the results file and nowhere else. Exit code 1 if a row failed.
    """
    pace = Pace(rate)

    def one(row: dict[str, Any], ports: Ports, how: How) -> Outcome:
        named = {COLUMNS.names.get(name, name): value for name, value in row.items()}
        return import_one(fields.read(Register, named).new(), ports, how, pace)

    with house(context) as ports:
        imports.command(file, COLUMNS, one, ports, is_dry=dry_run, resumes=resume, results=results)


def import_one(new: New, ports: Ports, how: How, pace: Pace) -> Outcome:
    """Register one charge point, unless it is registered like this.

    Raises:
        AlreadyRegisteredError: it is registered otherwise.
    """
    if how.is_dry:
        known = ports.registry.find(new.charge_point_id)
        return Outcome("would register") if known is None else _known(new, known)
    pace.wait()
    try:
        return Outcome("registered", _told(charge_points.register(new, ports).as_json()))
    except AlreadyRegisteredError:
        known = ports.registry.find(new.charge_point_id)
        if known is None:  # its name is another's, but for the case
            raise
    outcome = _known(new, known)
    if not known.thing_id:
        charge_points.complete(new.charge_point_id, ports)
    if how.is_in_doubt and new.password == GENERATE and known.connection is None:
        # Its password was told to nobody.
        told = charge_points.rotate_password(new.charge_point_id, GENERATE, ports, at_once=True)
        return Outcome("registered", {"password": told})
    return outcome


def _known(new: New, known: ChargePoint) -> Outcome:
    wanted = {"partner": None, **new.facts}
    other = [name for name, value in wanted.items() if getattr(known, name) != value]
    if other:
        raise AlreadyRegisteredError(f"{new.charge_point_id} is registered already, with another {other[0]}")
    return Outcome("unchanged")


def _told(registered: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in registered.items() if name != "chargePointId"}
