"""The live feed: what is stored, as it is stored, as Server-Sent Events; a client goes on where it was.

    tail = Tail.since(events, begin)        # or Tail.after(events, last_event_id, now)
    for chunk in stream(tail, wanted, charge_point_id, now, goes_on): ...

A client is told in the order of `domain.events.position`. Who writes an event says its time, and the index follows
later, so nothing younger than SETTLED is told, and what turns up within LATE is told late. The id of each chunk is a
cursor: the newest position, and how many stood in the LATE before it. Who comes back with it gets what follows; if
more stand there by now, all of these are told again, so that none is missing. Nothing is kept but these positions.
"""

import itertools
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Self

import orjson

from domain import events
from domain.events import Event, Events
from ocppj import timestamps

SETTLED = timedelta(seconds=2)
LATE = timedelta(seconds=60)
HEARTBEAT = timedelta(seconds=15)
RETRY_MS = 2_000

_OLDEST = timedelta(days=400)  # more than events are kept
_BATCH = 100


class CursorError(ValueError):
    """Nobody wrote this cursor."""


class Tail:
    """Reads on in the events of all charge points."""

    def __init__(self, stored: Events, newest: str, told: list[str]) -> None:
        self._events = stored
        self._newest = newest
        self._told = told  # in the LATE before the newest, sorted

    @classmethod
    def since(cls, stored: Events, begin: datetime) -> Self:
        """Begin at a time."""
        return cls(stored, timestamps.write(begin), list(stored.positions(begin - LATE, begin)))

    @classmethod
    def after(cls, stored: Events, cursor: str, now: datetime) -> Self:
        """Go on after a cursor.

        Raises:
            CursorError: it is none.
        """
        newest, _, count = cursor.partition("~")
        try:
            at, known = _time(newest), int(count)
            if "#" in newest:
                events.place(newest)
        except ValueError as error:
            raise CursorError(cursor) from error
        if at > now:
            raise CursorError(cursor)
        found = stored.positions(at - LATE, at + timedelta(milliseconds=1))
        told = [each for each in found if each <= newest]
        return cls(stored, newest, told if len(told) == known else [])

    @property
    def cursor(self) -> str:
        """Where it is."""
        known = bisect_right(self._told, self._newest) - bisect_left(self._told, self._lowest())
        return f"{self._newest}~{known}"

    def read(self, until: datetime, is_wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Event]:
        """What is new and before `until`; the cursor moves with each event that is taken."""
        begin = max(_time(self._newest), until - _OLDEST) - LATE
        found = self._events.positions(begin, until)
        fresh = (each for each in found if not self._is_told(each))
        while batch := list(itertools.islice(fresh, _BATCH)):
            wanted = [each for each in batch if is_wanted(each)]
            whole = {events.position(event): event for event in self._events.at(wanted)} if wanted else {}
            for each in batch:
                self._note(each)
                if each in whole:
                    yield whole[each]

    def _is_told(self, position: str) -> bool:
        place = bisect_left(self._told, position)
        return place < len(self._told) and self._told[place] == position

    def _note(self, position: str) -> None:
        insort(self._told, position)
        if position > self._newest:
            self._newest = position
            del self._told[: bisect_left(self._told, self._lowest())]

    def _lowest(self) -> str:
        return timestamps.write(_time(self._newest) - LATE)


def stream(
    tail: Tail,
    wanted: Callable[[Event], bool],
    charge_point_id: str | None,
    now: Callable[[], datetime],
    goes_on: Callable[[], bool],
) -> Iterator[bytes]:
    """The chunks of an answer; a comment where there was nothing for HEARTBEAT. `goes_on` waits, and says no to end."""

    def is_wanted(position: str) -> bool:
        return charge_point_id is None or events.place(position)[0] == charge_point_id

    yield f"retry: {RETRY_MS}\nid: {tail.cursor}\n\n".encode()
    said_at = now()
    is_first = True
    while is_first or goes_on():
        is_first = False
        # None is the end of what there is: there, and on the way, silence is broken.
        for event in itertools.chain(tail.read(now() - SETTLED, is_wanted), (None,)):
            is_silent = now() - said_at >= HEARTBEAT
            if event is not None and wanted(event):
                said_at = now()
                yield _chunk(event, tail.cursor)
            elif is_silent:
                said_at = now()
                yield f": nothing new\nid: {tail.cursor}\n\n".encode()


def _chunk(event: Event, cursor: str) -> bytes:
    return f"id: {cursor}\nevent: {event.type}\ndata: ".encode() + orjson.dumps(event.as_json()) + b"\n\n"


def _time(position: str) -> datetime:
    return timestamps.parse(position.partition("#")[0])
