"""Takes the tables back to a moment: `python -m infra.drill --to 2026-11-21T02:59:30Z`, in a drill or in earnest.

Prints the calls it would make; with --execute it makes them. It stops what writes, restores each table to that moment
beside it, copies back what differs, so that names, streams and permissions stay, and starts again. A table that was
deleted comes back from its newest backup. At the end it tells how long that took, and how much was lost.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from adapters.dynamodb import TableThrottledError
from infra.copy_back import copy_back
from infra.wheels import BUILD

STACK = "ocpp-gateway"
CHARGE_POINTS = "ChargePointTable"
NOTES = BUILD / "drill.json"
TEMPLATE = Path(__file__).with_name("template.json")
RTO_S, RPO_S = 300, 5
POLL_S = 5

Client = Callable[[str], Any]


class DrillError(Exception):
    """It can't go on; the text is one sentence. What was stopped stays stopped."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the template wants it."""

    name: str
    properties: dict[str, Any]


@dataclass(slots=True)
class Drill:
    """One way back; `say` gets a line per call. Without `is_executed` nothing is changed."""

    client: Client
    to: datetime
    suffix: str
    is_executed: bool
    say: Callable[[str], object]
    tables: list[Table]
    notes: Path  # what to start again is written down here: a run that was cut short must not forget it
    poll_s: float = POLL_S
    _stopped: list[list[Any]] = field(default_factory=list)  # calls: service, operation, arguments

    def stop(self) -> None:
        """Have nobody write: no gateways, no functions."""
        outputs = self._outputs()
        if self.notes.exists():
            self._stopped = json.loads(self.notes.read_text())
        if "GatewayService" in outputs:
            self._stop_gateways(outputs["GatewayCluster"], outputs["GatewayService"])
        functions = [name for output, name in outputs.items() if output.endswith("FunctionName")]
        lambdas = self.client("lambda")
        for name in functions:
            for mapping in lambdas.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
                if mapping["State"] in ("Enabled", "Enabling"):
                    self._halt("lambda", "update_event_source_mapping", {"UUID": mapping["UUID"]}, "Enabled")
        for name in (output.removesuffix("Url") for output in outputs if output.endswith("FunctionUrl")):
            self._stop_function(outputs[f"{name}Name"])

    def restore(self) -> None:
        """Restore each table beside itself, or under its own name if it is gone; all at once."""
        there = set(self._names())
        with ThreadPoolExecutor(len(self.tables)) as threads:
            list(threads.map(lambda table: self._restore(table, table.name in there), self.tables))

    def copy_back(self) -> None:
        """Make each table what its restored copy is, and delete the copy."""
        for table in self.tables:
            copy = table.name + self.suffix
            if not self.is_executed:
                self.say(f"copy back {copy} to {table.name}, what differs")
                self._do("dynamodb", "delete_table", TableName=copy)
            elif copy in self._names():
                copied = copy_back(self.client("dynamodb"), copy, table.name)
                told = f"{copied.read} items, {copied.put} put, {copied.deleted} deleted"
                self.say(f"copied back {copy} to {table.name}: {told}")
                self._do("dynamodb", "delete_table", TableName=copy)

    def start(self) -> None:
        """Undo what `stop` did, the other way round."""
        while self._stopped:
            service, operation, arguments = self._stopped.pop()
            self._do(service, operation, **arguments)
        self.notes.unlink(missing_ok=True)

    def connected_since(self, moment: datetime) -> int:
        """How many charge points have connected since then."""
        since = int(moment.timestamp() * 1000)
        pages = self.client("dynamodb").get_paginator("scan").paginate(
            TableName=CHARGE_POINTS,
            FilterExpression="#epoch >= :since",
            ExpressionAttributeNames={"#epoch": "epoch"},
            ExpressionAttributeValues={":since": {"N": str(since)}},
            Select="COUNT",
        )  # fmt: skip
        return sum(int(page["Count"]) for page in pages)

    def _restore(self, table: Table, is_there: bool) -> None:
        if is_there:
            self._do(
                "dynamodb", "restore_table_to_point_in_time", SourceTableName=table.name,
                TargetTableName=table.name + self.suffix, RestoreDateTime=self.to,
                # Indexes would only take time: the copy is read by key.
                GlobalSecondaryIndexOverride=[], BillingModeOverride="PAY_PER_REQUEST",
            )  # fmt: skip
            self._wait(table.name + self.suffix)
            return
        self._do(
            "dynamodb", "restore_table_from_backup", TargetTableName=table.name, BackupArn=self._newest_backup(table),
            BillingModeOverride="PAY_PER_REQUEST",
        )  # fmt: skip
        self._wait(table.name)
        self._finish(table)

    def _finish(self, table: Table) -> None:
        # What no restore brings back.
        recovery = {"PointInTimeRecoveryEnabled": True}
        self._do(
            "dynamodb", "update_continuous_backups", TableName=table.name, PointInTimeRecoverySpecification=recovery
        )
        if expiry := table.properties.get("TimeToLiveSpecification"):
            self._do("dynamodb", "update_time_to_live", TableName=table.name, TimeToLiveSpecification=expiry)
        if stream := table.properties.get("StreamSpecification"):
            stream = {"StreamEnabled": True, **stream}
            self._do("dynamodb", "update_table", TableName=table.name, StreamSpecification=stream)

    def _newest_backup(self, table: Table) -> str:
        listed = self.client("dynamodb").list_backups(TableName=table.name, BackupType="ALL")["BackupSummaries"]
        if not listed:
            raise DrillError(f"{table.name} is gone, and there is no backup of it.")
        newest = max(listed, key=lambda backup: backup["BackupCreationDateTime"])
        return str(newest["BackupArn"])

    def _wait(self, table: str) -> None:
        if not self.is_executed:
            return
        try:
            how = {"Delay": self.poll_s, "MaxAttempts": int(4 * 3_600 / self.poll_s)}
            self.client("dynamodb").get_waiter("table_exists").wait(TableName=table, WaiterConfig=how)
        except WaiterError as error:
            raise DrillError(f"{table} is not restored: {error}.") from error

    def _stop_gateways(self, cluster: str, service: str) -> None:
        scalable = {
            "ServiceNamespace": "ecs", "ResourceId": f"service/{cluster}/{service}",
            "ScalableDimension": "ecs:service:DesiredCount",
        }  # fmt: skip
        scaling, ids = self.client("application-autoscaling"), [scalable["ResourceId"]]
        (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=ids)["ScalableTargets"]
        least, most = target["MinCapacity"], target["MaxCapacity"]
        (running,) = self.client("ecs").describe_services(cluster=cluster, services=[service])["services"]
        if not most:
            return  # a run before this one has stopped them
        again = {"cluster": cluster, "service": service, "desiredCount": running["desiredCount"]}
        self._note("ecs", "update_service", again | {"forceNewDeployment": True})
        scale = {**scalable, "MinCapacity": least, "MaxCapacity": most}
        self._note("application-autoscaling", "register_scalable_target", scale)
        self._do("application-autoscaling", "register_scalable_target", **scalable, MinCapacity=0, MaxCapacity=0)
        of_ours = {"cluster": cluster, "service": service}
        self._do("ecs", "update_service", **of_ours, desiredCount=0)
        if self.is_executed:
            self.client("ecs").get_waiter("services_stable").wait(cluster=cluster, services=[service])

    def _stop_function(self, name: str) -> None:
        kept = self.client("lambda").get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
        if kept == 0:
            return  # a run before this one has stopped it
        again: dict[str, Any] = {"FunctionName": name}
        if kept is None:
            self._note("lambda", "delete_function_concurrency", again)
        else:
            self._note("lambda", "put_function_concurrency", again | {"ReservedConcurrentExecutions": kept})
        self._do("lambda", "put_function_concurrency", FunctionName=name, ReservedConcurrentExecutions=0)

    def _halt(self, service: str, operation: str, arguments: dict[str, Any], switch: str) -> None:
        self._note(service, operation, {**arguments, switch: True})
        self._do(service, operation, **arguments, **{switch: False})

    def _note(self, service: str, operation: str, arguments: dict[str, Any]) -> None:
        # Before it is stopped: to start twice what was stopped once does no harm.
        self._stopped.append([service, operation, arguments])
        if self.is_executed:
            self.notes.parent.mkdir(parents=True, exist_ok=True)
            self.notes.write_text(json.dumps(self._stopped))

    def _do(self, service: str, operation: str, **arguments: Any) -> None:
        self.say(f"{service} {operation} {json.dumps(arguments, default=str)}")
        if self.is_executed:
            getattr(self.client(service), operation)(**arguments)

    def _names(self) -> Iterable[str]:
        for page in self.client("dynamodb").get_paginator("list_tables").paginate():
            yield from page["TableNames"]

    def _outputs(self) -> dict[str, str]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {each["OutputKey"].removesuffix("Output"): each["OutputValue"] for each in stack["Outputs"]}


