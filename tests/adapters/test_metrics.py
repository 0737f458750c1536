"""What CloudWatch reads as metrics in the log of a Lambda function."""

import json

import pytest

from adapters import metrics


def test_a_rule_that_was_applied_is_a_metric_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.count_rule("kwh_slip")

    line = json.loads(capsys.readouterr().out)
    [declared] = line["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "OcppGateway"
    assert declared["Dimensions"] == [["rule"]]
    assert (line["rule"], line["session_reconciled_total"]) == ("kwh_slip", [1.0])
