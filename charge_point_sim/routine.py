"""What happens by itself at a charge point: drivers come, charge for a while and leave."""

from dataclasses import dataclass

from charge_point_sim import sessions
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.parts import Connector, Token, some_end

FOREVER = -1
_NOT_YET_S = 1.0


@dataclass(frozen=True, slots=True)
class Routine:
    """So many sessions one after the other, at whichever connector is free. Times are in seconds."""

    token: Token
    sessions: int
    session_s: float = 60.0
    pause_s: float = 10.0


def begin(cp: ChargePoint, routine: Routine) -> None:
    """Let the first driver come within the first pause, so that a fleet doesn't start as one."""
    _next(cp, routine, routine.sessions, cp.rng.uniform(0, routine.pause_s))


def _next(cp: ChargePoint, routine: Routine, left: int, wait_s: float) -> None:
    if left:
        cp.after("visit", wait_s, lambda: _come(cp, routine, left))


def _come(cp: ChargePoint, routine: Routine, left: int) -> None:
    free = [connector for connector in cp.connectors if connector.is_free]
    if not free or cp.registration != "Accepted" or cp.is_resetting:
        _next(cp, routine, left, _NOT_YET_S)
        return
    connector = cp.rng.choice(free)
    sessions.arrive(cp, connector, routine.token)
    cp.after("visit", routine.session_s, lambda: _go(cp, routine, left, connector))


def _go(cp: ChargePoint, routine: Routine, left: int, connector: Connector) -> None:
    # Somebody else's session, started remotely meanwhile, is not ours to stop.
    if connector.session and connector.session.token == routine.token:
        sessions.stop(cp, connector, some_end(cp.rng))
    _next(cp, routine, left if left == FOREVER else left - 1, routine.pause_s)
