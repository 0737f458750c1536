"""Jobs in DynamoDB: JobTable, an item `job` per job and one `target#<number>` per charge point; kept like commands."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, read, write
from domain.jobs import Job, Target

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INDEX = "newest"  # sparse: only the items of jobs have a kind
_KIND = attribute("job")


class DynamoJobs:
    """The Jobs and Targets ports."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.jobs
        self._kept = tables.kept

    def add(self, job: Job) -> None:
        self._put(self._item(job), "attribute_not_exists(jobId)")

    def find(self, job_id: str) -> Job | None:
        found: Any = self._client.get_item(TableName=self._table, Key=_key(job_id), ConsistentRead=True)
        return read(Job, found["Item"]) if "Item" in found else None

    def save(self, job: Job, step: int) -> bool:
        return self._put(self._item(job), "step = :step", {":step": attribute(step)})

    def newest(self, limit: int, after: tuple[datetime, str] | None = None) -> Sequence[Job]:
        start: Any = {}
        if after is not None:
            moment, job_id = after
            start["ExclusiveStartKey"] = _key(job_id) | {"kind": _KIND, "createdAt": attribute(moment)}
        found = dynamodb.query(
            self._client,
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": _KIND},
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        return [read(Job, item) for item in islice(found, limit)]

    def plan(self, target: Target) -> None:
        self._put(self._target(target), "attribute_not_exists(jobId)")

    def note(self, target: Target) -> None:
        self._client.put_item(TableName=self._table, Item=self._target(target))

    def of_job(self, job_id: str, first: int, count: int) -> Sequence[Target]:
        if count <= 0:
            return []
        found = dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="jobId = :job AND part BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":job": attribute(job_id),
                ":first": attribute(_part(first)),
                ":last": attribute(_part(first + count - 1)),
            },
            ConsistentRead=True,
        )
        return [read(Target, item) for item in found]

    def _item(self, job: Job) -> Item:
        expires = attribute(self._kept.commands_until(job.created_at))
        return write(job) | {"part": attribute("job"), "kind": _KIND, "expiresAt": expires}

    def _target(self, target: Target) -> Item:
        expires = attribute(self._kept.commands_until(target.planned_at))
        return write(target) | {"part": attribute(_part(target.number)), "expiresAt": expires}

    def _put(self, item: Item, condition: str, values: Item | None = None) -> bool:
        said: Any = {"ExpressionAttributeValues": values} if values else {}
        try:
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression=condition, **said)
        except ClientError as error:
            if not dynamodb.refused(error):
                raise
            return False
        return True


def _part(number: int) -> str:
    return f"target#{number:08}"


def _key(job_id: str) -> Item:
    return {"jobId": attribute(job_id), "part": attribute("job")}
