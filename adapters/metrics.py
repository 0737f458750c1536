"""Metrics of the Lambda functions: lines in the log that CloudWatch reads as metrics (Embedded Metric Format)."""

NAMESPACE = "OcppGateway"


def count_rule(rule: str) -> None:
    """Count a transaction to which a rule of the reconciler was applied: `session_reconciled_total{rule}`."""
    # Here, because it is a tenth of a cold start and most invocations count nothing.
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric("session_reconciled_total", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("rule", rule)


def count_disabled(webhook_id: str) -> None:
    """Count a webhook that was given up: `webhooks_disabled_total`."""
    _count("webhooks_disabled_total", webhook_id)


def count_parked(webhook_id: str) -> None:
    """Count an event that a webhook kept refusing: `events_parked_total`."""
    _count("events_parked_total", webhook_id)


def _count(name: str, webhook_id: str) -> None:
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name, MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_metadata("webhook_id", webhook_id)


def tell_canary(*, is_well: bool, ms: float) -> None:
    """Tell how a round of the canary went: `CanaryPassed`, 1 or 0, and `CanaryMs`."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    for name, unit, value in (("CanaryPassed", MetricUnit.Count, is_well), ("CanaryMs", MetricUnit.Milliseconds, ms)):
        with single_metric(name, unit, float(value), namespace=NAMESPACE):
            pass  # it is written at the end
