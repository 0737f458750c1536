"""Many rows at once, in memory: for tests."""

from collections.abc import Mapping, Sequence

from adapters.memory import MemoryRegistry
from domain.models import ChargePoint


class MemoryRegistrations:
    """Registrations of a MemoryRegistry."""

    def __init__(self, registry: MemoryRegistry) -> None:
        self._registry = registry

    def add(self, rows: Sequence[ChargePoint]) -> set[str]:
        return {row.charge_point_id for row in rows if self._registry.add(row)}

    def fill_in(self, thing_ids: Mapping[str, str]) -> None:
        for charge_point_id, thing_id in thing_ids.items():
            self._registry.add(ChargePoint(charge_point_id, thing_id=thing_id))
