"""What `ocppgw cost` says."""

import json

import pytest
from typer.testing import CliRunner

from gateway import emf
from infra.cost import fleet as model
from infra.cost import page
from infra.cost.__main__ import app
from infra.cost.bill import bill, priced, table
from infra.cost.fleet import PROFILES, Fleet, Line, lines
from infra.options import changed, load
from tests.infra.synthesised import Template

TYPICAL = PROFILES["typical"]


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(args), env={"COLUMNS": "100"})
    return result.exit_code, result.output


def test_scripts_get_the_total_and_its_services() -> None:
    code, output = run("--charge-points", "500", "--profile", "typical", "--output", "json")
    said = json.loads(output)
    assert code == 0
    assert said["total_usd_per_month"] == pytest.approx(sum(said["services"].values()), abs=0.1)
    assert said["total_usd_per_month"] == pytest.approx(sum(line["usd_per_month"] for line in said["lines"]), abs=0.3)


def test_500_charge_points_cost_half_of_the_reference() -> None:
    assert bill(Fleet(500, TYPICAL), load("dev")).total <= 175 / 2


def test_a_typical_day_is_584_calls() -> None:
    assert TYPICAL.calls == 584


def test_every_line_and_every_demand_has_its_price_and_quota() -> None:
    options = changed(load("dev"), {"egress": "nat", "basic_ingest": False, "availability_zones": 2})
    for processors in ("lambda", "workers"):
        for line in lines(Fleet(1_000, TYPICAL, stations=5), changed(options, {"processors": processors})):
            assert line.price in table()["prices"], line
    assert {quota.name for quota in bill(Fleet(1, TYPICAL), options).quotas} == set(table()["quotas"])


@pytest.mark.parametrize(
    "dearer",
    [
        {"basic_ingest": False},
        {"heartbeats": "forward"},
        {"charge_points_per_link": 1},
        {"egress": "nat"},
        {"egress": "endpoints"},
        {"min_tasks": 2},
        {"canary": True},
    ],
    ids=str,
)
def test_what_saves_money_does(dearer: dict[str, object]) -> None:
    fleet, options = Fleet(500, TYPICAL), load("dev")
    assert bill(fleet, changed(options, dearer)).total > bill(fleet, options).total


def usd(fleet: Fleet, what: str, **options: object) -> float:
    return sum(item.usd for item in bill(fleet, changed(load("dev"), options)).items if item.line.what == what)


def test_frames_cost_as_long_as_they_are_kept() -> None:
    def of(frames_days: int, samples_days: int) -> float:
        kept = {"frames_days": frames_days, "samples_days": samples_days}
        return usd(Fleet(500, TYPICAL), "archive after a year", retention=kept)

    day_of_frames = of(2, 1) - of(1, 1)
    assert of(30, 1) - of(1, 1) == pytest.approx(29 * day_of_frames)
    assert of(3_650, 1) == of(365, 1)
    assert usd(Fleet(500, TYPICAL), "archive after a year") == pytest.approx(of(30, 365))


def test_stations_are_archived_by_windows_of_five_seconds() -> None:
    none, one, many = (usd(Fleet(0, TYPICAL, stations), "files") for stations in (0, 1, 1_000))

    a_file = table()["prices"]["s3_put"]
    assert none == 0
    assert one == pytest.approx(model.SECONDS / 5 * a_file)  # a file a message
    assert many == pytest.approx(5 * model.SECONDS / 5 * a_file)  # a file a window, of each of five pollers


def test_six_endpoints_in_two_zones_cost_88_dollars() -> None:
    options = changed(load("dev"), {"egress": "endpoints", "availability_zones": 2})
    endpoints = [item.usd for item in bill(Fleet(10, TYPICAL), options).items if item.line.what == "endpoints"]
    assert endpoints == [pytest.approx(87.6)]


def test_tiers_count_over_all_lines_of_a_price() -> None:
    first, second = priced([Line("S", "a", "iot_message", 9e8), Line("S", "b", "iot_message", 2e8)])
    assert first.usd == pytest.approx(900)
    assert second.usd == pytest.approx(100 + 80)


def test_a_million_charge_points_hit_the_quota_of_subscriptions() -> None:
    short = [quota.name for quota in bill(Fleet(1_000_000, TYPICAL), load("dev")).quotas if not quota.is_enough]
    assert "iot_subscribes_per_second" in short


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_what_is_priced_is_what_the_template_has(synthesised: dict[str, Template]) -> None:
    for name, kind in (("dev", "few"), ("balanced", "all")):
        alarms = synthesised[name].of_type("AWS::CloudWatch::Alarm").values()
        metrics = sum(sum("MetricStat" in each for each in alarm.get("Metrics", [])) or 1 for alarm in alarms)
        assert metrics == model.ALARM_METRICS[kind]
    template = synthesised["dev"]
    assert len(template.of_type("AWS::Lambda::EventSourceMapping")) == pytest.approx(model.QUEUES, abs=2)
    assert len(emf.NAMES) == model.METRICS


def test_people_get_a_table_that_ends_with_the_total() -> None:
    code, output = run("--charge-points", "100000")
    assert code == 0
    assert "total" in output
    assert "Ask AWS for more" in output


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("--profile", "wild"), "wild"),
        (("--options", "nowhere.yaml"), "nowhere.yaml"),
        (("--with", "basic_ingest"), "NAME=VALUE"),
        (("--with", "egress=tunnel"), "egress"),
        (("--with", "speed=9"), "speed"),
    ],
)
def test_what_it_cannot_use_it_names(args: tuple[str, ...], named: str) -> None:
    code, output = run("--charge-points", "5", *args)
    assert code == 2
    assert named in output
    assert "Traceback" not in output


def test_the_page_is_current() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run python -m infra.cost.page"
