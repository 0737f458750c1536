"""Whom somebody watches: with Basic Ingest their frames pass `<id>/in`, where they can be heard.

Whoever watches says so on `gateways/all/watch`, {id, seconds}, again and again as long as it does. The frames of that
charge point then go to the rule by `<id>/in` instead of directly: published on both, each would be processed twice.
"""

from collections.abc import Callable, Mapping

import orjson
import structlog

from domain.ports import Message
from gateway.connection import Session

MOST_WATCHED = 100  # what is asked for beyond is not granted: it costs messages
LONGEST_S = 300.0

log = structlog.get_logger()


class Watched:
    """Who is watched, and until when."""

    def __init__(self, rule: str, sessions: Mapping[str, Session], now: Callable[[], float]) -> None:
        self._rule = rule
        self._sessions = sessions
        self._now = now
        self._until: dict[str, float] = {}

    def rule_of(self, charge_point_id: str) -> str:
        """The rule that takes its frames directly; none while it is watched."""
        return "" if charge_point_id in self._until else self._rule

    def on_message(self, message: Message) -> None:
        """Somebody watches."""
        try:
            wish = orjson.loads(message.payload)
            charge_point_id, seconds = str(wish["id"]), wish["seconds"] + 0.0
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            log.warning("watch message not understood", payload=message.payload[:200])
            return
        is_new = charge_point_id not in self._until
        if is_new and len(self._until) >= MOST_WATCHED:
            log.warning("too many are watched", charge_point_id=charge_point_id, watched=len(self._until))
            return
        self._until[charge_point_id] = self._now() + min(max(seconds, 0.0), LONGEST_S)
        if is_new:
            self._have_go_by(charge_point_id, "")

    def forget_old(self) -> None:
        """Forget those whom nobody watches any more."""
        if not self._until:
            return
        now = self._now()
        for charge_point_id in [each for each, until in self._until.items() if until <= now]:
            del self._until[charge_point_id]
            self._have_go_by(charge_point_id, self._rule)

    def _have_go_by(self, charge_point_id: str, rule: str) -> None:
        session = self._sessions.get(charge_point_id)
        if session is not None:
            session.go_by(rule)
