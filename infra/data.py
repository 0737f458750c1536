"""The tables. What they hold is written in docs and in adapters/dynamodb*.py; here are keys, indexes and lifetimes."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

STRING = dynamodb.AttributeType.STRING


class Data(Construct):
    """Charge points, transactions, commands, id tokens and reports. All of them outlive the stack."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.charge_points = self._table("ChargePointTable", "chargePointId", expires=True)  # leases of gateways expire
        # Sparse: only connected charge points have a gatewayLink.
        self._index(self.charge_points, "byGatewayLink", "gatewayLink", "chargePointId")
        self.transactions = self._table("TransactionTable", "chargePointId", "transactionId")
        self.commands = self._table("CommandTable", "commandId", expires=True)
        self._index(self.commands, "byChargePoint", "chargePointId", "createdAt")
        self.id_tokens = self._table("IdTokenTable", "idToken")
        self.reports = self._table("ReportTable", "chargePointId", "reportKey", expires=True)
        self.all = (self.charge_points, self.transactions, self.commands, self.id_tokens, self.reports)

    def _table(self, name: str, partition: str, sort: str | None = None, *, expires: bool = False) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            name,
            table_name=name,
            partition_key=_key(partition),
            sort_key=_key(sort) if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expiresAt" if expires else None,
            removal_policy=RemovalPolicy.RETAIN,
        )
        _called(table, name)
        return table

    def _index(self, table: dynamodb.Table, name: str, partition: str, sort: str) -> None:
        table.add_global_secondary_index(
            index_name=name,
            partition_key=_key(partition),
            sort_key=_key(sort),
            projection_type=dynamodb.ProjectionType.ALL,
        )


def _key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=STRING)


def _called(table: dynamodb.Table, name: str) -> None:
    resource = table.node.default_child
    assert isinstance(resource, dynamodb.CfnTable)  # noqa: S101  that is what CDK makes of a Table
    resource.override_logical_id(name)
