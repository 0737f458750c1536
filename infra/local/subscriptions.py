"""The emulator's broker finds the subscribers of a topic by the topic.

It would hold every subscription of a gateway, one for each charge point, against every message: with a thousand charge
points that was more than all other work of the emulator.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

_published: ContextVar[str | None] = ContextVar("published", default=None)


class Subscriptions(dict[str, set[Any]]):
    """Subscribers by topic filter; while a message is published, its `values` are those that may match."""

    def __init__(self) -> None:
        super().__init__()
        self._wildcards: set[str] = set()

    def setdefault(self, topic_filter: str, subscribers: set[Any]) -> set[Any]:
        if "+" in topic_filter or "#" in topic_filter:
            self._wildcards.add(topic_filter)
        return super().setdefault(topic_filter, subscribers)

    def pop(self, topic_filter: str, default: Any = None) -> Any:
        self._wildcards.discard(topic_filter)
        return super().pop(topic_filter, default)

    def values(self) -> Iterable[set[Any]]:  # type: ignore[override]
        topic = _published.get()
        if topic is None:
            return super().values()
        return [self[each] for each in (topic, *self._wildcards) if each in self]


def find_subscribers_by_topic() -> None:
    """Make the broker of this process do so."""
    from ministack.services import iot

    # Private, hence the pinned version and a test.
    publish, scoped = iot.broker_publish, iot._scoped_topic

    async def publish_by_topic(account_id: str, region: str, topic: str, *others: Any, **more: Any) -> None:
        token = _published.set(scoped(account_id, region, topic))
        try:
            await publish(account_id, region, topic, *others, **more)
        finally:
            _published.reset(token)

    iot.broker_publish, iot._subscriptions = publish_by_topic, Subscriptions()
