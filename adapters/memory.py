"""The stores in memory: for tests, and for a gateway that needs no database.

They keep what the ports promise, and may be called from several threads.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any

from adapters.memory_events import MemoryEvents
from adapters.memory_transactions import MemoryTransactions as MemoryTransactions
from domain import administration, events, pages, registry, tariffs
from domain.models import (
    Boot,
    ChargePoint,
    Command,
    CommandState,
    Connection,
    ConnectorState,
    IdToken,
    Proven,
    Route,
)
from domain.pages import Ask, Page, Report
from domain.ports import NOTHING_PROVEN
from domain.tariffs import Tariff


class MemoryRegistry:
    """Admissions, Registry, Passwords, Observations and Administration on one dict of rows."""

    def __init__(self, rows: Iterable[ChargePoint] = (), told: MemoryEvents | None = None) -> None:
        self._rows = {row.charge_point_id: row for row in rows}
        self._told = told or MemoryEvents()
        self._told_epochs: dict[str, int] = {}
        self._leases: dict[str, datetime] = {}
        self._gone: set[str] = set()  # ids of things
        self._lock = Lock()

    def find(self, charge_point_id: str) -> ChargePoint | None:
        return self._rows.get(charge_point_id)

    def find_in_any_case(self, charge_point_id: str) -> ChargePoint | None:
        folded = charge_point_id.lower()
        return next((row for name, row in list(self._rows.items()) if name.lower() == folded), None)

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        with self._lock:
            row = self._rows.get(charge_point_id)
            self._rows[charge_point_id] = registry.connected(row, connection, credential_version, proven)
            return row.connection if row else None

    def seen(self, charge_point_id: str, epoch: int, at: datetime) -> None:
        with self._lock:
            self._see(charge_point_id, epoch, at, None)

    def renew_lease(self, gateway: str, until: datetime) -> None:
        self._leases[gateway] = until

    def find_many(self, charge_point_ids: Iterable[str]) -> dict[str, ChargePoint]:
        return {name: self._rows[name] for name in charge_point_ids if name in self._rows}

    def rows(self) -> list[ChargePoint]:
        """All of them."""
        return list(self._rows.values())

    def change(self, charge_point_id: str, changes: Mapping[str, Any]) -> ChargePoint | None:
        with self._lock:
            row = self._rows.get(charge_point_id)
            if row is not None:
                row = self._rows[charge_point_id] = administration.changed(row, changes)
            return row

    def everything(self) -> Iterator[ChargePoint]:
        yield from self.rows()

    def unlisted(self) -> Iterator[str]:
        return iter(())

    def page(self, partner: str | None, ask: Ask) -> Page[ChargePoint]:
        (after,) = pages.decode(ask.cursor, 1) if ask.cursor else ("",)
        its = sorted(
            (row for row in self.rows() if partner in (None, row.partner) and row.charge_point_id > after),
            key=lambda row: row.charge_point_id,
        )
        return pages.cut(its, ask.limit, lambda row: pages.encode(row.charge_point_id))

    def add(self, charge_point: ChargePoint) -> bool:
        with self._lock:
            twin = self.find_in_any_case(charge_point.charge_point_id)
            if twin is not None and twin.charge_point_id != charge_point.charge_point_id:
                return False
            row = self._rows.setdefault(charge_point.charge_point_id, charge_point)
            if registry.is_superseded(row, charge_point):
                row = self._rows[row.charge_point_id] = charge_point
            if row is not charge_point and not row.thing_id:
                self._rows[row.charge_point_id] = replace(row, thing_id=charge_point.thing_id)
            if charge_point.thing_id and charge_point.thing_id in self._gone:
                self._drop(charge_point.charge_point_id, charge_point.thing_id)
                return False
            return row is charge_point

    def remove(self, charge_point_id: str, thing_id: str) -> ChargePoint | None:
        with self._lock:
            self._gone.add(thing_id)
            return self._drop(charge_point_id, thing_id)

    def _drop(self, charge_point_id: str, thing_id: str) -> ChargePoint | None:
        row = self._rows.get(charge_point_id)
        return self._rows.pop(charge_point_id) if row is not None and row.thing_id == thing_id else None

    def rotate(self, charge_point_id: str, next_hash: str, *, until_used: bool = False) -> bool:
        with self._lock:
            row = self._rows.get(charge_point_id)
            if row is None:
                return False
            self._rows[charge_point_id] = registry.rotated(row, next_hash, until_used=until_used)
            return True

    def settle(self, charge_point_id: str, next_hash: str, is_accepted: bool | None) -> bool:
        with self._lock:
            row = self._rows.get(charge_point_id)
            if row is None or row.next_password_hash != next_hash:
                return False
            self._rows[charge_point_id] = registry.settled(row, is_accepted)
            return True

    def expect_profile(self, charge_point_id: str, security_profile: int | None) -> bool:
        with self._lock:
            row = self._rows.get(charge_point_id)
            if row is None:
                return False
            self._rows[charge_point_id] = registry.expecting(row, security_profile)
            return True

    def is_alive(self, gateway: str, now: datetime) -> bool:
        return gateway in self._leases and now < self._leases[gateway]

    def booted(self, charge_point_id: str, boot: Boot) -> None:
        with self._lock:
            row = self._rows.get(charge_point_id)
            if row is not None and (row.boot is None or row.boot.at <= boot.at):
                self._rows[charge_point_id] = replace(row, boot=copy.deepcopy(boot))
                if row.boot is None or row.boot.at < boot.at:
                    self._told.write(charge_point_id, [events.of_boot(boot)], row.partner)

    def connector(self, charge_point_id: str, connector: str, state: ConnectorState) -> bool:
        with self._lock:
            row = self._rows.get(charge_point_id)
            if row is None:
                return False
            kept = row.connectors.get(connector)
            if kept is not None and kept.at > state.at:
                return False
            self._rows[charge_point_id] = replace(row, connectors={**row.connectors, connector: state})
            is_news = kept is None or replace(kept, at=state.at) != state
            if is_news:
                self._told.write(charge_point_id, [events.of_connector(connector, state)], row.partner)
            return is_news

    def connected(self, charge_point_id: str, epoch: int) -> None:
        with self._lock:
            self._tell_of_connect(self._rows.get(charge_point_id), epoch)

    def disconnected(self, charge_point_id: str, epoch: int, at: datetime, last_seen: datetime | None = None) -> bool:
        with self._lock:
            self._tell_of_connect(self._rows.get(charge_point_id), epoch)
            row = self._see(charge_point_id, epoch, last_seen, at)
            if row is not None and row.connection is not None:
                self._told.write(charge_point_id, [events.of_disconnect(row.connection, at)], row.partner)
            return row is not None

    def _see(
        self, charge_point_id: str, epoch: int, last_seen: datetime | None, ended_at: datetime | None
    ) -> ChargePoint | None:
        row = registry.seen(self._rows.get(charge_point_id), epoch, last_seen, ended_at)
        if row is not None:
            self._rows[charge_point_id] = row
        return row

    def _tell_of_connect(self, row: ChargePoint | None, epoch: int) -> None:
        connection = row.connection if row else None
        if row is None or connection is None or connection.epoch != epoch:
            return
        if self._told_epochs.get(row.charge_point_id, 0) < epoch:
            self._told_epochs[row.charge_point_id] = epoch
            self._told.write(row.charge_point_id, [events.of_connect(connection)], row.partner)

    def links_of(self, gateway: str) -> int:
        return max((link for link, _ in self._connected(gateway)), default=-1) + 1

    def connected_to(self, gateway: str, link: int) -> Iterator[ChargePoint]:
        yield from (row for its_link, row in self._connected(gateway) if its_link == link)

    def _connected(self, gateway: str) -> Iterator[tuple[int, ChargePoint]]:
        for row in list(self._rows.values()):
            connection = row.connection
            if connection is not None and connection.gateway == gateway and connection.disconnected_at is None:
                yield connection.link, row


class MemoryIdTokens:
    """IdTokens and IdTokenLists in a dict."""

    def __init__(self, id_tokens: Iterable[IdToken] = ()) -> None:
        self._id_tokens: dict[tuple[str | None, str], IdToken] = {}
        for id_token in id_tokens:
            self.put(id_token)

    def find(self, id_token: str, partner: str | None = None) -> IdToken | None:
        return self._id_tokens.get((partner, id_token.lower()))

    def put(self, id_token: IdToken) -> None:
        lower = id_token.id_token.lower()
        self._id_tokens[id_token.partner, lower] = replace(id_token, id_token=lower)

    def remove(self, id_token: str, partner: str | None = None) -> bool:
        return self._id_tokens.pop((partner, id_token.lower()), None) is not None

    def page(self, partner: str | None, ask: Ask) -> Page[IdToken]:
        (after,) = pages.decode(ask.cursor, 1) if ask.cursor else ("",)
        its = sorted((name, found) for (owner, name), found in self._id_tokens.items() if owner == partner)
        return pages.cut(
            [found for name, found in its if name > after], ask.limit, lambda found: pages.encode(found.id_token)
        )


class MemoryTariffs:
    """Tariffs in a dict."""

    def __init__(self, *versions: Tariff) -> None:
        self._versions: dict[str, list[Tariff]] = defaultdict(list)
        for tariff in versions:
            self.put(tariff)

    def versions(self, tariff_id: str) -> Sequence[Tariff]:
        return list(self._versions.get(tariff_id, ()))

    def put(self, tariff: Tariff) -> bool:
        kept = self._versions[tariff.tariff_id]
        if tariff in kept:
            return True
        if not tariffs.may_follow(tariff, kept[-1] if kept else None):
            return False
        kept.append(tariff)
        return True


class MemoryCommands:
    """Commands in a dict; they don't expire."""

    def __init__(self, told: MemoryEvents | None = None) -> None:
        self._told = told or MemoryEvents()
        self._commands: dict[str, Command] = {}
        self._lock = Lock()

    def add(self, command: Command) -> None:
        with self._lock:
            self._commands.setdefault(command.command_id, copy.deepcopy(command))

    def find(self, command_id: str) -> Command | None:
        return self._commands.get(command_id)

    def move(self, command_id: str, state: CommandState, **answer: Any) -> Command | None:
        with self._lock:
            command = self._commands.get(command_id)
            if command is None or command.state.is_final:
                return command
            moved = replace(command, state=state, **copy.deepcopy(answer))
            self._commands[command_id] = moved
            if (news := events.of_command(moved)) is not None:
                self._told.write(command.charge_point_id, [news], None)
            return moved

    def note(self, command_id: str, **facts: Any) -> None:
        with self._lock:
            command = self._commands.get(command_id)
            if command is not None:
                self._commands[command_id] = replace(command, **copy.deepcopy(facts))

    def of_charge_point(
        self, charge_point_id: str, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[Command]:
        its = [command for command in self._commands.values() if command.charge_point_id == charge_point_id]
        its.sort(key=_age, reverse=True)
        return [command for command in its if after is None or _age(command) < after][:limit]


class MemoryReports:
    """Reports in a dict; they don't expire."""

    def __init__(self, told: MemoryEvents | None = None) -> None:
        self._told = told or MemoryEvents()
        self._kept: dict[tuple[str, str], dict[str, Report]] = defaultdict(dict)

    def keep(self, charge_point_id: str, action: str, key: str, payload: dict[str, Any], at: datetime) -> None:
        news = events.of_report(action, key, payload)
        if news is not None and key not in self._kept[charge_point_id, action]:
            self._told.write(charge_point_id, [news], None)
        self._kept[charge_point_id, action][key] = Report(action, key, at, copy.deepcopy(payload))

    def of_charge_point(self, charge_point_id: str, action: str, prefix: str = "") -> Sequence[dict[str, Any]]:
        kept = self._kept.get((charge_point_id, action), {})
        return [kept[key].payload for key in sorted(kept) if key.startswith(prefix)]

    def of_all_actions(self, charge_point_id: str) -> list[Report]:
        """Everything of a charge point."""
        return [report for place, kept in self._kept.items() if place[0] == charge_point_id for report in kept.values()]


@dataclass(frozen=True, slots=True)
class Published:
    """What was given to `publish`."""

    charge_point_id: str
    frame: str
    route: Route
    epoch: int | None
    deadline: datetime | None
    expires_in_s: int


class MemoryOutbound:
    """An Outbound that remembers: `published`, and `evicted` as (gateway, charge point, epoch).

    `on_publish` is called after each publish: whatever is to happen at that moment.
    """

    def __init__(self) -> None:
        self.published: list[Published] = []
        self.evicted: list[tuple[str, str, int]] = []
        self.on_publish: Callable[[], object] = lambda: None

    def publish(
        self,
        charge_point_id: str,
        frame: str,
        route: Route,
        *,
        epoch: int | None = None,
        deadline: datetime | None = None,
        expires_in_s: int,
    ) -> None:
        self.published.append(Published(charge_point_id, frame, route, epoch, deadline, expires_in_s))
        self.on_publish()

    def evict(self, gateway: str, charge_point_id: str, epoch: int) -> None:
        self.evicted.append((gateway, charge_point_id, epoch))


class MemoryShadows:
    """Shadows that merge as AWS IoT does: objects deeply, everything else replaced, None removed."""

    def __init__(self) -> None:
        self.reported: dict[str, dict[str, Any]] = {}

    def report(self, charge_point_id: str, reported: dict[str, Any]) -> None:
        self.reported[charge_point_id] = _merged(self.reported.get(charge_point_id, {}), reported)


class MemoryShadowRepairs:
    """ShadowRepairs that remembers who `asked`, and which `links`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.links: list[tuple[str, int]] = []

    def ask(self, charge_point_id: str) -> None:
        self.asked.append(charge_point_id)

    def ask_link(self, gateway: str, link: int) -> None:
        self.links.append((gateway, link))


class MemoryDeferrals:
    """Deferrals that remembers what was put off, and by how much."""

    def __init__(self) -> None:
        self.records: list[tuple[str, int]] = []

    def put_off(self, records: Sequence[tuple[str, int]]) -> None:
        self.records += records


class MemoryDeadLetters:
    """DeadLetters that remembers what was `buried`: (queue, body, reason)."""

    def __init__(self) -> None:
        self.buried: list[tuple[str, str, str]] = []

    def bury(self, queue: str, body: str, reason: str) -> None:
        self.buried.append((queue, body, reason))


def _age(command: Command) -> tuple[datetime, str]:
    return command.created_at, command.command_id


def _merged(kept: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    merged = dict(kept)
    for name, value in news.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            under = kept.get(name)
            merged[name] = _merged(under if isinstance(under, dict) else {}, value)
        else:
            merged[name] = value
    return merged