def tables_of(template: Path = TEMPLATE) -> list[Table]:
    """All tables of the template; that of charge points first."""
    resources = json.loads(template.read_text(encoding="utf-8"))["Resources"].values()
    found = [each["Properties"] for each in resources if each["Type"] == "AWS::DynamoDB::Table"]
    return sorted(
        (Table(each["TableName"], each) for each in found),
        key=lambda table: (table.name != CHARGE_POINTS, table.name),
    )


def go(drill: Drill, *, has_copies: bool, wait_s: float) -> bool:
    """The whole way; whether both aims were met. `has_copies`: a run that was cut short has restored them."""
    began, began_at = time.monotonic(), datetime.now(UTC)
    drill.stop()
    stopped_at = datetime.now(UTC)
    for what, step in (("restored", drill.restore), ("copied back", drill.copy_back), ("started", drill.start)):
        if step != drill.restore or not has_copies:
            step()
            drill.say(f"{what} after {time.monotonic() - began:.1f} s")
    if not drill.is_executed:
        drill.say("Nothing was done: --execute does it.")
        return True
    is_back = _wait_for_somebody(drill, began_at, wait_s) if wait_s else True
    took_s, lost_s = time.monotonic() - began, (stopped_at - drill.to).total_seconds()
    drill.say(f"RTO {took_s:.0f} s (aim {RTO_S} s)" + ("" if is_back else ", and no charge point is back yet"))
    drill.say(f"RPO {lost_s:.0f} s (aim {RPO_S} s): what was written after {drill.to.isoformat()} is lost")
    return is_back and took_s <= RTO_S and lost_s <= RPO_S


