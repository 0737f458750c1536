"""`ocppgw fleet import`: charge points from a file, `id,partner,site,profile,password,...` or the same as JSONL."""

from collections.abc import Sequence
from functools import partial
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

    with house(context) as ports:
        imports.command(
            file, COLUMNS, partial(import_many, pace), ports, is_dry=dry_run, resumes=resume, results=results
        )


def import_many(pace: Pace, asked: Sequence[tuple[dict[str, Any], How]], ports: Ports) -> list[Outcome]:
    """Register charge points, unless they are registered like this: those that are new at once, the others singly."""
    read = [(imports.attempt(partial(_new, row)), how) for row, how in asked]
    known = ports.registry.find_many({new.charge_point_id for new, _ in read if isinstance(new, New)})
    # Of a batch that holds a name twice, in whatever case, the first is new; the transaction takes no other, too.
    firsts: dict[str, New] = {}
    for new, how in read:
        if isinstance(new, New) and not how.is_dry and new.charge_point_id not in known:
            firsts.setdefault(new.charge_point_id.lower(), new)
    made = charge_points.register_many(list(firsts.values()), ports, pace.wait)

    def outcome(new: New, how: How) -> Outcome:
        if new is firsts.get(new.charge_point_id.lower()) and new.charge_point_id in made:
            return Outcome("registered", _told(made[new.charge_point_id].as_json()))
        return import_one(new, ports, how, pace, known.get(new.charge_point_id))

    return [imports.attempt(partial(outcome, new, how)) if isinstance(new, New) else new for new, how in read]


def import_one(new: New, ports: Ports, how: How, pace: Pace, known: ChargePoint | None = None) -> Outcome:
    """Register one charge point, unless it is registered like this; `known` is its row, if that was read before.

    Raises:
        AlreadyRegisteredError: it is registered otherwise.
    """
    known = known or ports.registry.find(new.charge_point_id)
    if how.is_dry:
        return _planned(new, known, ports, how)
    if known is None:
        pace.wait()
        try:
            return Outcome("registered", _told(charge_points.register(new, ports).as_json()))
        except AlreadyRegisteredError:
            known = ports.registry.find(new.charge_point_id)
            if known is None:  # its name is another's, but for the case
                raise
    outcome = _known(new, known)
    if not known.thing_id:
        pace.wait()
        charge_points.complete(new.charge_point_id, ports)
    if how.is_in_doubt and new.password == GENERATE and known.connection is None:
        # Its password was told to nobody.
        told = charge_points.rotate_password(new.charge_point_id, GENERATE, ports, at_once=True)
        return Outcome("registered", {"password": told})
    return outcome


def _planned(new: New, known: ChargePoint | None, ports: Ports, how: How) -> Outcome:
    if known is None:
        if ports.registry.find_in_any_case(new.charge_point_id) is not None:
            raise charge_points.taken(new.charge_point_id, ports)
        made = ChargePoint(new.charge_point_id, **new.facts)
        known = how.planned.setdefault(new.charge_point_id.lower(), made)
        if known is made:
            return Outcome("would register")
    if known.charge_point_id != new.charge_point_id:
        raise charge_points.differs_in_case(new.charge_point_id, known)
    return _known(new, known)


def _new(row: dict[str, Any]) -> New:
    return fields.read(Register, row).new()


def _known(new: New, known: ChargePoint) -> Outcome:
    wanted = {"partner": None, **new.facts}
    other = [name for name, value in wanted.items() if getattr(known, name) != value]
    if other:
        raise AlreadyRegisteredError(f"{new.charge_point_id} is registered already, with another {other[0]}")
    return Outcome("unchanged")


def _told(registered: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in registered.items() if name != "chargePointId"}
