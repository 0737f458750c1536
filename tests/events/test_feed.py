"""What the live feed tells, in which order, and from where a client goes on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory_events import MemoryEvents
from domain import events
from domain.events import Event, EventType, News
from events import feed
from events.feed import CursorError, Tail

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Stored(MemoryEvents):
    """Events in memory; those `hidden` are not in the index yet."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now)
        self.now = NOON
        self.hidden: set[str] = set()

    def tell(self, charge_point_id: str, partner: str | None = None, after: timedelta = SECOND) -> Event:
        self.now += after
        self.write(charge_point_id, [News(EventType.SECURITY_EVENT, {"n": len(self.all())})], partner)
        return list(self.of_charge_point(charge_point_id))[-1]

    def positions(self, begin: datetime, end: datetime, after: str = "") -> Iterator[str]:
        return (each for each in super().positions(begin, end, after) if each not in self.hidden)


def read(tail: Tail, stored: Stored) -> list[Event]:
    return list(tail.read(stored.now + SECOND))


def test_a_client_that_comes_back_gets_exactly_what_it_missed() -> None:
    stored = Stored()
    tail = Tail.since(stored, NOON)
    first = [stored.tell(f"CP-{n % 3}") for n in range(5)]
    had = [next(told) for told in [tail.read(stored.now + SECOND)] for _ in range(3)]

    again = Tail.after(stored, tail.cursor, stored.now)
    missed = read(again, stored)
    later = [stored.tell("CP-1") for _ in range(2)]

    assert had + missed == first
    assert read(again, stored) == later
    assert read(Tail.after(stored, again.cursor, stored.now), stored) == []


def test_a_client_begins_with_what_happens_after_it_came() -> None:
    stored = Stored()
    stored.tell("CP-1")

    tail = Tail.since(stored, stored.now + SECOND)
    after = stored.tell("CP-1", after=2 * SECOND)

    assert read(tail, stored) == [after]


def test_one_that_turns_up_late_is_told_late() -> None:
    stored = Stored()
    tail = Tail.since(stored, NOON)
    late, other = stored.tell("CP-1"), stored.tell("CP-2")
    stored.hidden.add(events.position(late))
    before = read(tail, stored)
    stored.hidden.clear()

    assert (before, read(tail, stored), read(tail, stored)) == ([other], [late], [])


def test_one_that_turns_up_while_a_client_is_away_is_not_lost() -> None:
    stored = Stored()
    tail = Tail.since(stored, NOON)
    late, other = stored.tell("CP-1"), stored.tell("CP-2")
    stored.hidden.add(events.position(late))
    assert read(tail, stored) == [other]
    stored.hidden.clear()

    # Which of them it was nobody knows: all of that minute are told again, and the client knows their ids.
    assert read(Tail.after(stored, tail.cursor, stored.now), stored) == [late, other]


def test_only_a_minute_of_positions_is_kept() -> None:
    stored = Stored()
    tail = Tail.since(stored, NOON)
    for _ in range(300):
        stored.tell("CP-1")

    assert len(read(tail, stored)) == 300
    assert int(tail.cursor.partition("~")[2]) == 61
    assert len(tail._told) == 61


@pytest.mark.parametrize(
    "cursor", ["", "yesterday", "2026-11-21T12:00:00.000Z", "2026-11-21T12:00:00.000Z#CP~1", "2099-01-01T00:00:00Z~0"]
)
def test_a_cursor_that_nobody_wrote_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError):
        Tail.after(Stored(), cursor, NOON)


def test_a_chunk_has_the_cursor_the_type_and_the_event_and_silence_is_broken() -> None:
    stored = Stored()
    event = stored.tell("CP-1", "acme")
    stored.tell("CP-2", "zeta")
    chunks = feed.stream(
        Tail.since(stored, NOON), lambda each: each.partner == "acme", None, lambda: stored.now, lambda: True
    )
    stored.now += 5 * SECOND

    first, told = next(chunks), next(chunks)
    stored.now += timedelta(seconds=15)
    quiet = next(chunks)

    assert first == b"retry: 2000\nid: 2026-11-21T12:00:00.000Z~0\n\n"
    id_, type_, data, *_ = told.decode().split("\n")
    assert id_ == f"id: {events.position(event)}~1"
    assert type_ == "event: security.event"
    assert data.startswith('data: {"id":"')
    assert quiet.startswith(b": nothing new\nid: 2026-11-21T12:00:02.000Z#CP-2#")


def test_of_one_charge_point_only_its_events_are_read() -> None:
    stored = Stored()
    stored.tell("CP-2")
    its = stored.tell("CP-1")
    found: list[str] = []
    at = stored.at

    def counted(positions: list[str]) -> Iterator[Event]:
        found.extend(positions)
        return at(positions)

    stored.at = counted  # type: ignore[method-assign, assignment]
    stored.now += 5 * SECOND
    chunks = feed.stream(Tail.since(stored, NOON), lambda _: True, "CP-1", lambda: stored.now, lambda: True)

    assert b"CP-1" in [next(chunks), next(chunks)][1]
    assert found == [events.position(its)]


def test_what_was_written_just_now_is_told_once_the_index_must_have_it() -> None:
    stored = Stored()
    begin = stored.now
    stored.tell("CP-1")
    asked: list[bool] = []

    def goes_on() -> bool:
        asked.append(True)
        stored.now += SECOND
        return len(asked) < 9

    chunks = feed.stream(Tail.since(stored, begin), lambda _: True, None, lambda: stored.now, goes_on)

    assert b"retry" in next(chunks)
    assert b"security.event" in next(chunks)
    assert len(asked) == 3  # two seconds, and until just before it
