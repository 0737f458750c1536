"""What came out of the bench: one JSON document, and one HTML page that opens without a network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from bench.crowd import Record
from charge_point_sim.chart import Chart, Series
from charge_point_sim.report import STYLE

Json = dict[str, Any]
Rows = Mapping[str, Mapping[str, float]]

_BAR_WIDTH, _BAR_HEIGHT, _BAR_LEFT = 640, 26, 130
_TRIPS = ("echo", "mosquitto", "naive", "bare", "gateway", "bare-2000", "gateway-2000")
WORDS = {
    "echo": "(a) the bare WebSocket echo of the same library, without MQTT",
    "mosquitto": "(b) mosquitto itself: publish and be subscribed, QoS 1",
    "naive": "(c) a straightforward bridge: websockets' asyncio API, one aiomqtt client per charge point",
    "bare": "the least a gateway of this shape can do: WebSocket library and MQTT codec, nothing in between",
    "bare-2000": "the same, 2,000 charge points, 3,000 round trips a second",
    "gateway": "the gateway, saturated, 200 charge points",
    "gateway-2000": "the gateway, 2,000 charge points, 3,000 round trips a second",
    "flood": "neighbours of a charge point that floods with garbage, calm and flood in turns",
    "flood-of-calls": "neighbours of one that floods with CALLs",
    "idle": "idle charge points over ws; bare_us: a handshake with the echo",
    "idle-tls": "idle charge points over TLS 1.3; bare_us: a handshake with an echo over TLS",
    "growth": "many connected beside 200, at the same rate; also on one link, and with echo and bare gateway",
    "crowd": "live charge points on four workers",
    "storm": "all at once to gateways that just started, 500 SUBSCRIBEs a second",
    "storm-unlimited": "the same, any number of SUBSCRIBEs",
    "link-restart": "the link is cut for a second at 3,000 frames a second",
}


_CHARTS = {
    "connected": "charge points connected",
    "rss_mib": "memory of all workers, MiB",
    "answers_per_s": "answers a second",
    "refused_per_s": "handshakes refused a second",
    "cores": "CPU of all workers, cores",
    "cloud_cores": "CPU of the cloud, cores",
    "broker_cores": "CPU of the broker, cores",
    "load_cores": "CPU of the charge points, cores",
    "machine_cores": "CPU of everything on the machine, cores",
}
_STYLE = STYLE + "section { margin-top: 1.6rem } .missed { color: var(--c3) } .met { color: var(--c2) }"


@dataclass(frozen=True, slots=True)
class Target:
    """What was promised of a figure: at most, or at least, so much."""

    row: str
    name: str
    unit: str
    bound: float
    value: Callable[[Rows], float]
    is_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether it was kept."""
        return value >= self.bound if self.is_least else value <= self.bound


def cpu_us(row: Mapping[str, float]) -> float:
    """CPU time of a round trip."""
    return row["user_us"] + row["kernel_us"]


def _of(row: str, key: str) -> Callable[[Rows], float]:
    return lambda rows: rows[row][key]


