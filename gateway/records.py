"""Rows of the registry as the door sees them: read in threads, judged, remembered for a few seconds."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

from domain.models import ChargePoint
from domain.ports import Admissions
from gateway import admission
from gateway.admission import Admitted, Policy
from gateway.gate import not_now
from gateway.handshake import Handshake
from gateway.refusals import Refusal, RefusedError
from gateway.threads import BusyError, Threads
from ocppj.versions import V16

P = ParamSpec("P")
T = TypeVar("T")

MOST_REMEMBERED = 10_000

_Remembered = tuple[ChargePoint, Callable[[ChargePoint], ChargePoint] | None, float]


class Records:
    """Decides by what the registry says.

    A charge point that comes back at once, as some do for hours, is let in by the row remembered; the write of its
    connect is conditional, so a row that changed meanwhile is found out. A row remembered never refuses anybody:
    what somebody has just set right counts at once.
    """

    def __init__(
        self,
        admissions: Admissions,
        threads: Threads,
        hashing: Threads,
        policy: Policy,
        remember_s: float,
        now: Callable[[], float],
    ) -> None:
        self._admissions = admissions
        self._threads = threads
        self._hashing = hashing  # its own threads: who guesses passwords must not keep the registry from being read
        self._policy = policy
        self._remember_s = remember_s
        self._now = now
        # A dict would look for its oldest entry behind all those that were taken out before it.
        self._rows: OrderedDict[str, _Remembered] = OrderedDict()

    async def admit(self, shaken: Handshake) -> tuple[ChargePoint, Admitted]:
        """The row, and what it admits. The row's id is the one that counts: in 2.x it may differ in case (G-13).

        Raises:
            RefusedError: it does not admit this charge point, or can't be asked.
        """
        remembered = self._recall(shaken.charge_point_id)
        verdict = await self._judge(shaken, remembered) if remembered is not None else None
        if remembered is not None and isinstance(verdict, Admitted):
            return remembered, verdict
        row = await _in_time(self._threads, self._admissions.find, shaken.charge_point_id)
        if row is None and shaken.version is not None and shaken.version.base is not V16:
            row = await _in_time(self._threads, self._admissions.find_in_any_case, shaken.charge_point_id)
        if verdict is None or row is None or _lean(row) != remembered:
            verdict = await self._judge(shaken, row)
        if row is None or isinstance(verdict, Refusal):
            self.forget(shaken.charge_point_id)
            raise RefusedError(verdict if isinstance(verdict, Refusal) else admission.unknown(shaken))
        self.keep(row)
        return row, verdict

    def keep(self, row: ChargePoint, change: Callable[[ChargePoint], ChargePoint] | None = None) -> None:
        """Remember a row as it is now, or as it is after this change: few come back, so it is made if one does."""
        self._rows.pop(row.charge_point_id, None)
        if self._remember_s:
            self._rows[row.charge_point_id] = _lean(row), change, self._now() + self._remember_s
        self._tidy()

    def forget(self, charge_point_id: str) -> None:
        """Read it again the next time."""
        self._rows.pop(charge_point_id, None)

    def __len__(self) -> int:
        """How many rows are remembered."""
        return len(self._rows)

    def _tidy(self) -> None:
        while self._rows:
            oldest = next(iter(self._rows))
            if len(self._rows) <= MOST_REMEMBERED and self._now() < self._rows[oldest][2]:
                return
            del self._rows[oldest]

    def _recall(self, charge_point_id: str) -> ChargePoint | None:
        row, change, until = self._rows.get(charge_point_id, (None, None, 0.0))
        if row is None or self._now() >= until:
            return None
        return row if change is None else change(row)

    async def _judge(self, shaken: Handshake, row: ChargePoint | None) -> Admitted | Refusal:
        if admission.is_slow(shaken, row):
            return await _in_time(self._hashing, admission.admit, shaken, row, self._policy)
        return admission.admit(shaken, row, self._policy)


def _lean(row: ChargePoint) -> ChargePoint:
    # What a charge point told of itself takes kilobytes, and decides nothing here.
    return replace(row, boot=None, connectors={}) if row.boot or row.connectors else row


async def _in_time(threads: Threads, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await threads.call(function, *args, **kwargs)
    except BusyError as error:
        raise RefusedError(not_now("registry_busy", f"The registry does not answer: {error}.")) from error
