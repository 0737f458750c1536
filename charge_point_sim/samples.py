"""Sampled values, as far as the versions agree: which measurands, in which order, of which connector."""

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.meter import readings
from charge_point_sim.parts import Connector

# context: the knob that says what is sampled then
_WANTED = {
    "Sample.Periodic": "measurands",
    "Sample.Clock": "aligned_measurands",
    "Transaction.Begin": "started_measurands",
    "Transaction.End": "ended_measurands",
    "Trigger": "measurands",
}


def sampled(cp: ChargePoint, connector: Connector, context: str) -> list[tuple[str, float, str]]:
    """The configured measurands of a connector: name, value, unit. The energy register is never left out."""
    vehicle = connector.session.vehicle if connector.session else None
    known = readings(connector.meter, vehicle)
    names = ["Energy.Active.Import.Register", *cp.variables.names(_WANTED[context])]
    return [(name, *known[name]) for name in dict.fromkeys(names) if name in known]