TARGETS = (
    Target("gateway", "CPU per round trip, saturated", "us", 27, lambda rows: cpu_us(rows["gateway"])),
    Target("gateway", "times the echo", "x", 2.5, lambda rows: cpu_us(rows["gateway"]) / cpu_us(rows["echo"])),
    Target("gateway", "times better than the naive bridge", "x", 10,
           lambda rows: cpu_us(rows["naive"]) / cpu_us(rows["gateway"]), is_least=True),
    Target("gateway-2000", "CPU per round trip at 3,000/s", "us", 55, lambda rows: cpu_us(rows["gateway-2000"])),
    Target("gateway-2000", "p50", "ms", 0.5, _of("gateway-2000", "p50_ms")),
    Target("gateway-2000", "p99", "ms", 5, _of("gateway-2000", "p99_ms")),
    Target("flood", "neighbours' p99 beside garbage", "x", 2, _of("flood", "ratio")),
    Target("flood-of-calls", "neighbours' p99 beside CALLs", "x", 2, _of("flood-of-calls", "ratio")),
    Target("idle", "memory of an idle charge point", "KiB", 10, _of("idle", "kib_each")),
    Target("idle", "CPU per handshake", "us", 180, _of("idle", "handshake_us")),
    Target("idle-tls", "memory of an idle charge point, TLS", "KiB", 40, _of("idle-tls", "kib_each")),
    Target("idle-tls", "CPU per handshake, TLS 1.3", "us", 450, _of("idle-tls", "handshake_us")),
    Target("growth", "charge points", "", 16_384, _of("growth", "sockets"), is_least=True),
    Target("growth", "CPU per frame, many beside 200", "x", 1.15, _of("growth", "growth")),
    Target("growth", "the same, all on one link", "x", 1.15, _of("growth", "one_link_growth")),
    Target("crowd", "charge points", "", 65_536, _of("crowd", "charge_points"), is_least=True),
    Target("crowd", "held for", "min", 10, _of("crowd", "minutes"), is_least=True),
    Target("crowd", "memory of all workers", "MiB", 1024, _of("crowd", "rss_mib")),
    Target("crowd", "connections lost", "", 0, _of("crowd", "lost")),
    Target("crowd", "CALLs answered with an error", "", 0, _of("crowd", "errors")),
    Target("crowd", "CALLs without any answer", "", 0, _of("crowd", "unanswered")),
    Target("storm", "charge points", "", 65_536, _of("storm", "connected"), is_least=True),
    Target("storm", "all are in after", "s", 150, _of("storm", "back_s")),
    Target("storm", "writes beyond one per connect", "", 0,
           lambda rows: rows["storm"]["writes"] - rows["storm"]["accepted"]),
    Target("storm", "memory at its highest beside the end", "x", 1.1, _of("storm", "rss_hump")),
    Target("storm", "p99 of answers", "ms", 5_000, _of("storm", "p99_ms")),
    Target("storm-unlimited", "charge points", "", 65_536, _of("storm-unlimited", "connected"), is_least=True),
    Target("storm-unlimited", "all are in after", "s", 60, _of("storm-unlimited", "back_s")),
    Target("storm-unlimited", "writes beyond one per connect", "", 0,
           lambda rows: rows["storm-unlimited"]["writes"] - rows["storm-unlimited"]["accepted"]),
    Target("storm-unlimited", "p99 of answers", "ms", 5_000, _of("storm-unlimited", "p99_ms")),
    Target("link-restart", "links back after", "s", 5, _of("link-restart", "links_back_s")),
    Target("link-restart", "frames the cloud never heard", "", 0, _of("link-restart", "never_heard")),
    Target("link-restart", "CALLs without any answer", "", 0, _of("link-restart", "unanswered")),
)  # fmt: skip


def document(at: datetime, machine: Json, arguments: list[str], records: Mapping[str, Record]) -> Json:
    """Everything, as JSON."""
    rows = {name: record.row for name, record in records.items() if not record.error}
    return {
        "at": at.isoformat(),
        "command": " ".join(["python -m bench", *arguments]),
        "machine": machine,
        "results": rows,
        "targets": _targets(rows),
        "failures": {name: record.error for name, record in records.items() if record.error},
        "series": {name: record.series for name, record in records.items() if record.series},
    }


def page(document: Json) -> str:
    """The HTML of such a document."""
    machine, rows = document["machine"], document["results"]
    load = ", ".join(f"{value:.1f}" for value in machine["loadAverage"])
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    about = (
        f"{document['command']}, {document['at'][:19]}Z. {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memoryMiB']} MiB, Linux {machine['kernel']}, Python {machine['python']}, {libraries}. "
        f"Load average when it began: {load}."
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Bench of the gateway</title><style>{_STYLE}</style>"
        f"<h1>Bench of the gateway</h1><p>{escape(about)}</p>"
        f"{_failed(document['failures'])}{_promised(document['targets'])}{_bars(rows)}{_figures(rows)}{_charts(document['series'])}</html>\n"
    )


def _targets(rows: Rows) -> list[Json]:
    told = []
    for target in TARGETS:
        try:
            value = target.value(rows)
        except KeyError:  # a row that did not run, or what it is compared with
            continue
        word = "at least" if target.is_least else "at most"
        told.append({
            "row": target.row, "name": target.name, "value": value, "unit": target.unit,
            "target": f"{word} {target.bound:,g}", "isMet": target.is_met(value),
        })  # fmt: skip
    return told


