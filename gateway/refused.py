"""Refused handshakes, told to the rest of the house, so that somebody who is nowhere near this process can ask why.

A charge point that is refused tries again for ever, so its refusals are told as one episode that grows: the same
identity, refused for the same reason, with less than `QUIET` in between. However many are refused, what is told is
bounded: `AT_ONCE` episodes every `EVERY_S` seconds, who has to be helped before those who only came at a bad time.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus

import orjson

from gateway.refusals import Refused
from ocppj import timestamps

EVERY_S = 10.0
AT_ONCE = 50  # of a kilobyte each: brokers take 128 KB
REMEMBERED = 1_000
QUIET = timedelta(minutes=15)
_LONGEST = 300  # characters of what strangers send
_COME_AGAIN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Episode:
    """The same refusal, again and again; `last` is the newest."""

    first_at: datetime
    count: int
    last: Refused

    def as_json(self) -> dict[str, object]:
        """The episode as it is told."""
        refused, refusal = self.last, self.last.refusal
        return {
            "identity": refused.identity,
            "reason": refusal.reason,
            "status": refusal.status,
            "text": refusal.text[: 2 * _LONGEST],
            "path": refused.path[:_LONGEST],
            "peer": refused.peer,
            "offered": [offered[:40] for offered in refused.offered[:10]],
            "count": self.count,
            "firstAt": timestamps.write(self.first_at),
            "lastAt": timestamps.write(refused.at),
        }


class Episodes:
    """Publishes on `gateways/<gateway>/refused`."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._known: OrderedDict[Key, Episode] = OrderedDict()
        self._untold: dict[Key, None] = {}
        self._told_at = -EVERY_S

    def add(self, refused: Refused) -> None:
        """A handshake was refused."""
        # Without an identity there is only the address to tell one from another.
        key = (refused.identity, refused.refusal.reason, "" if refused.identity else refused.peer.rpartition(":")[0])
        known = self._known.pop(key, None)
        if known is None or refused.at - known.last.at > QUIET:
            known = Episode(refused.at, 0, refused)
        self._known[key] = replace(known, count=known.count + 1, last=refused)
        self._untold[key] = None
        while len(self._known) > REMEMBERED:
            forgotten, _ = self._known.popitem(last=False)
            self._untold.pop(forgotten, None)

    def tell(self, publish: Callable[[str, bytes], bool], now: float) -> None:
        """Tell what is new, if it is time to; what `publish` does not take is told later."""
        if not self._untold or now - self._told_at < EVERY_S:
            return
        urgent = sorted(self._untold, key=lambda key: self._known[key].last.refusal.status in _COME_AGAIN)[:AT_ONCE]
        told = [self._known[key].as_json() for key in urgent]
        body = {"event": "refused", "gateway": self._gateway, "refused": told}
        if publish(f"gateways/{self._gateway}/refused", orjson.dumps(body)):
            self._told_at = now
            for key in urgent:
                del self._untold[key]
