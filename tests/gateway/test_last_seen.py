"""When charge points were seen last, as the registry is told."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory import MemoryRegistry
from domain.models import ChargePoint
from gateway.last_seen import LastSeen
from gateway.threads import Threads
from tests.gateway.house import House, closed, house, until

MINUTE = timedelta(minutes=1)


class Notes(MemoryRegistry):
    """Counts what is written down."""

    def __init__(self) -> None:
        super().__init__([ChargePoint("CP1"), ChargePoint("CP2")])
        self.noted: list[tuple[str, datetime]] = []

    def seen(self, charge_point_id: str, epoch: int, at: datetime) -> None:
        super().seen(charge_point_id, epoch, at)
        self.noted.append((charge_point_id, at))


class Clock:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def last_seen(here: House, notes: Notes, clock: Clock) -> LastSeen:
    return LastSeen(here.gateway.sessions, notes, Threads(0, 0, 1), clock)


def row_seen(notes: Notes, charge_point_id: str = "CP1") -> datetime | None:
    row = notes.find(charge_point_id)
    assert row is not None
    assert row.connection is not None
    return row.connection.last_seen


async def test_who_connects_was_seen_then() -> None:
    notes = Notes()
    async with house(admissions=notes) as here:
        began = datetime.now(UTC) - timedelta(seconds=1)
        await here.connect()
        seen = row_seen(notes)

        assert seen is not None
        assert began < seen < datetime.now(UTC)
        assert notes.noted == []


async def test_who_stays_is_written_down_once_in_six_hours() -> None:
    notes, clock = Notes(), Clock()
    async with house(admissions=notes) as here:
        await here.connect()
        await here.connect("/ocpp/CP2")
        looks, counts = last_seen(here, notes, clock), []
        for _ in range(13 * 60):
            clock.now += MINUTE
            await looks.note()
            counts.append(len(notes.noted))

        assert (counts[358], counts[360], counts[718], counts[-1]) == (0, 2, 2, 4)
        assert row_seen(notes) == notes.noted[-2][1]


class Spoilt(Notes):
    """Can't write down one of them."""

    def seen(self, charge_point_id: str, epoch: int, at: datetime) -> None:
        if charge_point_id == "CP1":
            raise ConnectionError("its partition is hot")
        super().seen(charge_point_id, epoch, at)


async def test_one_that_cannot_be_written_down_does_not_keep_the_others_from_it() -> None:
    notes, clock = Spoilt(), Clock()
    async with house(admissions=notes) as here:
        await here.connect()
        await here.connect("/ocpp/CP2")
        looks = last_seen(here, notes, clock)
        clock.now += 361 * MINUTE
        with pytest.raises(ConnectionError):
            await looks.note()
        await looks.note()

        assert [name for name, _ in notes.noted] == ["CP2"]


async def test_a_new_connection_begins_six_hours_anew() -> None:
    notes, clock = Notes(), Clock()
    async with house(admissions=notes) as here:
        await here.connect()
        looks = last_seen(here, notes, clock)
        clock.now += 361 * MINUTE
        await looks.note()
        old = here.gateway.sessions["CP1"]
        await here.connect()
        await until(lambda: here.gateway.sessions["CP1"] is not old)
        counts = []
        for minutes in (350, 365):
            clock.now = datetime.now(UTC) + minutes * MINUTE
            await looks.note()
            counts.append(len(notes.noted))

        assert counts == [1, 2]


async def test_the_end_tells_when_it_was_seen_last() -> None:
    async with house() as here:
        socket = await here.connect()
        await socket.ping()
        await socket.close()
        await closed(socket)
        await until(lambda: here.events("disconnected"))

        (event,) = here.events("disconnected")
        assert event["lastSeen"] <= event["at"]
