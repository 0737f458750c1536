"""IoT things in memory: for tests."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any


class MemoryThings:
    """Things by name; `created` remembers who was asked for, in order."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._numbers = count(1)
        self.ids = {name: f"thing-{name}-{next(self._numbers)}" for name in names}
        self.created: list[str] = []

    def create(self, charge_point_id: str) -> str:
        self.created.append(charge_point_id)
        return self.ids.setdefault(charge_point_id, f"thing-{charge_point_id}-{next(self._numbers)}")

    def find(self, charge_point_id: str) -> str | None:
        return self.ids.get(charge_point_id)

    def names(self) -> Iterator[str]:
        yield from list(self.ids)

    def delete(self, charge_point_id: str) -> None:
        self.ids.pop(charge_point_id, None)

    def shadow(self, charge_point_id: str) -> dict[str, Any] | None:
        return None
