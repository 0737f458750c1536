"""Metrics for CloudWatch: a log line now and then, in the embedded metric format (EMF), which it turns into metrics.

The line is one of the log's; what makes it metrics is its member `_aws`. Counts are those since the line before.
Source: Amazon CloudWatch, "Specification: Embedded metric format".
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog
from prometheus_client.samples import Sample

from gateway.metrics import Metrics

NAMESPACE = "OcppGateway"
SLOW_S = "1.0"  # a bucket of the histogram: answers that took longer are slow

# metric -> what adds up to it: the sample's name, and the labels it must have
_GAUGES: dict[str, tuple[str, dict[str, str]]] = {
    "Connections": ("ocpp_ws_active_connections", {}),
    "LinksUp": ("mqtt_links_up", {}),
    "UplinkLag": ("ocpp_uplink_lag_seconds", {}),
}
_COUNTS: dict[str, tuple[str, dict[str, str]]] = {
    "HandshakesRefused": ("ocpp_ws_connection_rejected_total", {}),
    "LinksLost": ("mqtt_link_lost_total", {}),
    "FramesReceived": ("ocpp_message_received_total", {}),
    "CallsAnswered": ("ocpp_call_roundtrip_duration_seconds_bucket", {"direction": "call", "le": "+Inf"}),
    "CallsUnanswered": ("ocpp_call_handled_total", {"outcome": "timeout"}),
    "CommandTimeouts": ("ocpp_command_handled_total", {"outcome": "timeout"}),
}
_FAST = ("ocpp_call_roundtrip_duration_seconds_bucket", {"direction": "call", "le": SLOW_S})
_UNITS = {"UplinkLag": "Seconds"}
NAMES = (*_GAUGES, *_COUNTS, "CallsSlow")

log = structlog.get_logger()


async def write_for_ever(metrics: Metrics, interval_s: float, wall: Callable[[], float]) -> None:
    """Log a line every `interval_s`; `wall` tells seconds since 1970."""
    before: Mapping[str, float] = {}
    while True:
        await asyncio.sleep(interval_s)
        line, before = values(metrics.samples(), before)
        log.info("metrics", _aws=_directive(int(wall() * 1000)), **line)


def values(samples: Iterable[Sample], before: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """What the line says, and the counts to subtract from the next."""
    known = list(samples)
    counts = {name: _sum(known, *what) for name, what in _COUNTS.items()}
    counts["CallsSlow"] = counts["CallsAnswered"] - _sum(known, *_FAST)
    line = {name: _sum(known, *what) for name, what in _GAUGES.items()}
    return line | {name: count - before.get(name, 0.0) for name, count in counts.items()}, counts


def _sum(samples: Iterable[Sample], name: str, labels: Mapping[str, str]) -> float:
    return sum(sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items())


def _directive(at_ms: int) -> dict[str, object]:
    metrics = [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in NAMES]
    # No dimensions: the average is that of a task, the sum that of the fleet.
    return {
        "Timestamp": at_ms,
        "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": metrics}],
    }
