"""Lists in pages from the stores in memory: for tests."""

from collections.abc import Iterable
from datetime import date

from adapters.memory import MemoryReports, MemoryTransactions
from domain import pages
from domain.models import Transaction
from domain.pages import Ask, CursorError, Page, Report
from ocppj import timestamps


class MemoryTransactionPages:
    """TransactionPages of a MemoryTransactions."""

    def __init__(self, transactions: MemoryTransactions) -> None:
        self._transactions = transactions

    def of_charge_point(self, charge_point_id: str, ask: Ask) -> Page[Transaction]:
        return _page(self._transactions.of(charge_point_id), ask)

    def of_token(self, id_token: str, ask: Ask) -> Page[Transaction]:
        lower = id_token.lower()
        return _page((one for one in self._transactions.all() if (one.id_token or "").lower() == lower != ""), ask)

    def open(self, ask: Ask, partner: str | None = None) -> Page[Transaction]:
        return _page((one for one in self._transactions.all() if one.is_open and partner in (None, one.partner)), ask)

    def ended(self, day: date, ask: Ask) -> Page[Transaction]:
        ended = ((one, pages.ended_at(one)) for one in self._transactions.all())
        return _page((one for one, at in ended if at is not None and pages.day_of(at) == day), ask)

    def list_all(self) -> int:
        return 0


class MemoryReportPages:
    """ReportPages of a MemoryReports."""

    def __init__(self, reports: MemoryReports) -> None:
        self._reports = reports

    def page(self, charge_point_id: str, action: str, ask: Ask) -> Page[Report]:
        kept = (one for one in self._reports.of_all_actions(charge_point_id) if action in ("", one.action))
        ordered = sorted(kept, key=_key, reverse=True)
        if ask.cursor:
            (after,) = pages.decode(ask.cursor, 1)
            if not after.startswith(f"{action}#" if action else ""):
                raise CursorError("this is the cursor of another list")
            ordered = [report for report in ordered if _key(report) < after]
        return pages.cut(ordered, ask.limit, lambda report: pages.encode(_key(report)))


def _page(found: Iterable[Transaction], ask: Ask) -> Page[Transaction]:
    begin, end = (timestamps.write(moment) if moment else "" for moment in (ask.begin, ask.end))
    placed = {_place(one): one for one in found if pages.listed_at(one) is not None}
    ordered = [
        place for place in sorted(placed, reverse=True) if begin <= place[0] and (not end or place[0] < end)
    ]  # fmt: skip
    if ask.cursor:
        after = pages.decode(ask.cursor, 3)
        ordered = [place for place in ordered if place < after]
    page = pages.cut(ordered, ask.limit, lambda place: pages.encode(*place))
    return Page([placed[place] for place in page.items], page.cursor)


def _place(transaction: Transaction) -> tuple[str, str, str]:
    at = pages.listed_at(transaction)
    return timestamps.write(at) if at else "", transaction.charge_point_id, transaction.transaction_id


def _key(report: Report) -> str:
    return f"{report.action}#{report.key}"
