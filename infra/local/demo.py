"""What the demo has: five charge points and five id tokens."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from adapters import dynamodb
from adapters.dynamodb_id_tokens import DynamoIdTokens
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import IdToken
from infra.local.cloud import AWS

TOKENS = tuple(f"demo-tag-{number}" for number in range(1, 6))
SESSION_S = 45
PAUSE_S = 15


@dataclass(frozen=True, slots=True)
class Fleet:
    """Simulated charge points of one version; all of them present the same token."""

    version: str
    charge_point_ids: tuple[str, ...]
    token: str

    def command(self, url: str) -> list[str]:
        """The command that runs them, for ever."""
        ids = [part for charge_point_id in self.charge_point_ids for part in ("--id", charge_point_id)]
        pace = ["--sessions", "-1", "--session-seconds", str(SESSION_S), "--pause-seconds", str(PAUSE_S)]
        options = ["--version", self.version, "--url", url, "--id-tag", self.token, *pace]
        return [sys.executable, "-m", "charge_point_sim", *ids, *options]


FLEETS = (
    Fleet("1.6", ("DEMO-001", "DEMO-002", "DEMO-003"), "DEMO-TAG-1"),
    Fleet("2.0.1", ("DEMO-004", "DEMO-005"), "DEMO-TAG-2"),
)
CHARGE_POINTS = tuple(charge_point_id for fleet in FLEETS for charge_point_id in fleet.charge_point_ids)


def add_tokens(aws: AWS) -> None:
    """Add the id tokens that are not there yet; what somebody made of the others stays."""
    tokens = DynamoIdTokens(aws.client("dynamodb"), dynamodb.Tables())
    for token in TOKENS:
        if tokens.find(token) is None:
            tokens.put(IdToken(token))


def add_charge_points(aws: AWS, wait_until: Callable[[str, Callable[[], bool]], None]) -> None:
    """Register the charge points as a fleet admin does, as IoT things, and wait until the thing events made rows."""
    iot = aws.client("iot")
    for charge_point_id in CHARGE_POINTS:
        iot.create_thing(thingName=charge_point_id)  # the same thing again changes nothing
    registry = DynamoRegistry(aws.client("dynamodb"), dynamodb.Tables())
    wait_until("the registry rows of the demo", lambda: len(registry.find_many(CHARGE_POINTS)) == len(CHARGE_POINTS))
