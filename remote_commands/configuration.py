"""Configuration keys of 1.6 and variables of 2.x: the same settings under two names (conformance E.3)."""

import re
from typing import Any

from remote_commands.bodies import Component

# 1.6 key -> (component, variable, instance of the variable)
_KEYS: dict[str, tuple[str, str, str | None]] = {
    "HeartbeatInterval": ("OCPPCommCtrlr", "HeartbeatInterval", None),
    "WebSocketPingInterval": ("OCPPCommCtrlr", "WebSocketPingInterval", None),
    "AuthorizeRemoteTxRequests": ("AuthCtrlr", "AuthorizeRemoteStart", None),
    "ConnectionTimeOut": ("TxCtrlr", "EVConnectionTimeOut", None),
    "StopTransactionOnInvalidId": ("TxCtrlr", "StopTxOnInvalidId", None),
    "MeterValueSampleInterval": ("SampledDataCtrlr", "TxUpdatedInterval", None),
    "MeterValuesSampledData": ("SampledDataCtrlr", "TxUpdatedMeasurands", None),
    "ClockAlignedDataInterval": ("AlignedDataCtrlr", "Interval", None),
    "MeterValuesAlignedData": ("AlignedDataCtrlr", "Measurands", None),
    "TransactionMessageAttempts": ("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    "TransactionMessageRetryInterval": ("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"),
    "AuthorizationKey": ("SecurityCtrlr", "BasicAuthPassword", None),
    "CpoName": ("SecurityCtrlr", "OrganizationName", None),
    "CertificateSignedMaxChainSize": ("SecurityCtrlr", "MaxCertificateChainSize", None),
    "SecurityProfile": ("SecurityCtrlr", "SecurityProfile", None),
}
_KEY_OF = {(component.lower(), variable.lower()): key for key, (component, variable, _) in _KEYS.items()}

# Component[instance].Variable[instance]
_PATH = re.compile(r"(?P<c>[^.\[\]]+)(?:\[(?P<ci>[^\]]+)\])?\.(?P<v>[^.\[\]]+)(?:\[(?P<vi>[^\]]+)\])?")


def key(name: str | Component) -> str | None:
    """What 1.6 calls it; None if it is a variable that only 2.x can name."""
    if isinstance(name, Component):
        return _KEY_OF.get((_name(name.component), _name(name.variable)))
    path = _PATH.fullmatch(name)
    # A vendor's key may have a dot in it: what is no variable we know is sent as it is.
    return _KEY_OF.get((path["c"].lower(), path["v"].lower()), name) if path else name


def variable(name: str | Component) -> dict[str, Any] | None:
    """What 2.x calls it: {"component", "variable"}; None if it is a key that only 1.6 has."""
    if isinstance(name, Component):
        return {"component": name.component, "variable": name.variable}
    if name in _KEYS:
        component, found, instance = _KEYS[name]
        return {"component": {"name": component}, "variable": _named(found, instance)}
    path = _PATH.fullmatch(name)
    if path is None:
        return None
    return {"component": _named(path["c"], path["ci"]), "variable": _named(path["v"], path["vi"])}


def value_16(name: str, value: str | int | float | bool) -> str:
    """A value as 1.6 has it: a password is hexadecimal there, and plain in 2.x (A-35, A-36)."""
    is_plain_password = name != "AuthorizationKey" and key(name) == "AuthorizationKey"
    return _text(value).encode().hex() if is_plain_password else _text(value)


def value_2x(name: str, value: str | int | float | bool) -> str:
    """A value as 2.x has it."""
    if name != "AuthorizationKey":
        return _text(value)
    try:
        return bytes.fromhex(_text(value)).decode()
    except ValueError:
        return _text(value)


def _name(named: dict[str, Any]) -> str:
    return str(named.get("name", "")).lower()


def _named(name: str, instance: str | None) -> dict[str, str]:
    return {"name": name} | ({"instance": instance} if instance else {})


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
