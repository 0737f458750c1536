"""Registries that need no database, for a gateway alone with a broker: anybody, or who is in a file.

    {"identity": "CP 001", "passwordHash": "hmac-sha256$...$..."}
    {"chargePointId": "CP-002", "disabled": true}
    {"identity": "CP-003", "securityProfile": 3, "serialNumber": "SN-4711"}

One JSON object a line. `identity` is what the charge point writes in its URL, percent-decoded; `chargePointId` is
its escaped form; the other fields are those of a registry row. The file is read again when it changes; while it
can't be read, what was read before counts. Connections, epochs and what charge points proved are remembered in
memory, for as long as the process lives.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import structlog

from domain import credentials, registry
from domain.models import ChargePoint, Connection, Proven
from domain.ports import NOTHING_PROVEN
from ocppj import topics, versions

log = structlog.get_logger(__name__)

_FIELDS = {
    "identity": str, "chargePointId": str, "disabled": bool, "passwordHash": str, "nextPasswordHash": str,
    "securityProfile": int, "allowDowngrade": bool, "serialNumber": str, "certificateNames": list,
    "defaultVersion": str, "pingIntervalS": int,
}  # fmt: skip
_WORDS = {str: "a text", bool: "true or false", int: "a whole number", list: "a list of texts"}
_NO_CREDENTIALS = frozenset({"identity", "chargePointId", "disabled", "pingIntervalS"})

Stamp = tuple[int, int, int]


class RegistryFileError(ValueError):
    """A line of the file can't be used; the text says which and why."""


class OpenRegistry:
    """Everybody is registered, without credentials."""

    def __init__(self) -> None:
        self._connections = _Connections()

    def find(self, charge_point_id: str) -> ChargePoint | None:
        return self._connections.of(ChargePoint(charge_point_id))

    def find_in_any_case(self, charge_point_id: str) -> ChargePoint | None:
        return self.find(charge_point_id)

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        return self._connections.connect(lambda: ChargePoint(charge_point_id), connection, credential_version, proven)

    def seen(self, charge_point_id: str, epoch: int, at: datetime) -> None:
        """The gateway itself knows, and nobody else looks at this registry."""

    def renew_lease(self, gateway: str, until: datetime) -> None:
        """Nobody else looks at this registry, so nobody asks."""


class FileRegistry:
    """Who is in the file is registered.

    Raises:
        OSError: the file can't be read.
        RegistryFileError: it has a line that can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections = _Connections()
        self._lock = Lock()
        self._complaint = ""
        self._stamp = _stamp(path)
        self._rows = _read(path)

    def find(self, charge_point_id: str) -> ChargePoint | None:
        row = self._current().get(charge_point_id)
        return self._connections.of(row) if row else None

    def find_in_any_case(self, charge_point_id: str) -> ChargePoint | None:
        folded = charge_point_id.lower()
        row = next((row for name, row in self._current().items() if name.lower() == folded), None)
        return self._connections.of(row) if row else None

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        return self._connections.connect(
            lambda: self._current().get(charge_point_id), connection, credential_version, proven
        )

    def seen(self, charge_point_id: str, epoch: int, at: datetime) -> None:
        """The gateway itself knows, and nobody else looks at this registry."""

    def renew_lease(self, gateway: str, until: datetime) -> None:
        """Nobody else looks at this registry, so nobody asks."""

    def _current(self) -> dict[str, ChargePoint]:
        with self._lock:
            try:
                self._read_again()
            except (OSError, RegistryFileError) as error:
                if str(error) != self._complaint:  # every connect comes by here
                    log.error("registry not read, what was read before counts", reason=str(error))
                self._complaint = str(error)
            return self._rows

    def _read_again(self) -> None:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            self._rows = _read(self._path)
            self._complaint = ""
            log.info("registry read again", path=str(self._path), charge_points=len(self._rows))


class _Connections:
    """Who is connected and what they proved, by what `connect` was told."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[ChargePoint, ChargePoint]] = {}  # the row as it was given, and what became of it
        self._lock = Lock()

    def of(self, row: ChargePoint) -> ChargePoint:
        if row.charge_point_id not in self._kept:
            return row
        given, kept = self._kept[row.charge_point_id]
        if row == given:
            return kept
        # Whoever changed the row meant it: of what was proven only the profile stays.
        return replace(row, connection=kept.connection, highest_profile=kept.highest_profile)

    def connect(
        self, row: Callable[[], ChargePoint | None], connection: Connection, credential_version: int, proven: Proven
    ) -> Connection | None:
        with self._lock:
            given = row()
            known = self.of(given) if given else None
            now = registry.connected(known, connection, credential_version, proven)
            if given is not None:
                self._kept[given.charge_point_id] = given, now
            return known.connection if known else None


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _read(path: Path) -> dict[str, ChargePoint]:
    rows: dict[str, ChargePoint] = {}
    folded: dict[str, str] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = _row(line)
            earlier = folded.setdefault(row.charge_point_id.lower(), row.charge_point_id)
            if row.charge_point_id in rows:
                raise ValueError(f"{row.charge_point_id} is in an earlier line already")
            if earlier != row.charge_point_id:
                raise ValueError(f"{row.charge_point_id} differs from {earlier} in an earlier line in case only")
        except ValueError as error:
            raise RegistryFileError(f"{path}, line {number}: {error}") from error
        rows[row.charge_point_id] = row
    return rows


