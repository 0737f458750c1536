"""The function of fleet administration: what it may touch, and its URL."""

from infra.data import Data
from infra.messaging import allow, iot_arns
from infra.processing import READ, WRITE, Processing, on_tables

TIMEOUT_S = 10  # nothing it does waits for a charge point


def add_fleet(processing: Processing, data: Data) -> None:
    """Add a function of its own: commands that wait for their answer must not keep anybody from reading."""
    permissions = [
        *on_tables(READ, *data.all),
        *on_tables(WRITE, data.charge_points, data.id_tokens),
        allow(["iot:CreateThing", "iot:DescribeThing", "iot:DeleteThing", "iot:GetThingShadow"], iot_arns("thing/*")),
        allow(["iot:Publish"], iot_arns("topic/gateways/*/evict")),
    ]
    function = processing.function("FleetFunction", "fleet.lambda_handler.handler", TIMEOUT_S, permissions)
    processing.url("FleetUrl", function)
