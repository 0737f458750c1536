"""What the gateway counts. Hot paths add to plain integers; Prometheus is told when it asks.

The names are those other OCPP systems use. No label ever names a charge point.
"""

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from gateway.gate import Pulse
from gateway.links import PooledLink
from ocppj import schemas
from ocppj.terms import Direction, Tally
from ocppj.versions import VERSIONS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SETUP_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_IGNORED = ("malformed", "unsendable", "late", "unknown", "stale", "duplicates", "unforwarded", "lost")
# What says how the backend does; what was refused here does not.
_ANSWERED = frozenset({"result", "error", "timeout"})


class Metrics:
    """The counts of one gateway process."""

    def __init__(self, pulse: Pulse) -> None:
        self.tally = Tally()
        self._pulse = pulse
        self._registry = CollectorRegistry()
        self._known_actions = frozenset(action for version in VERSIONS for action in schemas.actions(version))
        self._finished: dict[tuple[Direction, str, str], int] = {}
        self._durations: dict[Direction, _Durations] = {"call": _Durations(), "command": _Durations()}
        registry = self._registry
        self.upgrades = Counts({"101": 0})  # handshakes by status
        self.established = 0  # connections opened
        self.setup = _Durations(_SETUP_BOUNDS_S)
        self.rejected = Counter("ocpp_ws_connection_rejected", "Handshakes refused", ["reason"], registry=registry)
        self.closed = Counter("ocpp_ws_connection_closed", "Connections closed", ["code"], registry=registry)
        self.send_failures = Counter(
            "ocpp_ws_send_failure", "Connections given up on for what they did not read", ["reason"], registry=registry
        )
        registry.register(_Counts(self._collect))

    def finished(self, direction: Direction, action: str, outcome: str, took_s: float) -> None:
        """A CALL or a command ended; an action nobody knows is counted as "other"."""
        try:
            self._finished[direction, action, outcome] += 1
        except KeyError:
            key = (direction, action if action in self._known_actions else "other", outcome)
            self._finished[key] = self._finished.get(key, 0) + 1
        self._durations[direction].observe(took_s)
        if direction == "call" and outcome in _ANSWERED:
            self._pulse.observe(took_s)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a value that is read when asked for."""
        self._registry.register(_Counts(lambda: [GaugeMetricFamily(name, text, read())]))

    def watch_links(self, links: Callable[[], Sequence[PooledLink]]) -> None:
        """Tell of the links to the broker, as they are when asked for."""

        def collect() -> Iterator[Metric]:
            up = sum(pooled.link.is_connected for pooled in links())
            yield GaugeMetricFamily("mqtt_links_up", "Links to the broker that are up", up)
            lag = max((pooled.lag.seconds for pooled in links()), default=0.0)
            yield GaugeMetricFamily(
                "ocpp_uplink_lag_seconds", "From a publish to its acknowledgement, slowest link", lag
            )
            inflight = GaugeMetricFamily("mqtt_link_inflight", "Messages not acknowledged yet", labels=["link"])
            published = CounterMetricFamily("mqtt_link_published", "Frames of charge points", labels=["link"])
            for pooled in links():
                inflight.add_metric([str(pooled.number)], pooled.link.outstanding)
                published.add_metric([str(pooled.number)], pooled.published)
            yield inflight
            yield published
            lost = sum(pooled.losses for pooled in links())
            yield CounterMetricFamily("mqtt_link_lost", "Links to the broker that were up and then not", lost)

        self._registry.register(_Counts(collect))

    def render(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self._registry)

    def samples(self) -> Iterator[Sample]:
        """Every value there is, one by one."""
        for family in self._registry.collect():
            yield from family.samples

    def _collect(self) -> Iterator[Metric]:
        yield from self._collect_handshakes()
        tally = self.tally
        routed = tally.calls_in + tally.answers_in + tally.sends_in
        yield CounterMetricFamily("ocpp_message_received", "Frames from charge points", tally.frames_in)
        yield CounterMetricFamily("ocpp_message_routed", "Frames handed to the broker", routed)
        yield CounterMetricFamily("ocpp_call_answered_at_edge", "CALLs answered without the cloud", tally.calls_here)
        yield CounterMetricFamily("ocpp_call_sent", "Commands put on the wire", tally.calls_out)
        yield CounterMetricFamily("ocpp_call_result_sent", "Answers put on the wire", tally.answers_out)
        yield CounterMetricFamily("ocpp_call_response", "Answers of charge points to commands", tally.answers_in)
        ignored = CounterMetricFamily("ocpp_message_ignored", "Frames that went nowhere, and why", labels=["reason"])
        for name in _IGNORED:
            ignored.add_metric([name], getattr(tally, name))
        yield ignored
        yield from self._collect_finished()

    def _collect_handshakes(self) -> Iterator[Metric]:
        upgrades = CounterMetricFamily("ocpp_ws_upgrade", "Handshakes by result", labels=["result"])
        for result, count in self.upgrades.items():
            upgrades.add_metric([result], count)
        yield upgrades
        yield CounterMetricFamily("ocpp_ws_connection_established", "Connections opened", self.established)
        yield HistogramMetricFamily(
            "ocpp_ws_connection_setup_duration_seconds", "From the request to the 101",
            buckets=self.setup.buckets(), sum_value=self.setup.sum_s,
        )  # fmt: skip

    def _collect_finished(self) -> Iterator[Metric]:
        labels = ["action", "outcome"]
        handled = {
            "call": CounterMetricFamily("ocpp_call_handled", "CALLs of charge points by outcome", labels=labels),
            "command": CounterMetricFamily("ocpp_command_handled", "Commands by outcome", labels=labels),
        }
        for (direction, action, outcome), count in self._finished.items():
            handled[direction].add_metric([action, outcome], count)
        yield from handled.values()
        took = HistogramMetricFamily(
            "ocpp_call_roundtrip_duration_seconds", "From CALL to answer, or to giving up", labels=["direction"]
        )
        for name, durations in self._durations.items():
            took.add_metric([name], durations.buckets(), durations.sum_s)
        yield took


class _Durations:
    """A histogram that costs an observer a third of a microsecond."""

    __slots__ = ("_bounds_s", "_counts", "sum_s")

    def __init__(self, bounds_s: tuple[float, ...] = _BOUNDS_S) -> None:
        self._bounds_s = bounds_s
        self._counts = [0] * (len(bounds_s) + 1)
        self.sum_s = 0.0

    def observe(self, took_s: float) -> None:
        self._counts[bisect_left(self._bounds_s, took_s)] += 1
        self.sum_s += took_s

    def buckets(self) -> list[tuple[str, float]]:
        total, buckets = 0, []
        for bound, count in zip([*map(str, self._bounds_s), "+Inf"], self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets


class _Counts(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()
