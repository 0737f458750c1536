"""What came out of a run: one JSON document, and one HTML page that opens without a network."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import orjson

from charge_point_sim.chart import Chart, Series
from charge_point_sim.fleet import Moment
from charge_point_sim.plan import Plan
from charge_point_sim.tally import Histogram
from ocppj import timestamps

_MIB = 2**20
_PERCENTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
_KINDS = 6  # kinds of errors with a line of their own

Json = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #66727f; --rule: #dde3e9; --back: #fff;
  --c0: #1769aa; --c1: #d9730d; --c2: #2e8b57; --c3: #b03060; --c4: #6a5acd; --c5: #8a6d3b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #93a1b0; --rule: #2c3742; --back: #12181f;
  --c0: #5aa9e6; --c1: #f2a65a; --c2: #67c28d; --c3: #e77fa5; --c4: #a99cf0; --c5: #cdb27c; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--back);
  max-width: 72rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem } h2 { font-size: 1.05rem; margin: 0 0 .4rem }
p { color: var(--soft); margin: 0 }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .8rem; margin: 1.4rem 0 }
@media (max-width: 44rem) { .tiles { grid-template-columns: repeat(2, 1fr) } }
.tile { border: 1px solid var(--rule); border-radius: .5rem; padding: .6rem .8rem }
.tile b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums }
.tile span { color: var(--soft); font-size: .85rem }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1.6rem 2rem }
svg { width: 100%; height: auto; display: block } svg text { fill: var(--soft); font-size: 12px }
.rule { stroke: var(--rule) } .legend { font-size: .85rem; color: var(--soft); margin-bottom: .3rem }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .35em 0 .9em }
.legend i:first-child { margin-left: 0 }
table { border-collapse: collapse; margin-top: .4rem } td, th { text-align: left; padding: .2rem 1.2rem .2rem 0;
  border-bottom: 1px solid var(--rule); font-variant-numeric: tabular-nums } td.n { text-align: right }
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is over."""

    plan: Plan
    url: str
    processes: int
    began_at: datetime
    moments: list[Moment]


def as_json(run: Run) -> Json:
    """Everything that was counted: the plan, the whole in numbers, and each second."""
    return {
        "plan": _plan(run),
        "summary": summary(run.moments),
        "seconds": [_second(moment, before) for before, moment in zip([None, *run.moments], run.moments, strict=False)],
    }


def summary(moments: list[Moment]) -> Json:
    """The whole run in numbers."""
    latency, errors = Histogram(), Counter[str]()
    for moment in moments:
        latency.merge(moment.tick.latency)
        errors.update(moment.tick.errors)
    ticks = [moment.tick for moment in moments]
    peak = max(ticks, key=lambda tick: tick.connected, default=None)
    frames = sum(tick.frames_in + tick.frames_out for tick in ticks)
    return {
        "seconds": len(ticks),
        "connectedMost": peak.connected if peak else 0,
        "connects": sum(tick.connects for tick in ticks),
        "sessionsMost": max((tick.sessions for tick in ticks), default=0),
        "frames": frames,
        "framesPerSecond": round(frames / len(ticks), 1) if ticks else 0.0,
        "answers": latency.total,
        "latencyMs": {name: _ms(latency.percentile_s(part)) for name, part in _PERCENTILES},
        "errors": dict(errors.most_common()),
        "simulatorRssBytesMost": max((tick.rss_bytes for tick in ticks), default=0),
        "simulatorRssBytesPerChargePoint": peak.rss_bytes // peak.connected if peak and peak.connected else None,
        "simulatorCpuSeconds": round(max((tick.cpu_s for tick in ticks), default=0.0), 2),
    }


def write(run: Run, path: Path) -> Path:
    """Write the page, and the document beside it; says where that is."""
    document = as_json(run)
    beside = path.with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(document))
    beside.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return beside


def page(document: Json) -> str:
    """The HTML of such a document."""
    plan, seconds = document["plan"], document["seconds"]
    mix = ", ".join(f"{name}: {share:g}" for name, share in plan["mix"].items())
    about = (
        f"{plan['count']} charge points ({mix}) from {plan['processes']} process(es) against {plan['url']}, "
        f"{plan['duration']:.0f} s, {plan['rate']:g} connects/s, seed {plan['seed']}, began {plan['beganAt']}"
    )
    charts = "".join(f"<section><h2>{escape(c.title)}</h2>{c.legend()}{c.svg()}</section>" for c in _charts(seconds))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(plan['scenario'])}: {plan['count']} charge points</title><style>{STYLE}</style>"
        f"<h1>Fleet of charge points: {escape(plan['scenario'])}</h1><p>{escape(about)}</p>"
        f'<div class="tiles">{_tiles(document["summary"])}</div><div class="charts">{charts}</div>'
        f"{_errors(document['summary']['errors'])}</html>\n"
    )


