"""Who gets which events, in which order, how they are signed, and what a receiver that fails holds up: itself."""

import hashlib
import hmac
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from adapters.memory_events import MemoryBus, MemoryEvents, MemoryLanes, MemoryParking, MemoryWebhooks
from domain import webhooks
from domain.events import EventType, News
from domain.webhooks import NoLaneError, Webhook
from events import delivery
from events.delivery import SIGNATURE, Delivery
from events.ports import Ports

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def webhook(name: str, lane: int = 1, **others: Any) -> Webhook:
    return Webhook(name, f"https://{name}.example", f"secret of {name}", lane, NOON, **others)


@dataclass
class Desk:
    """Delivery in memory, and receivers that answer as they are told."""

    now: datetime = NOON
    events: MemoryEvents = field(default_factory=lambda: MemoryEvents(lambda: NOON))
    webhooks: MemoryWebhooks = field(default_factory=MemoryWebhooks)
    parking: MemoryParking = field(default_factory=MemoryParking)
    lanes: MemoryLanes = field(default_factory=MemoryLanes)
    bus: MemoryBus = field(default_factory=MemoryBus)
    status: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: 200))
    posted: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    told_of_parked: list[str] = field(default_factory=list)

    def ports(self) -> Ports:
        return Ports(
            self.events, self.webhooks, self.parking, self.lanes, self.bus, self._post, lambda: self.now,
            self.disabled.append, self.told_of_parked.append,
        )  # fmt: skip

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        said = orjson.loads(body)
        status = self.status[said.get("id", url)] if said.get("id") in self.status else self.status[url]
        if status == 200:
            self.posted.append((url, said, headers))
        return status

    def tell(self, charge_point_id: str, count: int = 1, partner: str | None = None) -> None:
        news = [News(EventType.SECURITY_EVENT, {"n": n}) for n in range(count)]
        self.events.write(charge_point_id, news, partner)

    def relay(self) -> list[Delivery]:
        before = len(self.lanes.sent)
        delivery.relay(self.events.all(), self.ports())
        sent = self.lanes.sent[before:]
        return [Delivery(str(n), name, event.charge_point_id, event.sequence) for n, (name, event) in enumerate(sent)]


def test_partners_get_their_own_events_and_never_each_others() -> None:
    desk = Desk(
        webhooks=MemoryWebhooks(webhook("acme", partner="acme"), webhook("zeta", 2, partner="zeta"), webhook("all", 3))
    )
    for name, partner in (("CP-1", "acme"), ("CP-2", "zeta"), ("CP-3", None)):
        desk.tell(name, partner=partner)

    desk.relay()

    got = defaultdict(list)
    for name, event in desk.lanes.sent:
        got[name].append(event.partner)
    assert got == {"acme": ["acme"], "zeta": ["zeta"], "all": ["acme", "zeta", None]}
    assert len(desk.bus.put_events) == 3


def test_a_webhook_gets_the_types_it_wants() -> None:
    desk = Desk(webhooks=MemoryWebhooks(webhook("w", types=("transaction.ended",))))
    desk.tell("CP-1")

    assert desk.relay() == []


def test_a_post_is_signed_so_that_its_receiver_can_tell() -> None:
    desk = Desk(webhooks=MemoryWebhooks(webhook("w")))
    desk.tell("CP-1")

    again = delivery.deliver(desk.relay(), desk.ports())

    _, body, headers = desk.posted[0]
    stamp, told = (part.split("=")[1] for part in headers[SIGNATURE].split(","))
    signed = f"{stamp}.".encode() + orjson.dumps(body)
    assert again == {}
    assert hmac.new(b"secret of w", signed, hashlib.sha256).hexdigest() == told
    assert (stamp, headers["X-Event-Id"]) == (str(int(NOON.timestamp())), body["id"])


def test_what_is_not_taken_comes_again_and_what_follows_it_waits_others_do_not() -> None:
    desk = Desk(webhooks=MemoryWebhooks(webhook("down"), webhook("up", 2)))
    desk.tell("CP-1", 2)
    desk.status["https://down.example"] = 500
    deliveries = desk.relay()

    again = delivery.deliver(deliveries, desk.ports())
    desk.status["https://down.example"] = 200
    later = delivery.deliver([each for each in deliveries if each.message_id in again], desk.ports())

    assert (again, later) == ({"0": 5, "1": 0}, {})
    got = defaultdict(list)
    for url, body, _ in desk.posted:
        got[url].append(body["data"]["n"])
    assert got == {"https://up.example": [0, 1], "https://down.example": [0, 1]}


def test_pauses_grow_to_a_quarter_of_an_hour() -> None:
    assert [webhooks.backoff_s(attempt) for attempt in (1, 2, 3, 8, 9, 999)] == [5, 10, 20, 640, 900, 900]


