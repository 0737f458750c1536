"""Registries that need no database, for a gateway alone with a broker: anybody, or who is in a file.

    {"identity": "CP 001", "passwordHash": "hmac-sha256$...$..."}
    {"chargePointId": "CP-002", "disabled": true}

One JSON object a line. `identity` is what the charge point writes in its URL, percent-decoded; `chargePointId` is
its escaped form. The file is read again when it changes; while it can't be read, what was read before counts.
Connections and their epochs are remembered in memory, for as long as the process lives.
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
from domain.models import ChargePoint, Connection
from ocppj import topics

log = structlog.get_logger(__name__)

_FIELDS = {"identity": str, "chargePointId": str, "passwordHash": str, "disabled": bool}
_WORDS = {str: "a text", bool: "true or false"}

Stamp = tuple[int, int, int]


class RegistryFileError(ValueError):
    """A line of the file can't be used; the text says which and why."""


class OpenRegistry:
    """Everybody is registered, without credentials."""

    def __init__(self) -> None:
        self._connections = _Connections()

    def find(self, charge_point_id: str) -> ChargePoint | None:
        return self._connections.of(ChargePoint(charge_point_id))

    def connect(self, charge_point_id: str, connection: Connection, credential_version: int) -> Connection | None:
        return self._connections.connect(lambda: ChargePoint(charge_point_id), connection, credential_version)

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

    def connect(self, charge_point_id: str, connection: Connection, credential_version: int) -> Connection | None:
        return self._connections.connect(lambda: self._current().get(charge_point_id), connection, credential_version)

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
    """Who is connected, by what `connect` was told."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}
        self._lock = Lock()

    def of(self, row: ChargePoint) -> ChargePoint:
        return replace(row, connection=self._connections.get(row.charge_point_id))

    def connect(
        self, row: Callable[[], ChargePoint | None], connection: Connection, credential_version: int
    ) -> Connection | None:
        with self._lock:
            found = row()
            now = registry.connected(self.of(found) if found else None, connection, credential_version)
            old = self._connections.get(now.charge_point_id)
            self._connections[now.charge_point_id] = connection
            return old


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _read(path: Path) -> dict[str, ChargePoint]:
    rows: dict[str, ChargePoint] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = _row(line)
            if row.charge_point_id in rows:
                raise ValueError(f"{row.charge_point_id} is in an earlier line already")
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
    password_hash = fields.get("passwordHash")
    return ChargePoint(
        _charge_point_id(fields),
        disabled=fields.get("disabled", False),
        password_hash=password_hash,
        # Another hash is another version: who was let in by the old one is asked again.
        credential_version=zlib.crc32(password_hash.encode()) if password_hash else 0,
    )


def _check(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        # A misspelt passwordHash would let everybody in.
        if name not in _FIELDS:
            raise ValueError(f"{name!r} is none of {', '.join(_FIELDS)}")
        if not isinstance(value, _FIELDS[name]):
            raise ValueError(f"{name} must be {_WORDS[_FIELDS[name]]}")
    if "passwordHash" in fields:
        credentials.check(fields["passwordHash"])


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
