"""What a person sees while a fleet runs: a table that lives on a terminal, and plain lines everywhere else."""

from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from charge_point_sim.fleet import Moment
from charge_point_sim.plan import Plan
from charge_point_sim.tally import Histogram

EVERY_S = 10  # seconds between two plain lines
WINDOW_S = 10  # percentiles on the terminal are of the last so many seconds
_WORST = 6  # kinds of errors that are shown


class View:
    """Shows moments as they come."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console = console
        self._plan = plan
        self._recent: list[Moment] = []
        self._errors: Counter[str] = Counter()
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, moment: Moment) -> None:
        """One more second has passed."""
        self._recent = [*self._recent[-WINDOW_S + 1 :], moment]
        self._errors.update(moment.tick.errors)
        if self._live:
            self._live.update(self._table(moment), refresh=True)
        elif moment.tick.second % EVERY_S == 0:
            self._console.print(self._line(moment), soft_wrap=True, highlight=False)

    def _table(self, moment: Moment) -> Table:
        table = Table(title=f"{self._plan.scenario}, {moment.tick.second} of {self._plan.duration_s:.0f} s", box=None)
        for name in ("connected", "sessions", "frames/s", "p50", "p99", "errors", "memory"):
            table.add_column(name, justify="right")
        table.add_row(*self._cells(moment).values())
        for kind, number in self._errors.most_common(_WORST):
            table.add_row("", "", "", "", "", str(number), kind)
        return table

    def _line(self, moment: Moment) -> str:
        cells = self._cells(moment)
        worst = ", ".join(f"{kind} x{number}" for kind, number in self._errors.most_common(_WORST))
        words = " ".join(f"{name.replace('/', '_per_')}={value}" for name, value in cells.items())
        return f"{moment.tick.second:5} s {words}" + (f" ({worst})" if worst else "")

    def _cells(self, moment: Moment) -> dict[str, str]:
        tick = moment.tick
        latency = Histogram()
        for recent in self._recent:
            latency.merge(recent.tick.latency)
        frames = sum(recent.tick.frames_in + recent.tick.frames_out for recent in self._recent) / len(self._recent)
        return {
            "connected": f"{tick.connected}/{self._plan.count}",
            "sessions": str(tick.sessions),
            "frames/s": f"{frames:.0f}",
            "p50": milliseconds(latency.percentile_s(0.5)),
            "p99": milliseconds(latency.percentile_s(0.99)),
            "errors": str(self._errors.total()),
            "memory": f"{tick.rss_bytes / 2**20:.0f} MiB",
        }


def milliseconds(seconds: float | None) -> str:
    """`12.3 ms`, or a dash for nothing."""
    return "-" if seconds is None else f"{seconds * 1000:.1f}ms"
