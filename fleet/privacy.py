"""Erasing and exporting an id token: every store in turn, the bill kept, what was done counted.

An erasure makes up a name, puts it in the place of the token everywhere, and forgets it: what belonged together still
does, whose it was nobody can tell (docs/adr/0005). It may be broken off and begun again: until it is through it goes on
where it was, under the same name.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from domain import archive
from domain.archive import FRAMES, Archive, Row
from domain.models import Transaction
from domain.pages import MOST, Ask, TransactionPages
from domain.privacy import PSEUDONYM, Counts, Mine, Payload, Progress, Search, Store

_AT_ONCE, _THREADS = 64, 16  # files, and what reads them


class Letters(Protocol):
    """What lies in the queues of what could not be processed."""

    def bodies(self) -> Iterator[str]:
        """All of it; it stays there."""

    def rewrite(self, change: Callable[[str], str | None]) -> int:
        """Replace what `change` has something else for; how many."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """The stores, in the order in which they are erased; the transactions, and whose charge points are."""

    stores: Sequence[Store]
    progress: Progress
    transactions: TransactionPages
    find: Callable[[str, str], Transaction | None]
    partners: Callable[[], Mapping[str, str | None]]


def erase(id_token: str, partner: str | None, privacy: Privacy, *, is_dry: bool) -> Payload:
    """Erase a token everywhere, or at a partner's charge points; or say what would be.

    While transactions with it run it is not through: their ends bring the token back, and the next erasure goes on
    under the same name.
    """
    mine = _mine(partner, privacy)
    running = [
        {"chargePointId": one.charge_point_id, "transactionId": one.transaction_id}
        for one in _of_token(id_token, privacy.transactions)
        if one.is_open and mine(one.charge_point_id, one.partner)
    ]
    told = privacy.progress.find(id_token, partner) or {"pseudonym": PSEUDONYM + secrets.token_hex(7)[:13], "done": {}}
    # Those of the run before have the token no more, and may still bring it back.
    running += [one for one in told.get("running", ()) if one not in running and _runs(one, privacy)]
    told["running"] = running
    done: dict[str, Payload] = {} if is_dry else told["done"]
    for store in privacy.stores:
        if store.name in done:
            continue
        if not is_dry:
            privacy.progress.keep(id_token, partner, told)
        done[store.name] = store.erase(id_token, told["pseudonym"], mine, is_dry=is_dry).as_json()
    if running and not is_dry:
        privacy.progress.keep(id_token, partner, told | {"done": {}})
    elif not is_dry:
        privacy.progress.forget(id_token, partner)
    total = {name: sum(each[name] for each in done.values()) for name in Counts().as_json()}
    is_finished = not (is_dry or running)
    return {
        "dryRun": is_dry, "finished": is_finished, "partner": partner, "running": running, "stores": done,
        "total": total,
    }  # fmt: skip


def export(id_token: str, partner: str | None, privacy: Privacy) -> Payload:
    """Everything that is held of a token, by store."""
    mine = _mine(partner, privacy)
    held = {store.name: list(store.export(id_token, mine)) for store in privacy.stores}
    return {"idToken": id_token, "partner": partner, "stores": held}


def _mine(partner: str | None, privacy: Privacy) -> Mine:
    if partner is None:
        return lambda charge_point_id, its: True
    partners = privacy.partners()

    def mine(charge_point_id: str | None, its: str | None) -> bool:
        return partner == (its if its is not None else partners.get(charge_point_id or ""))

    return mine


def _runs(told: Payload, privacy: Privacy) -> bool:
    found = privacy.find(told["chargePointId"], told["transactionId"])
    return found is not None and found.is_open


def _of_token(id_token: str, transactions: TransactionPages) -> Iterator[Transaction]:
    cursor: str | None = None
    while True:
        page = transactions.of_token(id_token, Ask(MOST, cursor))
        yield from page.items
        if (cursor := page.cursor) is None:
            return


@dataclass(frozen=True, slots=True)
class FrameLog:
    """The Store port, of the frames in the archive: a file that has the token is written anew, then removed."""

    archive: Archive
    name: str = "frames"

    def erase(self, id_token: str, pseudonym: str, mine: Mine, *, is_dry: bool) -> Counts:
        counts, search = Counts(), Search(id_token)
        for key, rows in self._files():
            before = counts.changed
            anew = [self._row(row, search, pseudonym, mine, counts) for row in rows]
            if counts.changed == before or is_dry:
                continue
            files = archive.files(FRAMES, anew)
            for name, body in files.items():
                self.archive.put(name, body)
            self.archive.remove([key] if key not in files else [])
        counts.signed = search.signed
        return counts

    def export(self, id_token: str, mine: Mine) -> Iterator[Payload]:
        search = Search(id_token)
        for _, rows in self._files():
            for row in rows:
                message = orjson.loads(row["message"])
                if mine(row["charge_point_id"], None) and search.is_in(message):
                    yield row | {"message": search.own(message)}

    def _row(self, row: Row, search: Search, pseudonym: str, mine: Mine, counts: Counts) -> Row:
        if not mine(row["charge_point_id"], None):
            return row
        before = search.found
        message = search.replaced(orjson.loads(row["message"]), pseudonym)
        if search.found == before:
            return row
        counts.changed += 1
        return row | {"message": orjson.dumps(message).decode()}

    def _files(self) -> Iterator[tuple[str, list[Row]]]:
        keys = sorted(self.archive.keys(f"{FRAMES.name}/"))
        with ThreadPoolExecutor(_THREADS, "privacy") as threads:
            for start in range(0, len(keys), _AT_ONCE):
                for key, bodies in threads.map(self._get, keys[start : start + _AT_ONCE]):
                    yield from ((key, archive.rows_of(body)) for body in bodies)

    def _get(self, key: str) -> tuple[str, list[bytes]]:
        return key, list(self.archive.get_many([key]))


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The Store port, of what could not be processed."""

    letters: Letters
    name: str = "deadLetters"

    def erase(self, id_token: str, pseudonym: str, mine: Mine, *, is_dry: bool) -> Counts:
        counts, search = Counts(), Search(id_token)

        def changed(body: str) -> str | None:
            read = _read(body)
            before = search.found
            if read is None or not mine(read.get("chargePointId"), None):
                return None
            anew = search.replaced(read, pseudonym)
            return orjson.dumps(anew).decode() if search.found > before else None

        if is_dry:
            counts.changed = sum(changed(body) is not None for body in self.letters.bodies())
        else:
            counts.changed = self.letters.rewrite(changed)
        counts.signed = search.signed
        return counts

    def export(self, id_token: str, mine: Mine) -> Iterator[Payload]:
        search = Search(id_token)
        for body in self.letters.bodies():
            read = _read(body)
            if read is not None and mine(read.get("chargePointId"), None) and search.is_in(read):
                yield search.own(read)


def _read(body: str) -> dict[str, Any] | None:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None  # no record of ours: a token in it nobody could tell
    return read if isinstance(read, dict) else None
