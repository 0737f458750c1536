"""The configuration keys of a simulated 1.6 charge point (1.6 §9, security whitepaper §7)."""

from charge_point_sim.parts import Setup
from charge_point_sim.profiles import MOST_INSTALLED, MOST_SCHEDULED, MOST_STACKED
from charge_point_sim.variables import Name, Variable, Variables

MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "SoC",
)
# Of no interest to most; grid support changes them.
REACTIVE = ("Power.Reactive.Import", "Power.Factor")
MOST_LISTED, MOST_SENT = 1000, 100  # entries of the local list, and of one message about it
_PROFILES = "Core,FirmwareManagement,LocalAuthListManagement,RemoteTrigger,Reservation,SmartCharging"


def keys(setup: Setup) -> Variables:
    """The table as it leaves the factory."""
    rows = _behaviour(setup) | _fixed(setup)
    return Variables({Name(key): row for key, row in rows.items()})


def _behaviour(setup: Setup) -> dict[str, Variable]:
    return {
        "AllowOfflineTxForUnknownId": Variable("false", "boolean", knob="offline_unknown"),
        "AuthorizationCacheEnabled": Variable("true", "boolean", knob="cache"),
        "AuthorizeRemoteTxRequests": Variable("false", "boolean", knob="authorize_remote"),
        "ClockAlignedDataInterval": Variable("0", "integer", knob="aligned_s"),
        "ConnectionTimeOut": Variable("60", "integer"),
        "HeartbeatInterval": Variable("300", "integer", knob="heartbeat_s"),
        "LocalAuthListEnabled": Variable("true", "boolean", knob="local_list"),
        "LocalAuthorizeOffline": Variable("true", "boolean", knob="local_authorize_offline"),
        "LocalPreAuthorize": Variable("false", "boolean", knob="local_pre_authorize"),
        "MeterValueSampleInterval": Variable(str(setup.sample_s), "integer", knob="sample_s"),
        "MeterValuesAlignedData": Variable("", "MemberList", knob="aligned_measurands", options=MEASURANDS),
        "MeterValuesSampledData": Variable(",".join(MEASURANDS), "MemberList", knob="measurands", options=MEASURANDS),
        "ResetRetries": Variable("1", "integer"),
        "StopTransactionOnEVSideDisconnect": Variable("true", "boolean"),
        "StopTransactionOnInvalidId": Variable("true", "boolean", knob="stop_on_invalid"),
        "StopTxnAlignedData": Variable("", "MemberList", options=MEASURANDS),
        "StopTxnSampledData": Variable("", "MemberList", knob="ended_measurands", options=MEASURANDS),
        "TransactionMessageAttempts": Variable("3", "integer", knob="message_attempts"),
        "TransactionMessageRetryInterval": Variable("60", "integer", knob="message_interval_s"),
        "UnlockConnectorOnEVSideDisconnect": Variable("true", "boolean"),
        "WebSocketPingInterval": Variable(str(setup.ping_s), "integer", needs_reboot=True, knob="ping_s"),
    }


def _fixed(setup: Setup) -> dict[str, Variable]:
    fixed = {
        "ChargeProfileMaxStackLevel": str(MOST_STACKED),
        "ConnectorPhaseRotation": ",".join(f"{number}.RST" for number in range(setup.connectors + 1)),
        "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
        "ChargingScheduleMaxPeriods": str(MOST_SCHEDULED),
        "MaxChargingProfilesInstalled": str(MOST_INSTALLED),
        "GetConfigurationMaxKeys": "100",
        "LocalAuthListMaxLength": str(MOST_LISTED),
        "NumberOfConnectors": str(setup.connectors),
        "ReserveConnectorZeroSupported": "false",
        "SendLocalListMaxLength": str(MOST_SENT),
        "SupportedFeatureProfiles": _PROFILES,
    }
    return {
        "AuthorizationKey": Variable("", is_secret=True, knob="password"),
        "SecurityProfile": Variable(str(setup.profile), "integer", knob="security_profile"),
        "CpoName": Variable(setup.vendor, knob="organization"),
        **{key: Variable(value, is_writable=False) for key, value in fixed.items()},
    }
