"""Network connection profiles of 2.x (part 2, B09 and B10): which one is used, and which one is next.

A charging station tries them in the order of NetworkConfigurationPriority when it boots. One that can't be reached so
many times in a row gives way to the next, and the one it got through with stays until the next boot.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

SLOTS = (1, 2)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Network:
    """Where to connect, and as whom; what is None is what the charge point was started with."""

    security_profile: int = 0
    url: str | None = None
    identity: str | None = None
    password: bytes | None = None


@dataclass(slots=True)
class Networks:
    """The profiles of one charge point; `hosts` is where they may lead beside this machine.

    One that `is_bound` stays where it was told to connect, whatever its profiles say: a fleet's members do.
    """

    slots: dict[int, Network]
    order: list[int] = field(default_factory=lambda: [1])
    active: int = 1
    hosts: frozenset[str] = frozenset()
    is_bound: bool = True
    failures: int = 0

    @property
    def now(self) -> Network:
        """The profile to connect with."""
        return self.slots[self.active]

    def may_lead_to(self, url: str) -> bool:
        """Whether a profile may have this URL: nobody else's machine is knocked at because a CSMS says so."""
        return (urlsplit(url).hostname or "") in LOOPBACK | self.hosts

    def begin(self, priority: list[str]) -> None:
        """Boot: start with the first of this order that there is."""
        if self.is_bound:
            return
        known = [int(slot) for slot in priority if slot.isdecimal() and int(slot) in self.slots]
        self.order = known or self.order
        self.active, self.failures = self.order[0], 0

    def try_first(self, slot: int, network: Network) -> None:
        """Connect with this from now on, or as before if that can't be reached."""
        self.slots[slot] = network
        self.order, self.active, self.failures = [slot, self.active], slot, 0

    def got_through(self, *, is_final: bool) -> None:
        """A connection came about; the only one to try from now on, if it is final."""
        self.failures = 0
        if is_final:
            self.order = [self.active]

    def failed(self, attempts: int) -> bool:
        """A connection that did not come about; says whether that makes another profile the one to try."""
        self.failures += 1
        if self.failures < max(1, attempts) or len(self.order) < 2:
            return False
        self.failures = 0
        at = self.order.index(self.active) + 1 if self.active in self.order else 0
        self.active = self.order[at % len(self.order)]
        return True
