"""In which lists of TransactionTable a transaction is: the keys of its indexes (docs/data-model.md)."""

import zlib
from datetime import date

from adapters.dynamodb_items import Item, attribute, text
from domain import pages
from domain.models import Transaction
from ocppj import timestamps

NAMES = ("listedAt", "tokenKey", "openKey", "openOfPartner", "endedKey")

_SHARDS = 4  # each takes about 1,000 starts and stops a second
_LONGEST_TOKEN = 512  # characters: a key of an index has 2,048 bytes, and devices send what they like


def listed(transaction: Transaction, sort_key: str) -> Item:
    """The keys of a transaction; `sort_key` is its own in the table."""
    at, ended_at = pages.listed_at(transaction), pages.ended_at(transaction)
    shard = zlib.crc32(transaction.charge_point_id.encode()) % _SHARDS
    # With the key, so that no two are listed at the same place: else a page might begin in the middle of such.
    named = {
        "listedAt": f"{timestamps.write(at)}#{transaction.charge_point_id}#{sort_key}" if at else None,
        "tokenKey": (transaction.id_token or "").lower()[:_LONGEST_TOKEN],
        "openKey": open_keys()[shard] if transaction.is_open else None,
        "openOfPartner": transaction.partner if transaction.is_open else None,
        "endedKey": ended_keys(pages.day_of(ended_at))[shard] if ended_at else None,
    }
    return {name: attribute(value) for name, value in named.items() if value}


def missing(transaction: Transaction, item: Item) -> Item:
    """The keys that its item lacks: it was written before there was such a list."""
    return {name: value for name, value in listed(transaction, text(item["transactionId"])).items() if name not in item}


def open_keys() -> list[str]:
    """The partitions of `byOpen`."""
    return [f"open#{shard}" for shard in range(_SHARDS)]


def ended_keys(day: date) -> list[str]:
    """The partitions of a day in `byEnd`."""
    return [f"ended#{day.isoformat()}#{shard}" for shard in range(_SHARDS)]
