"""Which charge points are to be looked at when: a look finds those that are due, and passes by all others.

To look at each of 16,384 sessions twice a second pushes out of the processor's caches what frames need.
"""


class Wheel:
    """Slots of `slot_s` each. Keeps ids and no sessions: what has ended is not to live on in here."""

    def __init__(self, slot_s: float) -> None:
        self._slot_s = slot_s
        self._slots: dict[int, list[str]] = {}
        self._next = 0

    def __len__(self) -> int:
        """How many wishes are kept."""
        return sum(map(len, self._slots.values()))

    def put(self, charge_point_id: str, at: float) -> None:
        """Have it found at this time or up to a slot later, never before."""
        slot = max(int(at / self._slot_s) + 1, self._next)
        if slot in self._slots:
            self._slots[slot].append(charge_point_id)
        else:
            self._slots[slot] = [charge_point_id]

    def due(self, now: float) -> list[str]:
        """Whose time has come since the last look, on a clock that only grows."""
        last = int(now / self._slot_s)
        slots = sorted(slot for slot in self._slots if slot <= last)
        self._next = last + 1
        return [one for slot in slots for one in self._slots.pop(slot)]
