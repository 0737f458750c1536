"""Who is told of what in the whole stack: alarms with their paragraphs, the canary, the budget."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.synthesised import Template

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
OPERATE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()


def told(template: Template) -> dict[str, dict[str, Any]]:
    """The alarms for people: the autoscaling has some of its own."""
    alarms = template.of_type("AWS::CloudWatch::Alarm").items()
    return {name: alarm for name, alarm in alarms if alarm.get("AlarmName", "").startswith("ocpp-gateway ")}


def kinds_of(template: Template) -> set[str]:
    return {alarm["AlarmName"].split()[1] for alarm in told(template).values()}


def test_a_small_house_is_told_of_what_is_broken_and_pays_for_no_other_alarm(dev: Template, balanced: Template) -> None:
    from infra.observability import FEW  # here, for it starts node, in whatever process collects these tests

    assert kinds_of(dev) == FEW - {"canary"}
    assert kinds_of(balanced) > FEW


@pytest.mark.parametrize("template", ["passthrough", "balanced"], indirect=True)
def test_the_issue_s_alarms_exist_and_all_are_told_to_somebody(template: Template) -> None:
    kinds = kinds_of(template)

    assert kinds >= {
        "dead-letters", "queue-age", "refused-handshakes", "links-lost", "command-timeouts", "function-errors",
        "function-duration", "function-throttles", "connections-per-task", "http-5xx", "slow-answers", "canary",
    }  # fmt: skip
    assert all(alarm["AlarmActions"] and alarm["OKActions"] for alarm in told(template).values())


def test_every_alarm_leads_to_its_paragraph_with_meaning_first_look_and_fix(template: Template) -> None:
    for alarm in told(template).values():
        anchor = re.fullmatch(r"What it means and what helps: docs/operate\.md#([a-z0-9-]+)", alarm["AlarmDescription"])
        assert anchor, alarm["AlarmDescription"]
        paragraph = re.search(rf"^### {anchor[1]}\n(.*?)(?=^#|\Z)", OPERATE, re.MULTILINE | re.DOTALL)
        assert paragraph, f"docs/operate.md has no paragraph {anchor[1]}"
        for part in ("**Means**", "**Look**", "**Helps**"):
            assert part in paragraph[1], (anchor[1], part)


@pytest.mark.parametrize("template", ["passthrough", "balanced"], indirect=True)
def test_every_function_has_its_three_alarms(template: Template) -> None:
    functions = {name for name, each in template.of_type("AWS::Lambda::Function").items() if "S3Bucket" in each["Code"]}
    names = {each.get("AlarmName") for each in template.of_type("AWS::CloudWatch::Alarm").values()}

    for name in functions:
        for kind in ("errors", "duration", "throttles"):
            assert f"ocpp-gateway function-{kind} {name}" in names


def test_the_canary_comes_every_minute_by_the_public_name_and_pages_after_two(balanced: Template) -> None:
    function = balanced.of_type("AWS::Lambda::Function")["CanaryFunction"]
    variables = function["Environment"]["Variables"]
    (rule,) = [
        each for each in balanced.of_type("AWS::Events::Rule").values() if "minute" in each["ScheduleExpression"]
    ]
    alarm = next(each for each in told(balanced).values() if each["AlarmName"] == "ocpp-gateway canary round")

    assert (rule["ScheduleExpression"], function["Timeout"] < 60) == ("rate(1 minute)", True)
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["CanaryFunction", "Arn"]}
    assert variables["OCPPGW_CANARY_URL"] == "wss://ocpp.example.com/ocpp"
    assert variables["OCPPGW_CANARY_API"] == {"Fn::GetAtt": ["CommandsUrl", "FunctionUrl"]}
    assert (alarm["MetricName"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("CanaryPassed", 1, 2)
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("LessThanThreshold", "breaching")


def test_spending_too_much_is_told(template: Template) -> None:
    budget = template.only("AWS::Budgets::Budget")

    assert budget["Budget"]["TimeUnit"] == "MONTHLY"
    assert [each["Notification"]["Threshold"] for each in budget["NotificationsWithSubscribers"]] == [80, 100]
