"""A day of two charge points as queue records, and what must be left of it whatever the queue does with them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from domain import assembly
from domain.models import IdToken, Transaction
from domain.ports import Reports
from ocppj import timestamps
from ocppj.frames import Call
from ocppj.versions import V16, V201
from processors import inbox
from processors.ports import Ports
from processors.states import SUBJECTS
from tests.processors.house import EPOCH, NOW, House, of_frame

OLD, NEW = "CP-16", "CP-201"
ACTIONS = (
    "NotifyReport", "NotifyEvent", "SecurityEventNotification", "FirmwareStatusNotification", "MeterValues",
    assembly.marker("NotifyReport"), *sorted(SUBJECTS),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One record; `of` is the number of the 1.6 start whose transaction id it carries."""

    charge_point_id: str
    action: str
    payload: dict[str, Any]
    of: int | None = None
    number: int = 0


@dataclass
class Day:
    """Who has said what by now; the ids of 1.6 transactions become known as their starts are processed."""

    ports: Ports
    ids: dict[int, int] = field(default_factory=dict)
    suffix: str = ""

    def can(self, told: Told) -> bool:
        """Whether the charge point could have said it: without an id there is no stop."""
        return told.of is None or told.of in self.ids or told.action == "StartTransaction"

    def process(self, told: Told) -> None:
        """Process its record, as often as it comes."""
        payload = dict(told.payload)
        if told.of is not None and told.action != "StartTransaction":
            payload["transactionId"] = self.ids[told.of]
        call = Call(f"m-{told.number}", told.action, payload)
        received_at = NOW + timedelta(milliseconds=10 * told.number)
        record = of_frame(told.charge_point_id + self.suffix, call, received_at, epoch=EPOCH)
        inbox.process(record, self.ports, queue=inbox.INCOMING)
        if told.action == "StartTransaction" and told.of is not None:
            self.ids.setdefault(told.of, self._id_of(told))

    def left(self, find: Callable[[str, str], Transaction | None]) -> dict[str, Any]:
        """What is left of the day in the stores."""
        rows = self.ports.registry.find_many([OLD + self.suffix, NEW + self.suffix])
        ids = {(OLD, str(number)): str(given) for number, given in self.ids.items()}
        ids |= {(NEW, name): name for name in ("tx-1", "tx-2")}
        found = {key: find(key[0] + self.suffix, given) for key, given in ids.items()}
        return {
            "rows": {name.removesuffix(self.suffix): (row.boot, row.connectors) for name, row in rows.items()},
            "transactions": {
                key: replace(each, charge_point_id="", transaction_id="") if each else None
                for key, each in found.items()
            },
            "told": {key: self.ports.history.told(key[0] + self.suffix, given) for key, given in ids.items() if given},
            "reports": {name: self._reports(name, self.ports.reports) for name in (OLD, NEW)},
        }

    def _reports(self, name: str, reports: Reports) -> dict[str, Any]:
        return {action: list(reports.of_charge_point(name + self.suffix, action)) for action in ACTIONS}

    def _id_of(self, told: Told) -> int:
        # Idempotent by its natural key: asking is the same as telling once more.
        said = told.payload
        start = Transaction(
            told.charge_point_id + self.suffix, "", V16, connector=str(said["connectorId"]), id_token=said["idTag"],
            started_at=timestamps.parse(said["timestamp"]), meter_start_wh=said["meterStart"],
        )  # fmt: skip
        return int(self.ports.transactions.begin(start).transaction_id)


def begin(house: House, suffix: str = "", **stores: Any) -> Day:
    """A day in this house, perhaps with other stores."""
    house.now = NOW + timedelta(seconds=5)
    ports = house.ports(**stores)
    for name, version in ((OLD, V16), (NEW, V201)):
        source = House(registry=ports.registry)  # type: ignore[arg-type]  # any registry will do
        source.register(name + suffix, version)
    ports.id_tokens.put(IdToken("abc"))
    return Day(ports, suffix=suffix)


def _at(minute: int) -> str:
    return f"2026-11-21T10:{minute:02}:00Z"


def _value(wh: int, minute: int) -> dict[str, Any]:
    return {"timestamp": _at(minute), "sampledValue": [{"value": str(wh)}]}


def _old() -> list[Told]:
    day = [Told(OLD, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})]
    # The first one is never stopped, the third one's start and stop are on another connector.
    for number, (minute, connector, stops) in enumerate([(0, 1, False), (10, 1, True), (5, 2, True)]):
        start = {"connectorId": connector, "idTag": "ABC", "meterStart": 1000 * number, "timestamp": _at(minute)}
        day.append(Told(OLD, "StartTransaction", start, of=number))
        for after in (1, 3):
            values = [_value(1000 * number + 100 * after, minute + after)]
            day.append(Told(OLD, "MeterValues", {"connectorId": connector, "meterValue": values}, of=number))
        if stops:
            stop = {"meterStop": 1000 * number + 500, "timestamp": _at(minute + 5), "reason": "EVDisconnected"}
            day.append(Told(OLD, "StopTransaction", stop, of=number))
    for minute, status in enumerate(["Available", "Preparing", "Charging", "Available"]):
        said = {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": _at(minute)}
        day.append(Told(OLD, "StatusNotification", said))
    return [*day, *(Told(OLD, "FirmwareStatusNotification", {"status": s}) for s in ("Downloading", "Installed"))]


def _new() -> list[Told]:
    station = {"vendorName": "V", "model": "M"}
    day = [Told(NEW, "BootNotification", {"reason": "PowerUp", "chargingStation": station})]
    for transaction, (minute, kinds) in {"tx-1": (0, "SUU"), "tx-2": (20, "SUUE")}.items():
        for seq_no, kind in enumerate(kinds):
            day.append(Told(NEW, "TransactionEvent", _event(transaction, minute + seq_no, seq_no, kind)))
    for seq_no in range(3):
        said = {"requestId": 7, "seqNo": seq_no, "generatedAt": _at(0), "tbc": seq_no < 2}
        day.append(Told(NEW, "NotifyReport", said))
    event = {"type": "FirmwareUpdated", "timestamp": _at(1)}
    return [*day, Told(NEW, "SecurityEventNotification", event)]


def _event(transaction: str, minute: int, seq_no: int, kind: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "eventType": {"S": "Started", "U": "Updated", "E": "Ended"}[kind],
        "timestamp": _at(minute),
        "triggerReason": {"S": "Authorized", "U": "MeterValuePeriodic", "E": "EVDeparted"}[kind],
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": transaction},
        "meterValue": [{"timestamp": _at(minute), "sampledValue": [{"value": 1000 + 100 * minute}]}],
    }
    if kind == "S":
        said |= {"idToken": {"idToken": "ABC", "type": "ISO14443"}, "evse": {"id": 1, "connectorId": 1}}
    return said


DAY = [replace(told, number=number) for number, told in enumerate([*_old(), *_new()])]