def _plan(run: Run) -> Json:
    plan = run.plan
    return {
        "scenario": plan.scenario,
        "count": plan.count,
        "mix": {version.name: share for version, share in plan.mix},
        "url": run.url,
        "processes": run.processes,
        "rate": plan.rate_per_s,
        "duration": plan.duration_s,
        "seed": plan.seed,
        "beganAt": timestamps.write(run.began_at),
    }


def _second(moment: Moment, before: Moment | None) -> Json:
    tick, latency = moment.tick, Histogram(moment.tick.latency)
    passed_s = tick.second - before.tick.second if before else 0
    watched = {
        str(pid): {
            "rssBytes": used.rss_bytes,
            "cpuPercent": _percent(used.cpu_s - before.watched[pid].cpu_s, passed_s) if before else 0.0,
        }
        for pid, used in moment.watched.items()
    }
    return {
        "second": tick.second,
        "connected": tick.connected,
        "sessions": tick.sessions,
        "connects": tick.connects,
        "framesOut": tick.frames_out,
        "framesIn": tick.frames_in,
        "latencyMs": {name: _ms(latency.percentile_s(part)) for name, part in _PERCENTILES},
        "errors": tick.errors,
        "simulator": {
            "rssBytes": tick.rss_bytes,
            "cpuPercent": _percent(tick.cpu_s - before.tick.cpu_s, passed_s) if before else 0.0,
        },
        **({"watched": watched} if watched else {}),
    }


def _charts(seconds: list[Json]) -> list[Chart]:
    at = [each["second"] for each in seconds]

    def line(name: str, values: list[float | None]) -> Series:
        return Series(name, list(zip(at, values, strict=True)))

    errors = Counter[str]()
    for each in seconds:
        errors.update(each["errors"])
    kinds = [kind for kind, _ in errors.most_common(_KINDS)]
    errors_by_kind = [line(kind, [each["errors"].get(kind, 0) for each in seconds]) for kind in kinds]
    return [
        Chart("Connections", [line(name, [each[name] for each in seconds]) for name in ("connected", "sessions")]),
        Chart(
            "Frames per second",
            [line(name, [each[key] for each in seconds]) for name, key in (("out", "framesOut"), ("in", "framesIn"))],
        ),
        Chart(
            "From CALL to answer, ms",
            [line(name, [each["latencyMs"][name] for each in seconds]) for name, _ in _PERCENTILES],
            is_logarithmic=True,
        ),
        *([Chart("Errors per second", errors_by_kind)] if kinds else []),
        *_used(seconds, line),
    ]


def _used(seconds: list[Json], line: Any) -> list[Chart]:
    pids = list(seconds[0].get("watched", {})) if seconds else []
    charts = []
    for title, key, unit in (("Processor, % of one core", "cpuPercent", 1), ("Memory, MiB", "rssBytes", _MIB)):
        lines = [line("simulator", [each["simulator"][key] / unit for each in seconds])]
        lines += [line(f"process {pid}", [each["watched"][pid][key] / unit for each in seconds]) for pid in pids]
        charts.append(Chart(title, lines))
    return charts


def _tiles(numbers: Json) -> str:
    latency, each = numbers["latencyMs"], numbers["simulatorRssBytesPerChargePoint"]
    tiles = {
        "connected at most": f"{numbers['connectedMost']:,}",
        "connects": f"{numbers['connects']:,}",
        "sessions at most": f"{numbers['sessionsMost']:,}",
        "frames a second": f"{numbers['framesPerSecond']:,.0f}",
        "CALL to answer, p50": _words_ms(latency["p50"]),
        "CALL to answer, p99": _words_ms(latency["p99"]),
        "errors": f"{sum(numbers['errors'].values()):,}",
        "simulator, per charge point": "-" if each is None else f"{each / 1024:.0f} KiB",
    }
    return "".join(f'<div class="tile"><b>{text}</b><span>{name}</span></div>' for name, text in tiles.items())


def _errors(errors: dict[str, int]) -> str:
    if not errors:
        return "<h2 style='margin-top:1.6rem'>No errors</h2>"
    rows = "".join(f'<tr><td>{escape(kind)}<td class="n">{number:,}' for kind, number in errors.items())
    return f'<h2 style="margin-top:1.6rem">Errors by kind</h2><table>{rows}</table>'


def _percent(cpu_s: float, passed_s: float) -> float:
    return round(max(0.0, cpu_s) / passed_s * 100, 1) if passed_s > 0 else 0.0


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _words_ms(number: float | None) -> str:
    return "-" if number is None else f"{number:,.1f} ms"
