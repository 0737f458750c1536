"""Periodic event streams of 2.1: values of a periodic monitor, many in one unanswered SEND (part 2 N11 to N15)."""

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from charge_point_sim.kept import Monitor, Stream
from ocppj.frames import Payload, Send


def open_for(cp: ChargePoint, monitor: Monitor, params: Payload | None) -> None:
    """OpenPeriodicEventStream, if the monitor was set with one; until it is accepted the monitor tells events."""
    if not params or monitor.due is None:
        return
    stream = monitor.stream = Stream(monitor.id, params)

    def answered(answer: Payload) -> None:
        stream.is_open, stream.sent_at = answer["status"] == "Accepted", cp.now

    cp.exchange.put(
        Message("OpenPeriodicEventStream", {"constantStreamData": _data(monitor, stream)}, on_answer=answered)
    )


def close(cp: ChargePoint, monitor: Monitor) -> None:
    """ClosePeriodicEventStream, if there is one."""
    if monitor.stream and monitor.stream.is_open:
        cp.exchange.put(Message("ClosePeriodicEventStream", {"id": monitor.stream.id}))


def takes(cp: ChargePoint, monitor: Monitor, value: str) -> bool:
    """Whether this value goes into a stream; those that are full or due leave."""
    stream = monitor.stream
    if stream is None or not stream.is_open:
        return False
    stream.values.append((cp.now, value))
    interval_s, most = stream.params.get("interval", 0), stream.params.get("values", 0)
    is_due = interval_s and stream.sent_at and (cp.now - stream.sent_at).total_seconds() >= interval_s
    if is_due or len(stream.values) >= (most or (len(stream.values) + 1 if interval_s else 1)):
        _send(cp, stream)
    return True


def adjust(cp: ChargePoint, payload: Payload) -> Payload:
    """AdjustPeriodicEventStream."""
    stream = next((each for _, each in _open(cp) if each.id == payload["id"]), None)
    if stream is None:
        return {"status": "Rejected"}
    stream.params = payload["params"]
    return {"status": "Accepted"}


def get(cp: ChargePoint, _: Payload) -> Payload:
    """GetPeriodicEventStream."""
    found = [_data(monitor, stream) for monitor, stream in _open(cp)]
    return {"constantStreamData": found} if found else {}


def _open(cp: ChargePoint) -> list[tuple[Monitor, Stream]]:
    return [(each, each.stream) for each in cp.kept.monitors.values() if each.stream and each.stream.is_open]


def _data(monitor: Monitor, stream: Stream) -> Payload:
    return {"id": stream.id, "variableMonitoringId": monitor.id, "params": stream.params}


def _send(cp: ChargePoint, stream: Stream) -> None:
    base = stream.values[0][0]
    payload = {
        "id": stream.id,
        "pending": 0,
        "basetime": cp.stamp(base),
        "data": [{"t": (at - base).total_seconds(), "v": value} for at, value in stream.values],
    }
    stream.values, stream.sent_at = [], cp.now
    cp.emit(Send(cp.new_id(), "NotifyPeriodicEventStream", payload))
