"""Smart charging at a charge point: which profiles it takes, and how its connectors obey them."""

from dataclasses import dataclass
from typing import Literal

from charge_point_sim import der, profiles
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.meter import VOLTAGE_V
from charge_point_sim.parts import Connector, Session, is_same
from charge_point_sim.profiles import MOST_INSTALLED, MOST_STACKED, PURPOSES, Profile
from ocppj.frames import Payload


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which profiles are meant: whatever is None doesn't matter."""

    id: int | None = None
    where: int | None = None
    purpose: str | None = None
    stack_level: int | None = None

    def fits(self, profile: Profile) -> bool:
        """Whether this is one of them."""
        if self.id is not None:
            return profile.id == self.id
        return (
            self.where in (None, profile.where)
            and (self.purpose is None or PURPOSES.get(self.purpose) == profile.purpose)
            and self.stack_level in (None, profile.stack_level)
        )


def take(cp: ChargePoint, where: int, payload: Payload) -> bool:
    """Install a profile, in the place of the one with its id or its purpose and stack level; False if it can't be."""
    purpose = PURPOSES.get(payload["chargingProfilePurpose"])
    connector = cp.connector(where)
    if purpose is None or not 0 <= payload["stackLevel"] <= MOST_STACKED or (where and connector is None):
        return False
    if purpose == "station" and where:
        return False
    if purpose == "transaction" and not _is_about(connector, payload):
        return False
    new = profiles.read(payload, where)
    is_known = any(_is_replaced(old, new) for old in cp.profiles)
    if not profiles.is_short_enough(payload) or (len(cp.profiles) >= MOST_INSTALLED and not is_known):
        return False
    _install(cp, new)
    return True


def take_with_start(cp: ChargePoint, connector: Connector, payload: Payload | None) -> None:
    """The profile that came with a remote start is that transaction's."""
    if payload:
        _install(cp, profiles.read(payload, connector.number))


def clear(cp: ChargePoint, wanted: Wanted) -> bool:
    """Forget some profiles; False if there are none of the kind."""
    kept = [profile for profile in cp.profiles if not wanted.fits(profile)]
    is_found = len(kept) < len(cp.profiles)
    cp.profiles = kept
    obey_all(cp)
    return is_found


def obey_all(cp: ChargePoint) -> None:
    """Let every connector that charges obey."""
    for connector in cp.connectors:
        if connector.running:
            obey(cp, connector, connector.running)


def obey(cp: ChargePoint, connector: Connector, session: Session) -> None:
    """Charge with what the profiles leave from now on, and ask again when that changes."""
    if not connector.meter.is_on:
        return
    connector.meter.advance(session.vehicle, cp.now)
    in_force = [profile for profile in cp.profiles if profile.purpose != "priority" or session.has_priority]
    grid = der.supply(cp.kept.controls, cp.kept.running_controls, cp.setup.max_power_w)
    of_profiles = profiles.limit_w(in_force, connector.number, cp.now, session.started_at, _sharing(cp))
    connector.meter.limit_w = min((each for each in (of_profiles, grid.limit_w) if each is not None), default=None)
    connector.meter.power_factor, connector.meter.reactive_var = grid.power_factor, grid.reactive_var
    connector.meter.advance(session.vehicle, cp.now)
    is_held = connector.meter.limit_w is not None and connector.meter.limit_w <= 0
    if is_held and connector.status == "Charging":
        show(cp, connector, session, "SuspendedEVSE")
    elif not is_held and connector.status == "SuspendedEVSE":
        show(cp, connector, session, "Charging")
    later = profiles.next_change(cp.profiles, cp.now, session.started_at)
    if later:
        cp.timers.set(f"limit {connector.number}", later, lambda: _obey_again(cp, connector))


def show(
    cp: ChargePoint, connector: Connector, session: Session, status: Literal["Charging", "SuspendedEV", "SuspendedEVSE"]
) -> None:
    """Change what a charging connector shows, and tell it as the version does."""
    cp.show(connector, status)
    message = cp.dialect.change(cp, connector, session)
    if message:
        cp.exchange.put(message)


def forget_transaction(cp: ChargePoint, connector: Connector) -> None:
    """A transaction's profiles end with it (1.6 §3.13.1)."""
    cp.timers.cancel(f"limit {connector.number}")
    connector.meter.limit_w = None
    cp.profiles = [
        profile for profile in cp.profiles if profile.purpose != "transaction" or profile.where != connector.number
    ]


def schedule(cp: ChargePoint, where: int, duration_s: int, unit: str) -> Payload | None:
    """The composite schedule of a connector, or of the whole charge point; nothing if there is no such connector."""
    connector = cp.connector(where)
    if where and connector is None:
        return None
    began_at = connector.running.started_at if connector and connector.running else cp.now
    has_priority = bool(connector and connector.running and connector.running.has_priority)
    in_force = [profile for profile in cp.profiles if profile.purpose != "priority" or has_priority]
    most_w, sharing = cp.setup.max_power_w, _sharing(cp) if connector and connector.meter.is_on else 1
    if connector is None:  # the connection to the grid: what limits a transaction does not limit all of them
        in_force = [profile for profile in in_force if profile.purpose == "station"]
        most_w *= len(cp.connectors)
    course = profiles.composite(in_force, where, cp.now, duration_s, began_at, most_w, sharing)
    per = 1.0 if unit == "W" else VOLTAGE_V
    periods = [{"startPeriod": start_s, "limit": round(watts / per, 1)} for start_s, watts in course]
    return {"duration": duration_s, "chargingRateUnit": unit, "chargingSchedulePeriod": periods}


def _sharing(cp: ChargePoint) -> int:
    return max(1, sum(connector.meter.is_on for connector in cp.connectors))


def _install(cp: ChargePoint, new: Profile) -> None:
    cp.profiles = [old for old in cp.profiles if not _is_replaced(old, new)] + [new]
    obey_all(cp)


def _is_replaced(old: Profile, new: Profile) -> bool:
    place = (old.where, old.purpose, old.stack_level) == (new.where, new.purpose, new.stack_level)
    return old.id == new.id or place


def _is_about(connector: Connector | None, payload: Payload) -> bool:
    running = connector.running if connector else None
    if running is None:
        return False
    asked = payload.get("transactionId")
    return asked is None or is_same(str(asked), str(running.transaction_id))


def _obey_again(cp: ChargePoint, connector: Connector) -> None:
    if connector.running:
        obey(cp, connector, connector.running)
