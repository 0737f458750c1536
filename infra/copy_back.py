"""Makes one table what another is: only what differs is written, so a table keeps its name, stream and recovery.

A page at a time, in segments side by side: what it takes in memory does not depend on the size of the tables.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from adapters import dynamodb

SEGMENTS = 8

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Copied:
    """How many items were read, put and deleted."""

    read: int
    put: int
    deleted: int


def copy_back(client: Any, source: str, target: str) -> Copied:
    """Give the target every item of the source, and delete what only the target has."""
    keys = [key["AttributeName"] for key in client.describe_table(TableName=target)["Table"]["KeySchema"]]
    with ThreadPoolExecutor(SEGMENTS) as threads:
        put = list(threads.map(partial(_put, client, source, target, keys), range(SEGMENTS)))
        deleted = sum(threads.map(partial(_delete, client, source, target, keys), range(SEGMENTS)))
    return Copied(sum(read for read, _ in put), sum(count for _, count in put), deleted)


def _put(client: Any, source: str, target: str, keys: list[str], segment: int) -> tuple[int, int]:
    read = put = 0
    for page in _pages(client, source, segment):
        there = _by_key(dynamodb.get_many(client, target, [_key(item, keys) for item in page]), keys)
        other = [item for item in page if there.get(_text(item, keys)) != item]
        dynamodb.put_many(client, target, other)
        read, put = read + len(page), put + len(other)
    return read, put


def _delete(client: Any, source: str, target: str, keys: list[str], segment: int) -> int:
    deleted = 0
    for page in _pages(client, target, segment):
        wanted = [_key(item, keys) for item in page]
        there = _by_key(dynamodb.get_many(client, source, wanted), keys)
        gone = [key for key in wanted if _text(key, keys) not in there]
        dynamodb.delete_many(client, target, gone)
        deleted += len(gone)
    return deleted


def _pages(client: Any, table: str, segment: int) -> Iterator[list[Item]]:
    paginator = client.get_paginator("scan")
    for page in paginator.paginate(TableName=table, ConsistentRead=True, Segment=segment, TotalSegments=SEGMENTS):
        if page["Items"]:
            yield page["Items"]


def _by_key(items: Iterator[Item], keys: list[str]) -> dict[str, Item]:
    return {_text(item, keys): item for item in items}


def _key(item: Item, keys: list[str]) -> Item:
    return {name: item[name] for name in keys}


def _text(item: Item, keys: list[str]) -> str:
    return repr([item[name] for name in keys])
