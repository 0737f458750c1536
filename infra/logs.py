"""Where programs log: kept as long as the options say, and gone with the stack."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.options import LOG_DAYS, Options


def log_group(scope: Construct, name: str, options: Options) -> logs.LogGroup:
    """A log group."""
    retention = logs.RetentionDays[LOG_DAYS[options.log_retention_days]]
    return logs.LogGroup(scope, name, retention=retention, removal_policy=RemovalPolicy.DESTROY)
