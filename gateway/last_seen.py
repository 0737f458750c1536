"""Keeps in the registry, now and then, that who is connected for long is still there.

When a charge point was seen last is known in memory, and written with the disconnect. A write a minute for each would
cost more than all else, so who stays connected is written down once in six hours; a gateway that dies takes no more
than that with it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from domain.models import Connection
from domain.ports import Admissions
from gateway.connection import Session
from gateway.threads import Threads

EVERY = timedelta(hours=6)
LOOK_S = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Note:
    connection: Connection
    at: datetime


class LastSeen:
    """Writes down who is due, one after the other: who connected together must not all be written at once."""

    def __init__(
        self,
        sessions: Mapping[str, Session],
        admissions: Admissions,
        threads: Threads,
        utc: Callable[[], datetime],
    ) -> None:
        self._sessions = sessions
        self._admissions = admissions
        self._threads = threads
        self._utc = utc
        self._notes: dict[str, _Note] = {}  # only of those who are connected for so long

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.note()
            except Exception:  # the outermost loop: whatever the registry's client raises, the next look may do
                log.exception("last seen not written", noted=len(self._notes))

    async def note(self) -> None:
        """Write down everybody who is due now."""
        self._notes = {name: note for name, note in self._notes.items() if self._is_here(name, note)}
        for session in [session for session in self._sessions.values() if self._is_due(session)]:
            connection, seen = session.connection, session.last_seen
            # Before it is written: one that can't be would be the first to be tried at the next look, and the next.
            self._notes[session.charge_point_id] = _Note(connection, self._utc())
            await self._threads.call(self._admissions.seen, session.charge_point_id, connection.epoch, seen)

    def _is_here(self, name: str, note: _Note) -> bool:
        session = self._sessions.get(name)
        return session is not None and session.connection is note.connection

    def _is_due(self, session: Session) -> bool:
        noted = self._notes.get(session.charge_point_id)
        return self._utc() - (noted.at if noted is not None else session.connection.connected_at) >= EVERY
