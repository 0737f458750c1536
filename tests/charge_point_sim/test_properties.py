"""Whatever happens to it, a charge point sends nothing that breaks its schema (the script checks every frame)."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from ocppj import actions
from ocppj.frames import CallError
from ocppj.versions import V16, V21, V201, Version
from tests.charge_point_sim.script import TIME, Script, Wire

NUMBER = st.integers(-1, 3)
WORD = st.sampled_from(["A", "TAG-1", "", "\N{SNOWMAN}", "x" * 36, "true", "5", "HeartbeatInterval"])
EVSE = st.fixed_dictionaries({"id": NUMBER}, optional={"connectorId": NUMBER})
TOKEN = st.fixed_dictionaries({"idToken": WORD, "type": st.just("Central")})
ITEM = st.fixed_dictionaries(
    {
        "component": st.fixed_dictionaries(
            {"name": st.sampled_from(["OCPPCommCtrlr", "EVSE", "x"])}, optional={"evse": EVSE}
        ),
        "variable": st.fixed_dictionaries({"name": st.sampled_from(["HeartbeatInterval", "AvailabilityState", "y"])}),
    },
    optional={"attributeType": st.sampled_from(["Actual", "Target"])},
)
TIMES = st.sampled_from([TIME, "2026-07-01T12:01:00Z", "2099-01-01T00:00:00+02", "tomorrow"])
PLACE = st.sampled_from(["https://x/cp-1.2.3.bin", "ftp://fail", "https://x/forged", ""])
PERIODS = st.lists(
    st.fixed_dictionaries({"startPeriod": st.integers(-10, 10**18), "limit": st.integers(-5, 10**9)}),
    min_size=1,
    max_size=4,
)
SCHEDULES = st.fixed_dictionaries(
    {"chargingRateUnit": st.sampled_from("AW"), "chargingSchedulePeriod": PERIODS},
    optional={"duration": st.integers(0, 10**18), "startSchedule": TIMES, "id": NUMBER},
)
PROFILES = st.fixed_dictionaries(
    {
        "stackLevel": NUMBER,
        "chargingProfilePurpose": st.sampled_from(
            ["TxProfile", "TxDefaultProfile", "ChargePointMaxProfile", "ChargingStationMaxProfile"]
        ),
        "chargingProfileKind": st.sampled_from(["Absolute", "Relative", "Recurring"]),
        "chargingSchedule": SCHEDULES | st.lists(SCHEDULES.map(lambda each: each | {"id": 1}), min_size=1, max_size=2),
    },
    optional={
        "id": NUMBER, "chargingProfileId": NUMBER, "recurrencyKind": st.sampled_from(["Daily", "Weekly"]),
        "validFrom": TIMES, "validTo": TIMES,
    },
)  # fmt: skip
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "idTag": WORD,
    "idToken": TOKEN,
    "connectorId": NUMBER,
    "evseId": NUMBER,
    "evse": EVSE,
    "remoteStartId": NUMBER,
    "transactionId": NUMBER | WORD,
    "type": st.sampled_from(["Hard", "Soft", "Immediate", "OnIdle", "Operative", "Inoperative"]),
    "operationalStatus": st.sampled_from(["Operative", "Inoperative"]),
    "requestedMessage": st.sampled_from(
        ["BootNotification", "Heartbeat", "MeterValues", "StatusNotification", "TransactionEvent", "SignV2GCertificate"]
    ),
    "key": WORD | st.lists(WORD, max_size=3),
    "value": WORD,
    "vendorId": WORD,
    "listVersion": NUMBER,
    "versionNumber": NUMBER,
    "updateType": st.sampled_from(["Full", "Differential"]),
    "requestId": NUMBER,
    "reservationId": NUMBER,
    "id": NUMBER,
    "expiryDate": TIMES,
    "expiryDateTime": TIMES,
    "csChargingProfiles": PROFILES,
    "chargingProfile": PROFILES,
    "duration": st.integers(-10, 10**19),
    "location": PLACE,
    "retrieveDate": TIMES,
    "firmware": st.fixed_dictionaries({"location": PLACE, "retrieveDateTime": TIMES}),
    "log": st.fixed_dictionaries({"remoteLocation": PLACE}),
    "logType": st.just("SecurityLog"),
    "certificateChain": WORD,
    "reportBase": st.sampled_from(["FullInventory", "SummaryInventory"]),
    "getVariableData": st.lists(ITEM, min_size=1, max_size=3),
    "setVariableData": st.lists(ITEM.flatmap(lambda item: WORD.map(lambda value: item | {"attributeValue": value}))),
}
# The fields each command needs or may have; the rest of the schema's demands are met by chance, or not.
WANTED = {
    "RemoteStartTransaction": ["idTag", "connectorId"],
    "RemoteStopTransaction": ["transactionId"],
    "RequestStartTransaction": ["idToken", "remoteStartId", "evseId"],
    "RequestStopTransaction": ["transactionId"],
    "Reset": ["type"],
    "ChangeAvailability": ["connectorId", "type", "operationalStatus", "evse"],
    "ChangeConfiguration": ["key", "value"],
    "GetConfiguration": ["key"],
    "TriggerMessage": ["requestedMessage", "connectorId", "evse"],
    "UnlockConnector": ["connectorId", "evseId"],
    "SendLocalList": ["listVersion", "versionNumber", "updateType"],
    "GetBaseReport": ["requestId", "reportBase"],
    "GetVariables": ["getVariableData"],
    "SetVariables": ["setVariableData"],
    "DataTransfer": ["vendorId"],
    "ReserveNow": ["connectorId", "expiryDate", "idTag", "reservationId", "id", "expiryDateTime", "idToken", "evseId"],
    "CancelReservation": ["reservationId"],
    "SetChargingProfile": ["connectorId", "csChargingProfiles", "evseId", "chargingProfile"],
    "GetCompositeSchedule": ["connectorId", "evseId", "duration"],
    "ClearChargingProfile": ["id"],
    "UpdateFirmware": ["location", "retrieveDate", "requestId", "firmware"],
    "GetLog": ["log", "logType", "requestId"],
    "CertificateSigned": ["certificateChain"],
}
REPLIES = st.sampled_from(["good", "refused", "error", "security", "silence", "nonsense"])


def _reply(wire: Wire, action: str, kind: str) -> None:
    refused: dict[str, Any] = {"status": "Rejected", "currentTime": TIME, "interval": 20, "transactionId": 3}
    replies = wire.script.replies
    match kind:
        case "good":
            good = Script(wire.script.version).replies
            replies[action] = good.get(action, {})
        case "refused" if action == "BootNotification":
            replies[action] = {key: refused[key] for key in ("status", "currentTime", "interval")}
        case "refused":
            transaction = {"transactionId": 3} if action == "StartTransaction" else {}
            replies[action] = wire.script.with_token("Blocked") | transaction
        case "silence":
            replies[action] = None
        case "nonsense":
            replies[action] = {"status": 7}
        case _:
            replies[action] = CallError("", "SecurityError" if kind == "security" else "InternalError")


@st.composite
def _steps(draw: st.DrawFn, version: Version) -> list[tuple[str, Any]]:
    commands = st.sampled_from(sorted(actions.commands(version))) | st.sampled_from(
        sorted(set(WANTED) & actions.commands(version))
    )
    reply = st.tuples(st.sampled_from(sorted(actions.sent_by_charge_point(version))), REPLIES)
    step = st.one_of(
        st.tuples(st.sampled_from(["connect", "cut"]), st.none()),
        st.tuples(st.just("run"), st.floats(0, 100)),
        st.tuples(st.sampled_from(["arrive", "stop", "unplug"]), st.integers(0, 1)),
        st.tuples(st.just("command"), commands.flatmap(_command)),
        st.tuples(st.just("reply"), reply),
        st.tuples(st.just("text"), st.text(max_size=20)),
    )
    return [("connect", None), *draw(st.lists(step, max_size=25))]


def _command(action: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    fields = {name: FIELDS[name] for name in WANTED.get(action, [])}
    return st.tuples(st.just(action), st.fixed_dictionaries({}, optional=fields))


def _do(wire: Wire, step: str, what: Any) -> None:
    connector = wire.cp.connectors[what] if step in ("arrive", "stop", "unplug") else wire.cp.connectors[0]
    match step:
        case "connect":
            wire.connect()
        case "cut":
            wire.cut()
        case "run":
            wire.run(what)
        case "arrive":
            wire.act(lambda: sessions.arrive(wire.cp, connector, Token("TAG-1")))
        case "stop":
            wire.act(lambda: sessions.stop(wire.cp, connector, "local"))
        case "unplug":
            wire.act(lambda: sessions.stop_all(wire.cp, "power loss"))
        case "command":
            action, payload = what
            wire.send(wire.script.ask(action, f"command-{len(wire.log)}-{wire.now.timestamp()}"[:36], payload))
        case "reply":
            _reply(wire, *what)
        case _:
            wire.send(what)


@given(_steps(V16))
@settings(max_examples=80, deadline=None)
def test_every_1_6_frame_is_schema_valid(steps: list[tuple[str, Any]]) -> None:
    wire = Wire(V16)

    for step, what in steps:
        _do(wire, step, what)


@given(_steps(V201))
@settings(max_examples=80, deadline=None)
def test_every_2_0_1_frame_is_schema_valid(steps: list[tuple[str, Any]]) -> None:
    wire = Wire(V201)

    for step, what in steps:
        _do(wire, step, what)


@given(_steps(V21))
@settings(max_examples=30, deadline=None)
def test_every_2_1_frame_is_schema_valid(steps: list[tuple[str, Any]]) -> None:
    wire = Wire(V21)

    for step, what in steps:
        _do(wire, step, what)
