"""The device model of a simulated 2.x charging station (2.0.1 part 2, appendices: referenced components)."""

from dataclasses import replace

from charge_point_sim.configuration import MEASURANDS, MOST_LISTED, MOST_SENT, REACTIVE
from charge_point_sim.networks import SLOTS
from charge_point_sim.parts import Setup
from charge_point_sim.profiles import MOST_INSTALLED, MOST_SCHEDULED, MOST_STACKED
from charge_point_sim.variables import Kind, Name, Variable, Variables

AVAILABILITY = "AvailabilityState"
FORMATS = ("ASCII", "UTF8")  # of messages on the display
STATES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")
_SLOTS = tuple(str(slot) for slot in SLOTS)
_PRIORITIES, _MESSAGE_STATES = ("AlwaysFront", "InFront", "NormalCycle"), ("Charging", "Faulted", "Idle", "Unavailable")
_RESERVATIONS = {"Available": "true", "Enabled": "true", "NonEvseSpecific": "false"}
_TX_POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "DataSigned", "PowerPathClosed", "EnergyTransfer")


def variables(setup: Setup) -> Variables:
    """The table as it leaves the factory."""
    rows = {
        **_named("ChargingStation", _station(setup)),
        **_named("OCPPCommCtrlr", _communication(setup)),
        **_named("AuthCtrlr", _authorization()),
        **_named("AuthCacheCtrlr", {"Enabled": _flag(True, "cache")}),
        **_named("LocalAuthListCtrlr", _local_list()),
        **_named("TxCtrlr", _transactions()),
        **_named("SampledDataCtrlr", _sampled_data(setup)),
        **_named("AlignedDataCtrlr", _aligned_data()),
        **_named("SecurityCtrlr", _security(setup)),
        **_named("DeviceDataCtrlr", _limits()),
        **_named("DisplayMessageCtrlr", _display()),
        **_named("MonitoringCtrlr", {"Enabled": _fixed("true", "boolean")}),
        **_named("SmartChargingCtrlr", _smart_charging()),
        **_named("ReservationCtrlr", {key: _fixed(value, "boolean") for key, value in _RESERVATIONS.items()}),
        **_named("ClockCtrlr", {"TimeSource": _fixed("Heartbeat", "MemberList")}),
    }
    for number in range(1, setup.connectors + 1):
        rows |= _evse(number, setup)
    return Variables(rows)


def _named(component: str, rows: dict[str, Variable]) -> dict[Name, Variable]:
    # "Variable[instance]", as the specification writes it.
    split = {key: key.rstrip("]").partition("[") for key in rows}
    return {Name(split[key][0], component, split[key][2]): row for key, row in rows.items()}


def _fixed(value: str, kind: Kind = "string", unit: str = "", options: tuple[str, ...] = ()) -> Variable:
    return Variable(value, kind, is_writable=False, unit=unit, options=options)


def _seconds(value: int, knob: str = "") -> Variable:
    return Variable(str(value), "integer", unit="s", knob=knob)


def _flag(value: bool, knob: str = "") -> Variable:
    return Variable(str(value).lower(), "boolean", knob=knob)


def _station(setup: Setup) -> dict[str, Variable]:
    return {
        AVAILABILITY: _fixed("Available", "OptionList", options=STATES),
        "Available": _fixed("true", "boolean"),
        "Problem": _fixed("false", "boolean"),
        "Model": _fixed(setup.model),
        "VendorName": _fixed(setup.vendor),
        "SerialNumber": _fixed(setup.serial),
        "FirmwareVersion": _fixed(setup.firmware),
        "SupplyPhases": _fixed("3", "integer"),
    }


def _communication(setup: Setup) -> dict[str, Variable]:
    return {
        "FileTransferProtocols": _fixed("HTTPS", "MemberList", options=("HTTP", "HTTPS")),
        "HeartbeatInterval": _seconds(300, "heartbeat_s"),
        "MessageAttemptInterval[TransactionEvent]": _seconds(60, "message_interval_s"),
        "MessageAttempts[TransactionEvent]": Variable("3", "integer", knob="message_attempts"),
        "MessageTimeout[Default]": _fixed(str(round(setup.call_timeout_s)), "integer", "s"),
        "ActiveNetworkProfile": replace(_fixed("1", "integer"), knob="network_active"),
        "NetworkConfigurationPriority": Variable(
            "1", "SequenceList", needs_reboot=True, knob="network_priority", options=_SLOTS
        ),
        "NetworkProfileConnectionAttempts": Variable("3", "integer", knob="network_attempts", minimum=1),
        "OfflineThreshold": _seconds(60, "offline_threshold_s"),
        "QueueAllMessages": _fixed("false", "boolean"),
        "ResetRetries": Variable("1", "integer"),
        "RetryBackOffRandomRange": _seconds(10),
        "RetryBackOffRepeatTimes": Variable("5", "integer"),
        "RetryBackOffWaitMinimum": _seconds(1),
        "UnlockOnEVSideDisconnect": _flag(True),
        "WebSocketPingInterval": Variable(str(setup.ping_s), "integer", needs_reboot=True, unit="s", knob="ping_s"),
    }


