"""Id tokens that were presented and nobody had added: kept for a while, so that an operator can add them.

They are kept as reports under a name that no charge point has, one for each partner.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.models import ChargePoint
from domain.ports import Reports
from ocppj import timestamps

_ACTION = "UnknownToken"


def note(id_token: str, kind: str | None, row: ChargePoint, at: datetime, reports: Reports) -> None:
    """Note that a charge point presented it; the latest time is kept."""
    lower = id_token.lower()
    told = {
        "idToken": lower,
        "type": kind,
        "chargePointId": row.charge_point_id,
        "presentedAt": timestamps.write(at),
    }
    reports.keep(_shelf(row.partner), _ACTION, lower, told, at)


def presented(partner: str | None, reports: Reports) -> Sequence[dict[str, Any]]:
    """All that were noted at the charge points of a partner, or of the house; the latest first."""
    kept = reports.of_charge_point(_shelf(partner), _ACTION)
    return sorted(kept, key=lambda each: str(each["presentedAt"]), reverse=True)


def _shelf(partner: str | None) -> str:
    return f"#unknown-tokens#{partner or ''}"
