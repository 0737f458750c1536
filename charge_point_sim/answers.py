"""What a charge point does when told to, the same in every version: each verb acts and says how it went."""

from charge_point_sim import aligned, charging, reservations, sessions
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.configuration import MOST_LISTED, MOST_SENT
from charge_point_sim.parts import Cause, Connector, Token
from ocppj.frames import Payload

# A knob turned by the CSMS takes effect at once.
_PACED = "sample_s"
_BEATING = "heartbeat_s"


def remote_start(
    cp: ChargePoint,
    number: int | None,
    token: Token,
    remote_start_id: int | None = None,
    profile: Payload | None = None,
) -> bool:
    """Start a session at this connector, or at any free one; False if none is free or we may not."""
    if cp.registration != "Accepted" or cp.is_resetting:  # 2.0.1 part 2 B02.FR.05
        return False
    candidates = cp.connectors if number is None else [cp.connector(number)]
    connector = next((each for each in candidates if each and each.is_free_for(token)), None)
    if connector is None:
        return False
    charging.take_with_start(cp, connector, profile)
    begin = sessions.arrive if cp.variables.flag("authorize_remote") else sessions.plug_in
    begin(cp, connector, token, remote_start_id)
    return True


def remote_stop(cp: ChargePoint, transaction_id: int | str) -> bool:
    """Stop this transaction; False if it isn't running."""
    connector = running(cp, transaction_id)
    if connector is None or cp.registration != "Accepted":
        return False
    sessions.stop(cp, connector, "remote")
    return True


def running(cp: ChargePoint, transaction_id: int | str) -> Connector | None:
    """Where this transaction is running; 2.x ids are case-insensitive."""
    wanted = str(transaction_id).casefold()
    return next(
        (each for each in cp.connectors if each.running and str(each.running.transaction_id).casefold() == wanted),
        None,
    )


def reset(cp: ChargePoint, cause: Cause, *, at_once: bool) -> None:
    """End all transactions for this cause and reboot: at once, or when their messages are delivered."""
    sessions.stop_all(cp, cause)
    cp.reset("RemoteReset", patience_s=0 if at_once else None)


def change_availability(cp: ChargePoint, connectors: list[Connector], *, operative: bool) -> str:
    """Put connectors in or out of operation; those with a car follow when it has left.

    What is so already is Accepted (1.6 §5.2), and nothing is kept for anybody at what is out of operation (1.6 §5.13).
    """
    for connector in connectors:
        connector.is_operative = operative
        if not operative:
            reservations.remove(cp, connector)
        if connector.session is None:
            cp.rest(connector)
    is_waiting = not operative and any(connector.session for connector in connectors)
    return "Scheduled" if is_waiting else "Accepted"


def clear_cache(cp: ChargePoint) -> bool:
    """Forget who was accepted; False if there is no cache."""
    if not cp.variables.flag("cache"):
        return False
    cp.accepted_tokens.clear()
    return True


def take_local_list(cp: ChargePoint, version: int, entries: dict[str, str | None], *, full: bool) -> str:
    """Replace or change the local list; an entry without a status is one to remove."""
    if (full and None in entries.values()) or len(entries) > MOST_SENT:
        return "Failed"
    if not full and version <= cp.local_list_version:
        return "VersionMismatch"
    merged = {**({} if full else cp.local_list), **entries}
    listed = {token: status for token, status in merged.items() if status is not None}
    if len(listed) > MOST_LISTED:
        return "Failed"
    cp.local_list = listed
    cp.local_list_version = version
    return "Accepted"


def apply(cp: ChargePoint, knob: str) -> None:
    """Let a value that was written take effect."""
    if knob == _BEATING and cp.is_online:
        cp.beat()
    if knob in aligned.KNOBS:
        aligned.pace(cp)
    if knob == _PACED:
        for connector in cp.connectors:
            if connector.running:
                sessions.pace_samples(cp, connector, connector.running)


def change_password(cp: ChargePoint, password: bytes) -> None:
    """Connect again with the new password, after the answer has left."""
    cp.password = password
    cp.reconnect()