def verdicts(document: Json) -> str:
    """Each target with what was measured, for the terminal."""
    lines = [f"{name:16}FAILED  {error}" for name, error in document["failures"].items()]
    for each in document["targets"]:
        measured, word = f"{_number(each['value'])} {each['unit']}", "met" if each["isMet"] else "MISSED"
        lines.append(f"{each['row']:16}{word:8}{each['name']:36}{measured:>12}   {each['target']}")
    return "".join(line + "\n" for line in lines)


def _failed(failures: Mapping[str, str]) -> str:
    lines = "".join(f"<li>{escape(name)}: {escape(error)}</li>" for name, error in failures.items())
    return f'<section><h2>Rows without a figure</h2><ul class="missed">{lines}</ul></section>' if lines else ""


def _promised(targets: list[Json]) -> str:
    lines = "".join(
        f"<tr><td>{escape(each['row'])}</td><td>{escape(each['name'])}</td>"
        f'<td class="n">{_number(each["value"])} {escape(each["unit"])}</td><td>{escape(each["target"])}</td>'
        f'<td class="{word}">{word}</td></tr>'
        for each in targets
        for word in ("met" if each["isMet"] else "missed",)
    )
    head = "<tr><th>row</th><th>figure</th><th>measured</th><th>target</th><th></th></tr>"
    return f"<section><h2>Targets</h2><table>{head}{lines}</table></section>"


def _bars(rows: Rows) -> str:
    there = [name for name in _TRIPS if name in rows]
    most = max((cpu_us(rows[name]) for name in there), default=1)
    bars = "".join(_bar(number, name, rows[name], most) for number, name in enumerate(there))
    height = _BAR_HEIGHT * len(there) + 4
    legend = (
        '<div class="legend"><i style="background:var(--c0)"></i>user<i style="background:var(--c1)"></i>kernel</div>'
    )
    svg = f'<svg viewBox="0 0 {_BAR_WIDTH} {height}" role="img" aria-label="CPU time per round trip">{bars}</svg>'
    return (
        f"<section><h2>CPU time of the measured process per round trip, us</h2>{legend}{svg}</section>" if there else ""
    )


def _bar(number: int, name: str, row: Mapping[str, float], most: float) -> str:
    scale, y = (_BAR_WIDTH - _BAR_LEFT - 70) / most, number * _BAR_HEIGHT + 4
    user, kernel = row["user_us"] * scale, row["kernel_us"] * scale
    size = f'y="{y}" height="{_BAR_HEIGHT - 8}"'
    text = y + _BAR_HEIGHT - 13
    return (
        f'<text x="{_BAR_LEFT - 8}" y="{text}" text-anchor="end">{name}</text>'
        f'<rect x="{_BAR_LEFT}" {size} width="{user:.1f}" fill="var(--c0)"/>'
        f'<rect x="{_BAR_LEFT + user:.1f}" {size} width="{kernel:.1f}" fill="var(--c1)"/>'
        f'<text x="{_BAR_LEFT + user + kernel + 6:.1f}" y="{text}">{cpu_us(row):,.1f}</text>'
    )


def _figures(rows: Rows) -> str:
    lines = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(WORDS[name])}</td><td>"
        + ", ".join(f"{escape(key)} {_number(value)}" for key, value in row.items())
        + "</td></tr>"
        for name, row in rows.items()
    )
    return f"<section><h2>Figures</h2><table>{lines}</table></section>"


def _charts(series: Mapping[str, Mapping[str, list[float]]]) -> str:
    charts = ""
    for row, lines in series.items():
        for name in lines:
            if name != "at_s":
                chart = Chart(
                    f"{row}: {_CHARTS[name]}", [Series(name, list(zip(lines["at_s"], lines[name], strict=True)))]
                )
                charts += f"<section><h2>{escape(chart.title)}</h2>{chart.svg()}</section>"
    return f'<div class="charts">{charts}</div>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 or value == int(value) else f"{value:.3g}"
