"""How long each kind of data is kept. Id tokens are kept until they are removed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta


class RetentionError(ValueError):
    """A setting can't be used; the text is one sentence that names the variable."""


@dataclass(frozen=True, slots=True)
class Retention:
    """In days, from the last write of it: a device's clock decides nothing. Frames and samples are S3's to remove."""

    transactions: int = 3_653
    commands: int = 90
    events: int = 90
    reports: int = 90
    frames: int = 30
    samples: int = 3_653

    def transactions_until(self, now: datetime) -> int:
        """When what is written now about a transaction expires, in seconds since 1970."""
        return _until(now, self.transactions)

    def commands_until(self, now: datetime) -> int:
        """The same of a command or a job."""
        return _until(now, self.commands)

    def events_until(self, now: datetime) -> int:
        """The same of an event."""
        return _until(now, self.events)

    def reports_until(self, now: datetime) -> int:
        """The same of a report."""
        return _until(now, self.reports)

    def environment(self) -> dict[str, str]:
        """The variables that say so to a process, where it is not what one takes anyway."""
        usual = Retention()
        return {
            _variable(each.name): str(getattr(self, each.name))
            for each in fields(self)
            if getattr(self, each.name) != getattr(usual, each.name)
        }


def of(environment: Mapping[str, str]) -> Retention:
    """What these variables say: OCPPGW_TRANSACTIONS_KEPT_DAYS and so on.

    Raises:
        RetentionError: one of them is no number of days.
    """
    named = {each.name: environment.get(_variable(each.name)) for each in fields(Retention)}
    return Retention(**{name: _days(name, given) for name, given in named.items() if given})


def _days(name: str, given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= 36_525:
        raise RetentionError(f"{_variable(name)} is {given!r}: it must be a number of days from 1 to 36525.")
    return int(given)


def _variable(name: str) -> str:
    return f"OCPPGW_{name.upper()}_KEPT_DAYS"


def _until(now: datetime, days: int) -> int:
    return int((now + timedelta(days=days)).timestamp())