def _wait_for_somebody(drill: Drill, since: datetime, wait_s: float) -> bool:
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        if drill.connected_since(since):
            return True
        time.sleep(min(drill.poll_s, 1))
    return False


def moment(text: str) -> datetime:
    """A moment of a command line, in UTC unless it says otherwise."""
    with suppress(ValueError):
        told = datetime.fromisoformat(text)
        return told if told.tzinfo else told.replace(tzinfo=UTC)
    raise argparse.ArgumentTypeError(f"{text!r} is no moment such as 2026-11-21T02:59:30Z")


def main() -> None:
    """Go back, or say how."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=moment, required=True, help="the last good moment, e.g. 2026-11-21T02:59:30Z")
    parser.add_argument("--table", action="append", help="only this one; may be repeated")
    parser.add_argument("--execute", action="store_true", help="make the calls instead of printing them")
    parser.add_argument("--restored", action="store_true", help="the copies are there: an earlier run was cut short")
    parser.add_argument("--suffix", help="of the copies' names; the moment unless told")
    parser.add_argument("--wait", type=float, default=120, help="seconds for a charge point to come back; %(default)s")
    arguments = parser.parse_args()
    known = tables_of()
    wanted = [table for table in known if table.name in (arguments.table or [each.name for each in known])]
    if unknown := set(arguments.table or ()) - {table.name for table in known}:
        sys.exit(f"There is no table {', '.join(sorted(unknown))}: there are {', '.join(each.name for each in known)}.")
    if arguments.to > datetime.now(UTC):
        sys.exit(f"{arguments.to.isoformat()} is yet to come.")
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)  # boto3 itself does not read it
    if not session.region_name:
        sys.exit("Which region? Set AWS_REGION.")
    suffix = arguments.suffix or f"-{arguments.to.astimezone(UTC):%Y%m%dT%H%M%S}"

    @cache  # threads share clients, and may not make them side by side
    def client(name: str) -> Any:
        return session.client(name)  # type: ignore[call-overload]

    drill = Drill(client, arguments.to, suffix, arguments.execute, lambda line: print(line, flush=True), wanted, NOTES)  # noqa: T201
    try:
        is_met = go(drill, has_copies=arguments.restored, wait_s=arguments.wait)
    except (BotoCoreError, ClientError, DrillError, TableThrottledError) as error:
        sys.exit(f"{error} Nothing more was done: run it again, with --restored once the copies are there.")
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
