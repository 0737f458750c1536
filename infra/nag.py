"""What cdk-nag (AwsSolutions) finds and we answer for, each with its reason.

What concerns one construct is answered for beside it, with `answer_for`; what concerns many, here.
"""

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from infra.data import Data

# Resources of AWS IoT that permissions name with a wildcard: charge points come and go, policies stay.
_IOT_WILDCARDS = {
    "topic/*/out": "the answers to any charge point",
    "topic/gateways/*/evict": "any gateway can be told that a charge point moved; their names are new at every start",
    "thing/*": "the shadow of any charge point",
}


def answer_for(construct: Construct, rule: str, reason: str) -> None:
    """Say why a finding is no problem here, and in what is below."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def check(app: App, stack: Stack, data: Data) -> None:
    """Have the synthesis fail for what nobody has answered for."""
    answer_for(stack, "AwsSolutions-L1", "functions and image run the same Python; it changes in both at once")
    answer_for(data.archive, "AwsSolutions-S1", "only our functions read and write it; their roles say what")
    objects = f"AwsSolutions-IAM5[Resource::<{data.archive.node.id}.Arn>/*]"
    answer_for(stack, objects, "any object of the archive, and nothing of another bucket")
    for table in data.all:
        indexes = f"AwsSolutions-IAM5[Resource::<{table.node.id}.Arn>/index/*]"
        answer_for(stack, indexes, "all indexes of a table are as readable as the table")
    iot = "arn:<AWS::Partition>:iot:<AWS::Region>:<AWS::AccountId>"
    for resource, reason in _IOT_WILDCARDS.items():
        answer_for(stack, f"AwsSolutions-IAM5[Resource::{iot}:{resource}]", reason)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
