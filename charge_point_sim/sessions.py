"""The life of a charging session: authorise, plug in, charge, stop, unplug. The same in every version."""

from functools import partial

from charge_point_sim import charging
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.charging import show
from charge_point_sim.exchange import Message
from charge_point_sim.meter import some_vehicle
from charge_point_sim.parts import Cause, Connector, Session, Token, is_same
from ocppj.frames import Payload

REPAIR_S = 30.0  # how long a fault lasts; the car leaves then


def arrive(cp: ChargePoint, connector: Connector, token: Token, remote_start_id: int | None = None) -> None:
    """A driver presents a token; if it is accepted, the car is plugged in and charges."""
    decide = partial(_authorised, cp, connector, token, remote_start_id)
    if not cp.is_online:
        decide(_offline_verdict(cp, token))
        return
    if cp.variables.flag("local_pre_authorize") and _known(cp, token) == "Accepted":
        decide("Accepted")
        return
    message = Message("Authorize", cp.dialect.authorize(token))
    message.on_answer = lambda answer: decide(cp.dialect.verdict(answer) or "Invalid")
    message.on_failure = lambda _: decide(_offline_verdict(cp, token))
    cp.exchange.put(message)


def plug_in(cp: ChargePoint, connector: Connector, token: Token, remote_start_id: int | None = None) -> None:
    """An authorised car takes the connector, and its transaction starts a moment later."""
    session = Session(token, some_vehicle(cp.rng, cp.setup.max_power_w), remote_start_id)
    if connector.reservation:
        session.reservation_id, connector.reservation = connector.reservation.id, None
        cp.timers.cancel(f"reservation {connector.number}")
    connector.session = session
    cp.show(connector, "Preparing")
    cp.after(f"start {connector.number}", cp.setup.plug_in_s, lambda: _start(cp, connector, session))


def stop(cp: ChargePoint, connector: Connector, cause: Cause) -> None:
    """End what goes on at a connector; the car leaves a moment later."""
    session = connector.session
    if session is None or session.is_over:
        return
    cp.timers.cancel(f"start {connector.number}")
    cp.timers.cancel(f"sample {connector.number}")
    if session.is_running:
        connector.meter.advance(session.vehicle, cp.now)
        connector.meter.switch_off()
        cp.exchange.put(cp.dialect.stop(cp, connector, session, cause))
        cp.log.info("transaction stopped", connector=connector.number, cause=cause, meter_wh=_meter_wh(connector))
    charging.forget_transaction(cp, connector)
    session.is_over = True
    charging.obey_all(cp)
    is_broken = cause == "fault"
    cp.show(connector, "Faulted" if is_broken else "Finishing")
    wait_s = REPAIR_S if is_broken else cp.setup.unplug_s
    cp.after(f"unplug {connector.number}", wait_s, lambda: _unplug(cp, connector))


def stop_all(cp: ChargePoint, cause: Cause) -> None:
    """End what goes on at every connector."""
    for connector in cp.connectors:
        stop(cp, connector, cause)


def sample(cp: ChargePoint, connector: Connector, context: str = "Sample.Periodic") -> None:
    """Read the meter and tell it."""
    if connector.session:
        connector.meter.advance(connector.session.vehicle, cp.now)
    cp.exchange.put(cp.dialect.sample(cp, connector, context))


def pace_samples(cp: ChargePoint, connector: Connector, session: Session) -> None:
    """Read the meter at the configured interval, from now on; 0 means never."""
    interval_s = cp.variables.number("sample_s")
    cp.timers.cancel(f"sample {connector.number}")
    if interval_s > 0:
        cp.after(f"sample {connector.number}", interval_s, lambda: _sample_again(cp, connector, session))


def _offline_verdict(cp: ChargePoint, token: Token) -> str:
    known = _known(cp, token)
    if known and (known != "Accepted" or cp.variables.flag("local_authorize_offline")):
        return known
    return "Accepted" if cp.variables.flag("offline_unknown") else "Invalid"


def _known(cp: ChargePoint, token: Token) -> str:
    """What the local list says of it, or else the cache."""
    listed = cp.local_list.items() if cp.variables.flag("local_list") else ()
    cached = cp.accepted_tokens if cp.variables.flag("cache") else ()
    known = [*listed, *((text, "Accepted") for text in cached)]
    return next((status for text, status in known if is_same(text, token.text)), "")


def _authorised(cp: ChargePoint, connector: Connector, token: Token, remote_start_id: int | None, verdict: str) -> None:
    cp.log.info("authorised", connector=connector.number, verdict=verdict)
    if verdict != "Accepted":
        cp.accepted_tokens.discard(token.text)
    else:
        cp.accepted_tokens.add(token.text)
    # While the CSMS thought about it, somebody else may have come, or the charge point be rebooting.
    may_charge = verdict == "Accepted" and cp.registration == "Accepted" and not cp.is_resetting
    if may_charge and connector.is_free_for(token):
        plug_in(cp, connector, token, remote_start_id)
    elif connector.session is None:
        charging.forget_transaction(cp, connector)


def _start(cp: ChargePoint, connector: Connector, session: Session) -> None:
    session.started_at = cp.now
    connector.meter.switch_on(cp.now)
    message = cp.dialect.start(cp, connector, session)
    message.on_answer = partial(_started, cp, connector, session)
    cp.exchange.put(message)
    cp.log.info("charging", connector=connector.number, meter_wh=_meter_wh(connector))
    show(cp, connector, session, "Charging")
    charging.obey_all(cp)  # the others get less of what they share
    pace_samples(cp, connector, session)


def _started(cp: ChargePoint, connector: Connector, session: Session, answer: Payload) -> None:
    session.transaction_id = answer.get("transactionId", session.transaction_id)
    verdict = cp.dialect.verdict(answer) or "Accepted"
    cp.log.info(
        "transaction started", connector=connector.number, transaction_id=session.transaction_id, verdict=verdict
    )
    if verdict == "Accepted":
        return
    cp.accepted_tokens.discard(session.token.text)
    if session.is_over:
        return
    if cp.variables.flag("stop_on_invalid"):
        stop(cp, connector, "deauthorized")
    else:
        connector.meter.advance(session.vehicle, cp.now)
        connector.meter.switch_off()
        show(cp, connector, session, "SuspendedEVSE")


def _sample_again(cp: ChargePoint, connector: Connector, session: Session) -> None:
    sample(cp, connector)
    cp.log.info(
        "meter",
        connector=connector.number,
        meter_wh=_meter_wh(connector),
        power_w=round(connector.meter.power_w),
        soc=round(session.vehicle.state_of_charge * 100, 1),
    )
    if session.vehicle.is_full and connector.status == "Charging":
        show(cp, connector, session, "SuspendedEV")
    pace_samples(cp, connector, session)


def _unplug(cp: ChargePoint, connector: Connector) -> None:
    connector.session = None
    cp.rest(connector)


def _meter_wh(connector: Connector) -> int:
    return int(connector.meter.energy_wh)
