"""The report of a run."""

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest

from charge_point_sim.chart import Chart, Points, Series
from charge_point_sim.fleet import Moment
from charge_point_sim.plan import Plan
from charge_point_sim.processes import Usage
from charge_point_sim.report import Run, as_json, page, summary, write
from charge_point_sim.tally import Tick


def _run(*moments: Moment) -> Run:
    return Run(Plan(2), "ws://127.0.0.1:9000/ocpp", 1, datetime(2026, 7, 1, tzinfo=UTC), list(moments))


BUSY = _run(
    Moment(Tick(1, connected=1, frames_in=3, frames_out=4, latency={60: 3}), {42: Usage(5 * 2**20, 1.0)}),
    Moment(Tick(2, connected=2, frames_in=1, errors={"<b>": 2}), {42: Usage(6 * 2**20, 1.5)}),
)


def test_the_document_tells_each_second_and_the_whole() -> None:
    document = as_json(BUSY)

    assert document["summary"]["connectedMost"] == 2
    assert document["summary"]["frames"] == 8
    assert document["summary"]["errors"] == {"<b>": 2}
    assert document["seconds"][1]["watched"]["42"] == {"rssBytes": 6 * 2**20, "cpuPercent": 50.0}
    assert document["seconds"][1]["latencyMs"]["p50"] is None


def test_the_page_needs_no_network_and_breaks_on_no_name() -> None:
    text = page(as_json(BUSY))

    assert not re.search(r"https?://|<script|@import|<link", text)
    assert "<b>&lt;" not in text
    assert "&lt;b&gt;" in text


def test_a_run_that_never_began_still_has_a_report(tmp_path: Path) -> None:
    beside = write(_run(), tmp_path / "new" / "fleet.html")

    assert orjson.loads(beside.read_bytes())["seconds"] == []
    assert (tmp_path / "new" / "fleet.html").read_text().startswith("<!doctype html>")
    assert summary([])["latencyMs"]["p99"] is None


@pytest.mark.parametrize("is_logarithmic", [False, True])
@pytest.mark.parametrize("values", [[], [0.0], [0.0, None, 7.0], [1e-4, 3e5], [float(n) for n in range(5000)]])
def test_any_numbers_make_a_picture(values: list[float | None], is_logarithmic: bool) -> None:
    points = [(float(at), value) for at, value in enumerate(values)]

    picture = ElementTree.fromstring(Chart("x < y", [Series("a", points)], is_logarithmic).svg())  # noqa: S314  # ours

    heights = [float(y) for path in picture.iter("path") for _, y in re.findall(r"[ML](\S+) (\S+)", path.get("d", ""))]
    assert all(0 <= y <= 240 for y in heights)


def test_a_peak_is_seen_among_ten_thousand_seconds() -> None:
    points: Points = [(float(at), 100.0 if at == 7777 else 1.0) for at in range(10_000)]

    picture = Chart("x", [Series("a", points)]).svg()

    assert " 10.0" in picture  # as high as the picture
