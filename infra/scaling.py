"""How many gateways there are: more as soon as one of three figures says so, fewer slowly and one by one.

Every task that goes has its charge points connect again, so the target tracking only scales out. In goes one task per
quarter of an hour, and only while every figure is below half of its target: then one task fewer, even of two, does
not have it scale out again.
"""

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs

from infra.options import Options

CPU_PERCENT, MEMORY_PERCENT = 60, 70
OUT_COOLDOWN_S = 60
IN_COOLDOWN_S = 900
NAMESPACE = "OcppGateway"


def metric(name: str, statistic: str = "Average", period_s: int = 60) -> cloudwatch.Metric:
    """One of the metrics that each gateway logs once a minute."""
    return cloudwatch.Metric(
        namespace=NAMESPACE, metric_name=name, statistic=statistic, period=Duration.seconds(period_s)
    )


def scale(service: ecs.FargateService, options: Options) -> None:
    """Scale a service of gateways."""
    count = service.auto_scale_task_count(min_capacity=options.min_tasks, max_capacity=options.max_tasks)
    cooldown = Duration.seconds(OUT_COOLDOWN_S)
    count.scale_on_cpu_utilization(
        "Cpu", target_utilization_percent=CPU_PERCENT, disable_scale_in=True, scale_out_cooldown=cooldown
    )
    count.scale_on_memory_utilization(
        "Memory", target_utilization_percent=MEMORY_PERCENT, disable_scale_in=True, scale_out_cooldown=cooldown
    )
    count.scale_to_track_custom_metric(
        "Connections",
        metric=metric("Connections"),
        target_value=options.connections_per_task,
        disable_scale_in=True,
        scale_out_cooldown=cooldown,
    )
    cpu, memory, connections = CPU_PERCENT / 2, MEMORY_PERCENT / 2, options.connections_per_task / 2
    idle = cloudwatch.MathExpression(
        expression=f"IF(cpu < {cpu:g} AND memory < {memory:g} AND connections < {connections:g}, 0, 1)",
        using_metrics={
            "cpu": service.metric_cpu_utilization(),
            "memory": service.metric_memory_utilization(),
            "connections": metric("Connections"),
        },
        label="busy",
        period=Duration.minutes(5),
    )
    count.scale_on_metric(
        "Fewer",
        metric=idle,
        # CDK wants two steps at least; at 1 (busy) nothing changes.
        scaling_steps=[
            scaling.ScalingInterval(upper=0.5, change=-1),
            scaling.ScalingInterval(lower=0.5, upper=1.5, change=0),
        ],
        adjustment_type=scaling.AdjustmentType.CHANGE_IN_CAPACITY,
        cooldown=Duration.seconds(IN_COOLDOWN_S),
        evaluation_periods=3,
    )
