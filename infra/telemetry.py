"""Telemetry: its tables and queues, the function that fills archive and latest state, and the tables Athena reads."""

from collections.abc import Mapping

from aws_cdk import Aws
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from infra.data import Data
from infra.messaging import Messaging, allow, iot_arns
from infra.options import Options
from infra.processing import READ, Processing, on_tables
from infra.windows import BATCH, FRAMES_WINDOW_S, STATIONS_WINDOW_S

API_TIMEOUT_S = 30
DATABASE = "ocpp_gateway"
_KEEP = (
    "dynamodb:PartiQLUpdate", "dynamodb:PartiQLInsert", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:PutItem",
)  # fmt: skip
# In base64, because what is no JSON shall become a dead letter with its reason, too.
STATIONS_SQL = (
    "SELECT encode(*, 'base64') AS payload, topic(3) AS station, timestamp() AS receivedAt "
    "FROM 'ev/station/+/telemetry'"
)
_HOURS = {"year": "2024,2099", "month": "1,12", "day": "1,31", "hour": "0,23"}
_DAYS = {name: allowed for name, allowed in _HOURS.items() if name != "hour"}
FRAMES = {
    "id": "string", "charge_point_id": "string", "received_at": "string", "direction": "string", "ocpp": "string",
    "epoch": "bigint", "message_type": "int", "message_id": "string", "action": "string", "message": "string",
}  # fmt: skip
SAMPLES = {
    "id": "string", "charge_point_id": "string", "connector": "string", "transaction_id": "string",
    "sampled_at": "string", "received_at": "string", "measurand": "string", "value": "double", "unit": "string",
    "phase": "string", "context": "string", "location": "string", "status": "string", "error_code": "string",
}  # fmt: skip
STATIONS = {
    "id": "string", "station_id": "string", "battery_available": "int", "battery_charging": "int",
    "temperature": "double", "humidity": "double", "status": "string", "timestamp": "string", "received_at": "string",
    "registered": "boolean",
}  # fmt: skip


class Telemetry(Construct):
    """Frames and stations' messages, kept twice: the latest in tables, all of them in the archive."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        data: Data,
        messaging: Messaging,
        processing: Processing,
        options: Options,
    ) -> None:
        super().__init__(scope, construct_id)
        self._data = data
        self.latest_samples = data.table("LatestSampleTable", "chargePointId", "connector")
        self.stations = data.table("StationTable", "stationId")
        # Keys only, and they never change: what a station says next does not touch the index.
        data.index(self.stations, "allStations", "kind", "stationId", dynamodb.ProjectionType.KEYS_ONLY)
        station_telemetry = messaging.queue("StationTelemetry", window_s=STATIONS_WINDOW_S)
        messaging.rule("StationMessages", STATIONS_SQL, station_telemetry)
        permissions = [
            *on_tables(READ, data.charge_points, data.transactions),
            *on_tables(_KEEP, self.latest_samples, self.stations),
            allow(["s3:PutObject"], [data.archive.arn_for_objects("*")]),
            allow(["iot:DescribeThing"], iot_arns("thing/*")),
        ]
        bucket = {"OCPPGW_ARCHIVE_BUCKET": data.archive.bucket_name}
        self.function = processing.processor(
            "TelemetryFunction",
            "telemetry.lambda_handler.handler",
            permissions,
            [messaging.frames_to_archive, station_telemetry],
            batch=BATCH,
            windows_s=(FRAMES_WINDOW_S, STATIONS_WINDOW_S),
            environment=bucket,
        )
        read = [
            *on_tables(READ, data.charge_points, self.latest_samples, self.stations),
            allow(["s3:GetObject"], [data.archive.arn_for_objects("*")]),
            allow(["s3:ListBucket"], [data.archive.bucket_arn]),
        ]
        api = processing.function("TelemetryApiFunction", "telemetry.lambda_handler.api", API_TIMEOUT_S, read, **bucket)
        processing.url("TelemetryUrl", api, options.read_concurrency)
        self.station_policy = self._station_policy()
        database = glue.CfnDatabase(
            self,
            "ArchiveDatabase",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(name=DATABASE),
        )
        database.override_logical_id("ArchiveDatabase")
        for name, columns, partitions in (
            ("frames", FRAMES, _HOURS),
            ("samples", SAMPLES, _HOURS),
            ("telemetry", STATIONS, _DAYS),
        ):
            self._athena_table(name, columns, partitions).add_resource_dependency(database)

    def _station_policy(self) -> iot.CfnPolicy:
        # A station publishes as the thing its certificate is attached to, and as nobody else.
        thing = "${iot:Connection.Thing.ThingName}"
        connect = iam.PolicyStatement(
            actions=["iot:Connect"],
            resources=iot_arns(f"client/{thing}"),
            conditions={"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}},
        )
        publish = allow(["iot:Publish"], iot_arns(f"topic/ev/station/{thing}/telemetry"))
        document = iam.PolicyDocument(statements=[connect, publish])
        policy = iot.CfnPolicy(self, "StationPolicy", policy_document=document)
        policy.override_logical_id("StationPolicy")
        return policy

    def _athena_table(self, name: str, columns: Mapping[str, str], partitions: Mapping[str, str]) -> glue.CfnTable:
        # Projected: Athena knows which partitions there may be, and no crawler has to look for them.
        projection = {"projection.enabled": "true", "classification": "json"}
        for key, allowed in partitions.items():
            projection |= {f"projection.{key}.type": "integer", f"projection.{key}.range": allowed}
            projection |= {} if key == "year" else {f"projection.{key}.digits": "2"}
        storage = glue.CfnTable.StorageDescriptorProperty(
            columns=_columns(columns),
            location=f"s3://{self._data.archive.bucket_name}/{name}/",
            input_format="org.apache.hadoop.mapred.TextInputFormat",
            output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library="org.openx.data.jsonserde.JsonSerDe"),
        )
        table = glue.CfnTable(
            self,
            f"{name.capitalize()}ArchiveTable",
            catalog_id=Aws.ACCOUNT_ID,
            database_name=DATABASE,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                table_type="EXTERNAL_TABLE",
                parameters=projection,
                partition_keys=_columns(dict.fromkeys(partitions, "string")),
                storage_descriptor=storage,
            ),
        )
        table.override_logical_id(f"{name.capitalize()}ArchiveTable")
        return table


def _columns(columns: Mapping[str, str]) -> list[glue.CfnTable.ColumnProperty]:
    return [glue.CfnTable.ColumnProperty(name=name, type=kind) for name, kind in columns.items()]
