"""The pool of MQTT links: which charge point is carried by which, and whether the broker is there at all.

Link 0 is the control link: it carries no charge points, and it alone has the last will. A charge point stays on one
link for the life of its socket, so its order is kept; of the links with room it gets the one with the lowest rate. A
newer socket of the same charge point gets the same link: then a takeover changes nothing at the broker and no message
arrives twice.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import orjson
import structlog

from domain.ports import Link, Message
from ocppj import topics

CONTROL = 0
MAX_KEPT = 32
EVICT_ALL = "gateways/all/evict"
MEASURED_S = 60.0
WEIGHED_S = 10.0

log = structlog.get_logger()

# (number, last will, who hears of its connects and losses) -> a link, not running yet
MakeLink = Callable[[int, tuple[str, bytes] | None, Callable[[bool], None]], Link]


_READY = asyncio.Event()
_READY.set()


class BrokerLostError(Exception):
    """No link to the broker is up: nobody can be carried now."""


class Lag:
    """How long the broker takes to acknowledge what it is sent; one message at a time is measured."""

    __slots__ = ("_clock", "_last_s", "_since")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._last_s = 0.0

    @property
    def seconds(self) -> float:
        """As measured last, or what it is at least if the broker takes longer now."""
        waiting_s = self._clock() - self._since if self._since is not None else 0.0
        return max(self._last_s, waiting_s)

    def begin(self) -> Callable[[], None] | None:
        """What is to be called when the next message is acknowledged, if that one is to be measured."""
        now = self._clock()
        # A message that was refused, or not taken, is never acknowledged.
        if self._since is not None and now - self._since < MEASURED_S:
            return None
        self._since = now
        return self._end

    def forget(self) -> None:
        """The message was not sent."""
        self._since = None

    def _end(self) -> None:
        if self._since is not None:
            self._last_s, self._since = self._clock() - self._since, None


class Hearer(Protocol):
    """Who takes the messages for a charge point."""

    def on_message(self, message: Message) -> None:
        """One came."""


@dataclass(slots=True, eq=False)
class PooledLink:
    """One link and how many charge points it carries; `has_been_up` tells one that starts from one that was lost."""

    number: int
    link: Link
    lag: Lag
    places: int = 0
    has_been_up: bool = False
    published: int = 0  # frames of charge points
    losses: int = 0  # how often it was up and then not
    rate: float = 0.0  # frames a second, when it was weighed last
    newcomers: int = 0  # since then
    weighed: int = 0  # what was published by then


@dataclass(slots=True, eq=False)
class Place:
    """A charge point's place on a link; `ready` once its topic is subscribed.

    What comes for the charge point is its `session`'s. While `kept` is a list, messages that come before there is a
    session to take them are kept in it. `evicted` is the newest epoch that was told to go: its handshake may not be
    over yet.
    """

    charge_point_id: str
    pooled: PooledLink
    holders: int = 1
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[Message] | None = None
    evicted: int = 0
    session: Hearer | None = None

    def on_message(self, message: Message) -> None:
        """A message for the charge point."""
        if self.session is not None:
            self.session.on_message(message)
        elif self.kept is not None and len(self.kept) < MAX_KEPT:
            self.kept.append(message)

    def open(self) -> None:
        """Say that it is ready; for good, with an event all places share: one of its own takes 800 bytes."""
        self.ready.set()
        self.ready = _READY

    @property
    def link(self) -> Link:
        return self.pooled.link

    @property
    def number(self) -> int:
        return self.pooled.number


class LinkPool:
    """The gateway's links; grows by one whenever all that are up are full."""

    def __init__(self, gateway: str, make_link: MakeLink, charge_points_per_link: int) -> None:
        self._gateway = gateway
        self._make_link = make_link
        self._capacity = charge_points_per_link
        self._links: list[PooledLink] = []
        self._places: dict[str, Place] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._closed = asyncio.Event()
        self._is_closing = False
        self._weighed_at = 0.0
        self._rate_each = 0.0  # of a charge point
        self.lost_at: float | None = None  # since when (loop time) no link is up; None while one is, or none ever was

    @property
    def is_connected(self) -> bool:
        """Whether any link is up."""
        return any(pooled.link.is_connected for pooled in self._links)

    @property
    def control(self) -> Link:
        """The link that carries no charge points."""
        return self._links[CONTROL].link

    @property
    def links(self) -> list[PooledLink]:
        """All links, by number."""
        return self._links

    async def run(
        self,
        on_evict: Callable[[str, int], None],
        hears_all: bool = False,
        hears: Mapping[str, Callable[[Message], None]] = MappingProxyType({}),
    ) -> None:
        """Keep the links connected until `close`; `on_evict(charge point, epoch)` hears of takeovers elsewhere.

        `hears_all`: also of those that nobody knows to be this gateway's business. `hears`: who hears what else.
        """
        async with asyncio.TaskGroup() as self._tasks:
            control = self._open((f"gateways/{self._gateway}/down", _down(self._gateway))).link
            for topic in (f"gateways/{self._gateway}/evict", *([EVICT_ALL] if hears_all else [])):
                control.subscribe(topic, lambda message: _evict(message, on_evict))
            for topic, on_message in hears.items():
                control.subscribe(topic, on_message)
            self._open()
            await self._closed.wait()

    async def close(self, flush_s: float) -> None:
        """Flush and end all links, the control link last."""
        self._is_closing = True  # nobody lost a broker that we leave
        await asyncio.gather(*[pooled.link.close(flush_s) for pooled in self._links[1:]])
        for pooled in self._links[:1]:
            await pooled.link.close(flush_s)
        self._closed.set()

    def take(self, charge_point_id: str) -> Place:
        """A place for a charge point, to be given back; await its `ready` before promising anything.

        Raises:
            BrokerLostError: no link is up.
        """
        if not self.is_connected:
            raise BrokerLostError
        place = self._places.get(charge_point_id)
        if place is not None:
            place.holders += 1
            return place
        pooled = self._least_loaded()
        pooled.places += 1
        pooled.newcomers += 1
        place = self._places[charge_point_id] = Place(charge_point_id, pooled)
        pooled.link.subscribe(topics.outbound(charge_point_id), place.on_message, place.open)
        return place

    def evict(self, charge_point_id: str, epoch: int) -> None:
        """Remember it for whoever is about to open a session."""
        place = self._places.get(charge_point_id)
        if place is not None:
            place.evicted = max(place.evicted, epoch)

    def give_back(self, place: Place) -> None:
        """The last one who gives a place back ends its subscription."""
        place.holders -= 1
        if place.holders == 0:
            place.pooled.places -= 1
            del self._places[place.charge_point_id]
            place.link.unsubscribe(topics.outbound(place.charge_point_id))

    def weigh(self, now: float) -> None:
        """See how busy each link is, if it is time again; who comes before the next time counts as an average one."""
        since_s = now - self._weighed_at
        if since_s < WEIGHED_S:
            return
        self._weighed_at = now
        for pooled in self._links:
            pooled.rate = (pooled.published - pooled.weighed) / since_s
            pooled.weighed, pooled.newcomers = pooled.published, 0
        self._rate_each = sum(pooled.rate for pooled in self._links) / max(1, len(self._places))

    def _least_loaded(self) -> PooledLink:
        roomy = [pooled for pooled in self._links[1:] if pooled.places < self._capacity]
        up = [pooled for pooled in roomy if pooled.link.is_connected]
        starting = [pooled for pooled in roomy if not pooled.has_been_up]
        candidates = up or starting
        return min(candidates, key=self._load) if candidates else self._open()

    def _load(self, pooled: PooledLink) -> tuple[float, int]:
        return pooled.rate + pooled.newcomers * self._rate_each, pooled.places

    def _open(self, will: tuple[str, bytes] | None = None) -> PooledLink:
        number = len(self._links)
        link = self._make_link(number, will, lambda is_up: self._on_state(number, is_up))
        pooled = PooledLink(number, link, Lag(asyncio.get_running_loop().time))
        self._links.append(pooled)
        if self._tasks is not None:
            self._tasks.create_task(link.run(), name=f"link-{number}")
        return pooled

    def _on_state(self, number: int, is_up: bool) -> None:
        pooled = self._links[number]
        pooled.losses += pooled.has_been_up and not is_up and not self._is_closing
        pooled.has_been_up |= is_up
        if is_up or self.is_connected:
            if self.lost_at is not None:
                log.info("broker is back", gateway=self._gateway)
            self.lost_at = None
        elif self.lost_at is None and not self._is_closing:
            self.lost_at = asyncio.get_running_loop().time()
            log.warning("broker lost: no link is up", gateway=self._gateway)


def _down(gateway: str) -> bytes:
    return orjson.dumps({"event": "down", "gateway": gateway})


def _evict(message: Message, on_evict: Callable[[str, int], None]) -> None:
    try:
        order = orjson.loads(message.payload)
        charge_point_id, epoch = str(order["id"]), int(order["epoch"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        log.warning("evict message not understood", payload=message.payload[:200])
        return
    on_evict(charge_point_id, epoch)