def _row(line: bytes) -> ChargePoint:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"this is no JSON ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError("this is no JSON object")
    _check(fields)
    default_version = fields.get("defaultVersion")
    return ChargePoint(
        _charge_point_id(fields),
        disabled=fields.get("disabled", False),
        password_hash=fields.get("passwordHash"),
        next_password_hash=fields.get("nextPasswordHash"),
        credential_version=_credential_version(fields),
        security_profile=fields.get("securityProfile"),
        allow_downgrade=fields.get("allowDowngrade", False),
        serial_number=fields.get("serialNumber"),
        certificate_names=tuple(fields.get("certificateNames", ())),
        default_version=versions.of_subprotocol(default_version) if default_version else None,
        ping_interval_s=fields.get("pingIntervalS"),
    )


def _credential_version(fields: dict[str, Any]) -> int:
    """Other credentials are another version: who was let in by the old ones is asked again."""
    told = {name: value for name, value in fields.items() if name not in _NO_CREDENTIALS}
    return zlib.crc32(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)) if told else 0


def _check(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        # A misspelt passwordHash would let everybody in.
        if name not in _FIELDS:
            raise ValueError(f"{name!r} is none of {', '.join(_FIELDS)}")
        if type(value) is not _FIELDS[name]:
            raise ValueError(f"{name} must be {_WORDS[_FIELDS[name]]}")
    for name in ("passwordHash", "nextPasswordHash"):
        if name in fields:
            credentials.check(fields[name])
    if not all(isinstance(name, str) for name in fields.get("certificateNames", ())):
        raise ValueError("certificateNames must be a list of texts")
    if fields.get("pingIntervalS", 0) < 0:
        raise ValueError("pingIntervalS must be a number of seconds, or 0 for no pings")
    if not 0 <= fields.get("securityProfile", 0) <= 3:
        raise ValueError("securityProfile must be 0, 1, 2 or 3")


def _charge_point_id(fields: dict[str, Any]) -> str:
    match fields:
        case {"identity": identity, "chargePointId": charge_point_id} if topics.escape(identity) != charge_point_id:
            raise ValueError(f"chargePointId {charge_point_id!r} is not the escaped identity {identity!r}")
        case {"identity": identity}:
            return topics.escape(identity)
        case {"chargePointId": charge_point_id}:
            topics.unescape(charge_point_id)
            return str(charge_point_id)
    raise ValueError("it has neither an identity nor a chargePointId")
