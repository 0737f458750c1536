"""The tables. What they hold is written in docs and in adapters/dynamodb*.py; here are keys, indexes and lifetimes."""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.options import LONGEST_RECOVERY_DAYS, Options

STRING = dynamodb.AttributeType.STRING


class Data(Construct):
    """Charge points, transactions, commands, id tokens, reports, tariffs, jobs, the archive. All outlive the stack."""

    def __init__(self, scope: Construct, construct_id: str, options: Options) -> None:
        super().__init__(scope, construct_id)
        self._options = options
        self.all: list[dynamodb.Table] = []
        self.charge_points = self.table("ChargePointTable", "chargePointId", expires=True)  # leases of gateways expire
        # Sparse: only connected charge points have a gatewayLink.
        self.index(self.charge_points, "byGatewayLink", "gatewayLink", "chargePointId")
        # Lists of charge points by id: of a partner, and of everybody. Keys only, so that no connect changes them.
        for name, partition in (("byPartner", "partner"), ("byKind", "kind")):
            self.index(self.charge_points, name, partition, "chargePointId", dynamodb.ProjectionType.KEYS_ONLY)
        self.transactions = self.table("TransactionTable", "chargePointId", "transactionId", expires=True)
        # Lists of transactions, newest first. Keys only: a meter value changes none of them, so it costs no index.
        for name, partition in (
            ("byTime", "chargePointId"), ("byToken", "tokenKey"), ("byOpen", "openKey"), ("byEnd", "endedKey"),
            ("byOpenOfPartner", "openOfPartner"),
        ):  # fmt: skip
            self.index(self.transactions, name, partition, "listedAt", dynamodb.ProjectionType.KEYS_ONLY)
        self.commands = self.table("CommandTable", "commandId", expires=True)
        self.index(self.commands, "byChargePoint", "chargePointId", "createdAt")
        self.id_tokens = self.table("IdTokenTable", "idToken")
        self.index(self.id_tokens, "byOwner", "owner", "idToken")
        self.reports = self.table("ReportTable", "chargePointId", "reportKey", expires=True)
        self.tariffs = self.table("TariffTable", "tariffId", "validFrom")
        self.jobs = self.table("JobTable", "jobId", "part", expires=True)
        self.index(self.jobs, "newest", "kind", "createdAt")  # sparse: only jobs have a kind, not their targets
        self.events = self.table("EventTable", "chargePointId", "sequence", expires=True, has_stream=True)
        # All events by time, in shards of a day. Keys only: events are long, and most of who lists them wants few.
        self.index(self.events, "byTime", "shard", "position", dynamodb.ProjectionType.KEYS_ONLY)
        self.archive = self._bucket("ArchiveBucket")

    def table(
        self, name: str, partition: str, sort: str | None = None, *, expires: bool = False, has_stream: bool = False
    ) -> dynamodb.Table:
        """A table that outlives the stack, can be restored to any second of its last days, and has an output."""
        table = dynamodb.Table(
            self,
            name,
            table_name=name,
            partition_key=_key(partition),
            sort_key=_key(sort) if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True,
                # 35 unless told otherwise; the emulator knows no number.
                recovery_period_in_days=None
                if self._options.recovery_days == LONGEST_RECOVERY_DAYS
                else self._options.recovery_days,
            ),
            stream=dynamodb.StreamViewType.KEYS_ONLY if has_stream else None,
            time_to_live_attribute="expiresAt" if expires else None,
            removal_policy=RemovalPolicy.RETAIN,
        )
        _called(table, name)
        self.all.append(table)
        return table

    def index(
        self,
        table: dynamodb.Table,
        name: str,
        partition: str,
        sort: str,
        projection: dynamodb.ProjectionType = dynamodb.ProjectionType.ALL,
    ) -> None:
        """An index, over no attribute that connects write (but for the sparse gatewayLink): each would cost a write."""
        table.add_global_secondary_index(
            index_name=name,
            partition_key=_key(partition),
            sort_key=_key(sort),
            projection_type=projection,
        )

    def _bucket(self, name: str) -> s3.Bucket:
        kept = self._options.retention
        bucket = s3.Bucket(
            self,
            name,
            # Names of buckets are the whole world's; this one everybody in the account can tell.
            bucket_name=f"ocpp-gateway-archive-{Aws.ACCOUNT_ID}-{Aws.REGION}",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="Archive",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    transitions=[
                        # Of Glacier's classes the one that Athena reads without a restore.
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                            transition_after=Duration.days(self._options.glacier_after_days),
                        )
                    ],
                ),
                *(
                    s3.LifecycleRule(
                        id=f"{folder}Expire".capitalize(), prefix=f"{folder}/", expiration=Duration.days(days)
                    )
                    for folder, days in (
                        ("frames", kept.frames_days),
                        ("samples", kept.samples_days),
                        ("telemetry", kept.samples_days),
                    )
                ),
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101  that is what CDK makes of a Bucket
        resource.override_logical_id(name)
        return bucket


def _key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=STRING)


def _called(table: dynamodb.Table, name: str) -> None:
    resource = table.node.default_child
    assert isinstance(resource, dynamodb.CfnTable)  # noqa: S101  that is what CDK makes of a Table
    resource.override_logical_id(name)
