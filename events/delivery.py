"""From the table to the world: each stored event to EventBridge and into the lanes of webhooks, from there to them.

All of it may happen twice, and in the order of a charge point: who gets events tells repeats by their id.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import structlog

from domain import parking, webhooks
from domain.events import Event
from domain.parking import Parked
from domain.webhooks import Webhook
from events.ports import Ports

log = structlog.get_logger(__name__)

SIGNATURE = "X-Signature"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of a lane: which event is to go to which webhook. `attempt` counts from 1."""

    message_id: str
    webhook_id: str
    charge_point_id: str
    sequence: int
    attempt: int = 1


def relay(stored: Sequence[Event], ports: Ports, again: str = "", only: str | None = None) -> None:
    """Hand events on to all who want them, in their order; or to one webhook only.

    Raises:
        LaneError: somebody did not take them; the same events may be relayed again.
    """
    if only is None:
        ports.bus.put(list(stored))
    for webhook in ports.webhooks.all():
        its = [event for event in stored if webhook.wanted.takes(event)]
        if its and webhook.disabled_at is None and only in (None, webhook.webhook_id):
            if again:
                _take_from_parking(webhook, its, ports)
            ports.lanes.send(webhook, its, again)


def _take_from_parking(webhook: Webhook, again: Sequence[Event], ports: Ports) -> None:
    parked = {each.event_id for each in ports.parking.parked(webhook.webhook_id)}
    for event in again:
        if event.id in parked:
            ports.parking.take(webhook.webhook_id, event)


def deliver(deliveries: Sequence[Delivery], ports: Ports) -> dict[str, int]:
    """Post what is in a lane; returns what must come again, by message id, and in how many seconds.

    Where one was not taken, what follows it of the same charge point waits.
    """
    again: dict[str, int] = {}
    waiting: set[tuple[str, str]] = set()
    for delivery in deliveries:
        line = (delivery.webhook_id, delivery.charge_point_id)
        if line in waiting:
            again[delivery.message_id] = 0
        elif not _is_done(delivery, ports):
            waiting.add(line)
            again[delivery.message_id] = webhooks.backoff_s(delivery.attempt)
    return again


def test(webhook: Webhook, ports: Ports) -> int:
    """Post a test to a webhook; the status, 0 for no answer. One that takes it is no longer disabled.

    Whether it takes events is for events to show: since when it fails stays as it is.
    """
    status = _post(webhook, orjson.dumps({"type": "webhook.test", "webhookId": webhook.webhook_id}), "test", ports)
    if _is_taken(status) and webhook.disabled_at is not None:
        ports.webhooks.mark(webhook.webhook_id, None)
    return status


def _is_done(delivery: Delivery, ports: Ports) -> bool:
    webhook = ports.webhooks.find(delivery.webhook_id)
    event = ports.events.find(delivery.charge_point_id, delivery.sequence)
    if webhook is None or webhook.disabled_at is not None or event is None or not webhook.wanted.takes(event):
        log.info("not delivered, nobody wants it any more", webhook_id=delivery.webhook_id)
        return True
    status = _post(webhook, orjson.dumps(event.as_json()), event.id, ports)
    if _is_taken(status):
        if webhook.failing_since is not None:
            ports.webhooks.mark(webhook.webhook_id, None)
        return True
    return _is_given_up(webhook, delivery, status, ports) or _is_parked(webhook, event, status, ports)


def _is_given_up(webhook: Webhook, delivery: Delivery, status: int, ports: Ports) -> bool:
    now = ports.clock()
    told = {"webhook_id": webhook.webhook_id, "status": status, "charge_point_id": delivery.charge_point_id}
    if webhooks.is_given_up(webhook, now):
        ports.webhooks.mark(webhook.webhook_id, webhook.failing_since, now)
        ports.on_disabled(webhook.webhook_id)
        log.error("webhook disabled: it has taken nothing for 24 hours", **told)
        return True
    if webhook.failing_since is None:
        ports.webhooks.mark(webhook.webhook_id, now)
    log.warning("webhook did not take an event, it comes again", attempt=delivery.attempt, **told)
    return False


def _is_parked(webhook: Webhook, event: Event, status: int, ports: Ports) -> bool:
    now = ports.clock()
    since = ports.parking.refused_since(webhook.webhook_id, event, now)
    if not parking.is_to_be_parked(webhook, since, now):
        return False
    its = (webhook.webhook_id, event.id, event.charge_point_id, event.sequence, str(event.type))
    ports.parking.park(Parked(*its, status, since, now))
    ports.on_parked(webhook.webhook_id)
    told = {"webhook_id": webhook.webhook_id, "status": status, "charge_point_id": event.charge_point_id}
    log.error("event parked: its webhook refuses it and takes others", event_id=event.id, **told)
    return True


def _post(webhook: Webhook, body: bytes, event_id: str, ports: Ports) -> int:
    headers = {
        "Content-Type": "application/json",
        "X-Event-Id": event_id,
        SIGNATURE: webhooks.signature(webhook.secret, body, ports.clock()),
    }
    return ports.post(webhook.url, body, headers)


def _is_taken(status: int) -> bool:
    return 200 <= status < 300
