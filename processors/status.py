"""Connector states, from StatusNotification and from NotifyEvent alike (conformance C.5)."""

from typing import Any

from domain.models import ConnectorState
from ocppj import timestamps
from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import reports, shadow
from processors.ports import Ports
from processors.routes import Request, on


@on("StatusNotification", V16)
def status_16(request: Request, ports: Ports) -> Payload:
    """Keep a connector's status; "0" is the charge point. Any transition is accepted (C-80, C-82)."""
    said = request.payload
    at = timestamps.parse(said["timestamp"]) if "timestamp" in said else request.received_at
    skew_s = request.skew_s(at) if "timestamp" in said else None
    state = ConnectorState(said["status"], request.observed(at), said["errorCode"], skew_s)
    observe(str(said["connectorId"]), state, request, ports)
    return {}


@on("StatusNotification", V201)
def status_201(request: Request, ports: Ports) -> Payload:
    """Keep a connector's status (C-83)."""
    said = request.payload
    at = timestamps.parse(said["timestamp"])
    state = ConnectorState(said["connectorStatus"], request.observed(at), skew_s=request.skew_s(at))
    observe(f"{said['evseId']}.{said['connectorId']}", state, request, ports)
    return {}


@on("NotifyEvent", V201)
def event(request: Request, ports: Ports) -> Payload:
    """Keep the event; availability may come this way instead of a StatusNotification (C-84)."""
    reports.keep(request, ports)
    for data in request.payload["eventData"]:
        _availability(data, request, ports)
    return {}


def observe(connector: str, state: ConnectorState, request: Request, ports: Ports) -> None:
    """Keep a connector's state, and have the shadow show it if it is news."""
    if ports.observations.connector(request.charge_point_id, connector, state):
        request.reported.setdefault("connectors", {})[connector] = shadow.of_connector(state)


def _availability(data: dict[str, Any], request: Request, ports: Ports) -> None:
    connector = _connector(data["component"])
    # Component and variable names are case-insensitive (P2 part 2 appendix 3).
    if connector is not None and data["variable"]["name"].lower() == "availabilitystate":
        state = ConnectorState(data["actualValue"], request.observed(timestamps.parse(data["timestamp"])))
        observe(connector, state, request, ports)


def _connector(component: dict[str, Any]) -> str | None:
    """Where the availability of a component is kept: the charging station as "0", like that of 1.6."""
    evse = component.get("evse", {})
    match component["name"].lower():
        case "connector" if "connectorId" in evse:
            return f"{evse['id']}.{evse['connectorId']}"
        case "evse" if evse:
            return str(evse["id"])
        case "chargingstation":
            return "0"
    return None
