"""Refused handshakes, told to the rest of the house."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from gateway.refusals import Refusal, Refused
from gateway.refused import AT_ONCE, EVERY_S, QUIET, REMEMBERED, Episodes
from tests.gateway.house import house, until

NINE = datetime(2026, 11, 21, 9, 12, tzinfo=UTC)
WRONG = Refusal(401, "wrong_credentials", "The password is wrong.")
STORM = Refusal(503, "storm", "Too many at once.")


def refused(identity: str, at: datetime = NINE, refusal: Refusal = WRONG, peer: str = "10.0.0.1:5") -> Refused:
    return Refused(identity, at, peer, f"/ocpp/{identity}", ("ocpp1.6",), refusal)


class Ear:
    """Hears what is told."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def publish(self, topic: str, payload: bytes) -> bool:
        assert topic == "gateways/g1/refused"
        self.heard.append(payload)
        return True

    def told(self) -> list[list[dict[str, Any]]]:
        return [orjson.loads(raw)["refused"] for raw in self.heard]


def test_the_same_refusal_is_one_episode_that_grows() -> None:
    ear, episodes = Ear(), Episodes("g1")
    for minute in range(14):
        episodes.add(refused("CP1", NINE + timedelta(minutes=minute)))

    episodes.tell(ear.publish, 0)

    ((told,),) = ear.told()
    assert (told["identity"], told["reason"], told["count"]) == ("CP1", "wrong_credentials", 14)
    assert (told["firstAt"], told["lastAt"]) == ("2026-11-21T09:12:00.000Z", "2026-11-21T09:25:00.000Z")


def test_after_a_quiet_time_it_is_another_episode() -> None:
    ear, episodes = Ear(), Episodes("g1")
    episodes.add(refused("CP1"))
    episodes.add(refused("CP1", NINE + QUIET + timedelta(seconds=1)))

    episodes.tell(ear.publish, 0)

    assert [told["count"] for told in ear.told()[0]] == [1]


def test_the_first_is_told_at_once_and_more_only_now_and_then() -> None:
    ear, episodes = Ear(), Episodes("g1")
    for now in (0.0, 0.5, EVERY_S - 0.1, EVERY_S):
        episodes.add(refused("CP1"))
        episodes.tell(ear.publish, now)

    assert [told["count"] for (told,) in ear.told()] == [1, 4]


def test_nothing_is_told_twice() -> None:
    ear, episodes = Ear(), Episodes("g1")
    episodes.add(refused("CP1"))

    episodes.tell(ear.publish, 0)
    episodes.tell(ear.publish, EVERY_S)

    assert len(ear.told()) == 1


def test_in_a_storm_those_come_first_who_need_help() -> None:
    ear, episodes = Ear(), Episodes("g1")
    for number in range(AT_ONCE):
        episodes.add(refused(f"CP{number}", refusal=STORM))
    episodes.add(refused("CP-WRONG"))

    episodes.tell(ear.publish, 0)

    (told,) = ear.told()
    assert (len(told), told[0]["identity"]) == (AT_ONCE, "CP-WRONG")
    episodes.tell(ear.publish, EVERY_S)
    assert len(ear.told()[1]) == 1


def test_what_strangers_can_make_it_remember_and_tell_is_bounded() -> None:
    ear, episodes = Ear(), Episodes("g1")
    long = Refusal(404, "unknown", "x" * 10_000)
    for number in range(REMEMBERED + 10):
        offered = ("o" * 5_000,) * 50
        episodes.add(Refused(f"CP{number}", NINE, "10.0.0.1:5", "/" * 10_000, offered, long))

    episodes.tell(ear.publish, 0)

    (raw,) = ear.heard
    assert len(raw) < 128_000


def test_without_an_identity_the_address_tells_one_from_another() -> None:
    ear, episodes = Ear(), Episodes("g1")
    for peer in ("10.0.0.1:5", "10.0.0.1:6", "10.0.0.2:5"):
        episodes.add(refused("", peer=peer))

    episodes.tell(ear.publish, 0)

    assert [told["count"] for told in ear.told()[0]] == [2, 1]


async def test_a_gateway_tells_what_it_refused() -> None:
    async with house() as running:
        with pytest.raises(InvalidStatus):
            await running.connect("/ocpp/NOBODY")
        await until(lambda: running.events("refused"))

        (told,) = running.events("refused")
    assert [(one["identity"], one["reason"]) for one in told["refused"]] == [("NOBODY", "unknown")]