def _authorization() -> dict[str, Variable]:
    return {
        "AuthorizeRemoteStart": _flag(False, "authorize_remote"),
        "Enabled": _flag(True),
        "LocalAuthorizeOffline": _flag(True, "local_authorize_offline"),
        "LocalPreAuthorize": _flag(False, "local_pre_authorize"),
        "OfflineTxForUnknownIdEnabled": _flag(False, "offline_unknown"),
    }


def _local_list() -> dict[str, Variable]:
    return {
        "BytesPerMessage": _fixed("65536", "integer"),
        "Enabled": _flag(True, "local_list"),
        "Entries": replace(_fixed("0", "integer"), maximum=MOST_LISTED),
        "ItemsPerMessage": _fixed(str(MOST_SENT), "integer"),
    }


def _smart_charging() -> dict[str, Variable]:
    return {
        "Available": _fixed("true", "boolean"),
        "Enabled": _fixed("true", "boolean"),
        "Entries[ChargingProfiles]": replace(_fixed("0", "integer"), maximum=MOST_INSTALLED),
        "LimitChangeSignificance": _fixed("0", "decimal"),
        "PeriodsPerSchedule": _fixed(str(MOST_SCHEDULED), "integer"),
        "ProfileStackLevel": _fixed(str(MOST_STACKED), "integer"),
        "RateUnit": _fixed("A,W", "MemberList", options=("A", "W")),
    }


def _transactions() -> dict[str, Variable]:
    return {
        "EVConnectionTimeOut": _seconds(60),
        "StopTxOnEVSideDisconnect": _flag(True),
        "StopTxOnInvalidId": _flag(True, "stop_on_invalid"),
        # Authorised, plugged in, relays may close: that is when our transactions begin and end.
        "TxStartPoint": _fixed("PowerPathClosed", "MemberList", options=_TX_POINTS),
        "TxStopPoint": _fixed("PowerPathClosed", "MemberList", options=_TX_POINTS),
    }


def _sampled_data(setup: Setup) -> dict[str, Variable]:
    return {
        "Enabled": _flag(True),
        "TxEndedInterval": _seconds(0),
        "TxEndedMeasurands": Variable(MEASURANDS[0], "MemberList", knob="ended_measurands", options=MEASURANDS),
        "TxStartedMeasurands": Variable(MEASURANDS[0], "MemberList", knob="started_measurands", options=MEASURANDS),
        "TxUpdatedInterval": _seconds(setup.sample_s, "sample_s"),
        "TxUpdatedMeasurands": Variable(
            ",".join(MEASURANDS), "MemberList", knob="measurands", options=MEASURANDS + REACTIVE
        ),
    }


def _aligned_data() -> dict[str, Variable]:
    return {
        "Enabled": _flag(False, "aligned"),
        "Interval": _seconds(0, "aligned_s"),
        "Measurands": Variable("", "MemberList", knob="aligned_measurands", options=MEASURANDS),
    }


def _security(setup: Setup) -> dict[str, Variable]:
    return {
        "BasicAuthPassword": Variable("", is_secret=True, knob="password"),
        "Identity": _fixed(setup.identity),
        "OrganizationName": Variable(setup.vendor, knob="organization"),
        "SecurityProfile": replace(_fixed(str(setup.profile), "integer"), knob="security_profile"),
    }


def _display() -> dict[str, Variable]:
    return {
        "Available": _fixed("true", "boolean"),
        "Enabled": _flag(True),
        "SupportedFormats": _fixed(",".join(FORMATS), "MemberList", options=FORMATS),
        "SupportedPriorities": _fixed(",".join(_PRIORITIES), "MemberList", options=_PRIORITIES),
        "SupportedStates": _fixed(",".join(_MESSAGE_STATES), "MemberList", options=_MESSAGE_STATES),
    }


def _limits() -> dict[str, Variable]:
    asked = ("GetReport", "GetVariables", "SetVariables")
    return {
        **{f"BytesPerMessage[{action}]": _fixed("65536", "integer") for action in asked},
        **{f"ItemsPerMessage[{action}]": _fixed("100", "integer") for action in asked},
    }


def _evse(number: int, setup: Setup) -> dict[Name, Variable]:
    state = _fixed("Available", "OptionList", options=STATES)
    return {
        Name(AVAILABILITY, "EVSE", evse=number): state,
        Name("Available", "EVSE", evse=number): _fixed("true", "boolean"),
        Name("Power", "EVSE", evse=number): Variable(
            "0", "decimal", is_writable=False, unit="W", maximum=setup.max_power_w
        ),
        Name("SupplyPhases", "EVSE", evse=number): _fixed("3", "integer"),
        Name(AVAILABILITY, "Connector", evse=number, connector=1): state,
        Name("Available", "Connector", evse=number, connector=1): _fixed("true", "boolean"),
        Name("ConnectorType", "Connector", evse=number, connector=1): _fixed("cCCS2"),
        Name("SupplyPhases", "Connector", evse=number, connector=1): _fixed("3", "integer"),
    }
