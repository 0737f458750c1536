"""How long things are kept, and how a process is told so."""

from datetime import UTC, datetime

import pytest

from domain import retention
from domain.retention import Retention, RetentionError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_what_a_process_is_told_is_what_it_takes() -> None:
    chosen = Retention(transactions=400, frames=7)

    assert chosen.environment() == {"OCPPGW_TRANSACTIONS_KEPT_DAYS": "400", "OCPPGW_FRAMES_KEPT_DAYS": "7"}
    assert retention.of(chosen.environment()) == chosen
    assert (retention.of({}), Retention().environment()) == (Retention(), {})


def test_transactions_are_kept_ten_years() -> None:
    expires = datetime.fromtimestamp(Retention().transactions_until(NOON), UTC)

    assert expires == datetime(2036, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("days", ["0", "-1", "ten", "1e3", "99999"])
def test_a_number_of_days_that_is_none_names_its_variable(days: str) -> None:
    with pytest.raises(RetentionError, match=r"OCPPGW_EVENTS_KEPT_DAYS is .*a number of days from 1 to 36525\.$"):
        retention.of({"OCPPGW_EVENTS_KEPT_DAYS": days})
