"""Metrics of the Lambda functions: lines in the log that CloudWatch reads as metrics (Embedded Metric Format)."""

from aws_lambda_powertools.metrics import MetricUnit, single_metric

NAMESPACE = "OcppGateway"


def count_rule(rule: str) -> None:
    """Count a transaction to which a rule of the reconciler was applied: `session_reconciled_total{rule}`."""
    with single_metric("session_reconciled_total", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("rule", rule)
