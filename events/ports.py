"""What delivering events needs of the world."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.events import Events
from domain.parking import Parking
from domain.webhooks import Bus, Lanes, Webhooks

Post = Callable[[str, bytes, dict[str, str]], int]  # url, body, headers: the status, 0 for no answer


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports and a clock; `on_disabled` hears of a webhook that was given up, `on_parked` of one that refuses."""

    events: Events
    webhooks: Webhooks
    parking: Parking
    lanes: Lanes
    bus: Bus
    post: Post
    clock: Callable[[], datetime]
    on_disabled: Callable[[str], None] = lambda webhook_id: None
    on_parked: Callable[[str], None] = lambda webhook_id: None
