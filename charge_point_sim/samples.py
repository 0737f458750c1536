"""Sampled values, as far as the versions agree: which measurands, in which order, of which connector."""

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.meter import readings
from charge_point_sim.parts import Connector


def sampled(cp: ChargePoint, connector: Connector, context: str) -> list[tuple[str, float, str]]:
    """The configured measurands of a connector: name, value, unit. The energy register is never left out.

    At the beginning and end of a transaction only the register counts.
    """
    vehicle = connector.session.vehicle if connector.session else None
    known = readings(connector.meter, vehicle)
    wanted = cp.variables.names("measurands") if context in ("Sample.Periodic", "Trigger") else []
    names = ["Energy.Active.Import.Register", *wanted]
    return [(name, *known[name]) for name in dict.fromkeys(names) if name in known]