@pytest.mark.parametrize(("failing_h", "is_disabled"), [(23.9, False), (24, True)])
def test_a_webhook_that_takes_nothing_for_a_day_is_disabled(failing_h: float, is_disabled: bool) -> None:
    desk = Desk(webhooks=MemoryWebhooks(webhook("w", failing_since=NOON - timedelta(hours=failing_h))))
    desk.tell("CP-1")
    desk.status["https://w.example"] = 0

    again = delivery.deliver(desk.relay(), desk.ports())

    kept = desk.webhooks.find("w")
    assert kept is not None
    assert (kept.disabled_at == NOON, desk.disabled == ["w"], again == {}) == (is_disabled,) * 3
    assert (desk.relay() == []) is is_disabled


def test_one_that_takes_an_event_is_well_again_and_one_that_was_disabled_by_a_test() -> None:
    ill: dict[str, Any] = {"failing_since": NOON - timedelta(hours=30)}
    given_up = webhook("b", 2, disabled_at=NOON, **ill)
    desk = Desk(webhooks=MemoryWebhooks(webhook("a", **ill), given_up))
    desk.tell("CP-1")

    delivery.deliver(desk.relay(), desk.ports())
    tested = delivery.test(given_up, desk.ports())

    assert tested == 200
    assert {(each.failing_since, each.disabled_at) for each in desk.webhooks.all()} == {(None, None)}


def test_what_nobody_wants_any_more_is_dropped() -> None:
    desk = Desk(webhooks=MemoryWebhooks(webhook("w")))
    desk.tell("CP-1")
    deliveries = desk.relay()
    desk.webhooks.remove("w")

    assert delivery.deliver(deliveries, desk.ports()) == {}
    assert desk.posted == []


def test_each_webhook_has_a_lane_of_its_own_as_long_as_there_are_some() -> None:
    taken = [webhook(str(lane), lane) for lane in range(1, 5)]

    assert webhooks.free_lane(taken[:2] + taken[3:], 4) == 3
    assert webhooks.free_lane(taken, 5) == 5
    with pytest.raises(NoLaneError, match="there are 4 lanes"):
        webhooks.free_lane(taken, 4)


def test_a_test_does_not_make_a_webhook_well_that_takes_no_events() -> None:
    failing = webhook("w", failing_since=NOON - timedelta(hours=23))
    desk = Desk(webhooks=MemoryWebhooks(failing))

    assert delivery.test(failing, desk.ports()) == 200
    assert desk.webhooks.all() == [failing]


def refused(desk: Desk, deliveries: list[Delivery], hours: float, takes_others: bool) -> list[Delivery]:
    """Deliver every quarter of an hour for so long; what is left. Meanwhile another charge point has something, too."""
    for _ in range(int(hours * 4)):
        if takes_others:
            desk.webhooks.mark("w", None)
        again = delivery.deliver(deliveries, desk.ports())
        deliveries = [each for each in deliveries if each.message_id in again]
        desk.now += timedelta(minutes=15)
    return deliveries


def test_an_event_that_is_refused_while_others_are_taken_is_put_aside_and_what_follows_it_goes_on() -> None:
    desk = Desk(webhooks=MemoryWebhooks(webhook("w")))
    desk.tell("CP-1", 3)
    poison, *others = desk.events.all()
    desk.status[poison.id] = 500

    before = refused(desk, desk.relay(), 1, takes_others=True)
    after = refused(desk, before, 0.5, takes_others=True)

    assert (len(before), after) == (3, [])
    assert [body["id"] for _, body, _ in desk.posted] == [each.id for each in others]
    (parked,) = desk.parking.parked("w")
    assert (parked.event_id, parked.sequence, parked.status) == (poison.id, poison.sequence, 500)
    assert (parked.refused_since, desk.told_of_parked) == (NOON, ["w"])


def test_nothing_is_put_aside_while_a_webhook_takes_nothing_at_all() -> None:
    desk = Desk(webhooks=MemoryWebhooks(webhook("w")))
    desk.tell("CP-1", 2)
    desk.status["https://w.example"] = 500

    assert len(refused(desk, desk.relay(), 23, takes_others=False)) == 2
    assert (desk.parking.parked("w"), desk.disabled) == ([], [])


def test_what_was_put_aside_is_sent_by_a_redelivery_and_no_longer_shown() -> None:
    desk = Desk(webhooks=MemoryWebhooks(webhook("w")))
    desk.tell("CP-1")
    (poison,) = desk.events.all()
    desk.status[poison.id] = 500
    refused(desk, desk.relay(), 1.5, takes_others=True)
    assert len(desk.parking.parked("w")) == 1

    desk.lanes.sent.clear()
    delivery.relay([poison], desk.ports(), "again", "w")

    assert desk.parking.parked("w") == []
    assert desk.lanes.sent == [("w", poison)]
