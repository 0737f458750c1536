"""Meter values at the full quarter and the like: ClockAlignedDataInterval of 1.6, AlignedDataCtrlr of 2.x (J01)."""

from datetime import timedelta

from charge_point_sim import sessions
from charge_point_sim.charge_point import ChargePoint

KNOBS = ("aligned_s", "aligned")
_DAY = timedelta(days=1)


def pace(cp: ChargePoint) -> None:
    """Read every meter at the configured interval since midnight, from now on; 0 means never."""
    cp.timers.cancel("aligned")
    interval = timedelta(seconds=cp.variables.number("aligned_s"))
    if not interval or not (cp.main or cp.variables.flag("aligned")):
        return
    time = cp.time
    since_midnight = time - time.replace(hour=0, minute=0, second=0, microsecond=0)
    left = min(interval - since_midnight % interval, _DAY - since_midnight)
    cp.after("aligned", left.total_seconds(), lambda: _tell(cp))


def _tell(cp: ChargePoint) -> None:
    for connector in cp.connectors:
        sessions.sample(cp, connector, "Sample.Clock")
    pace(cp)
