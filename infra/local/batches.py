"""Batches of a queue as AWS hands them to a function: as many messages as the mapping wants, not ten.

A mapping that wants more than ten is one that can wait. AWS gathers for as long as its window says; here one gets what
there is, and the next batch not before a moment has passed: who is at work on this machine does not wait a minute. And
one batch at a time: on a busy machine another process, which knows nothing yet, is slower than a larger batch.
"""

import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

PACE_S = 0.5
LARGEST = 4 * 1024 * 1024  # characters in a batch: AWS calls a function with 6 MB at most
PORTION = 100
_AT_ONCE = 10  # what ministack hands out

Message = dict[str, Any]


def hand_out_whole_batches(pace_s: float = PACE_S) -> None:
    """Make the emulator of this process do so."""
    from ministack.services import lambda_svc, sqs

    # Private, hence the pinned version and a test.
    ten, concurrency = sqs._receive_messages_for_esm, lambda_svc._sqs_esm_concurrency
    next_at: dict[str, float] = {}

    def receive(queue_url: str, most: int) -> list[Message]:
        if most <= _AT_ONCE:
            return list(ten(queue_url, most))
        now = time.monotonic()
        if now < next_at.get(queue_url, 0.0):
            return []
        batch = _batch(sqs, queue_url, most)
        if batch:
            next_at[queue_url] = now + pace_s
        return batch

    def at_once(mapping: Message, *others: Any) -> int:
        return 1 if mapping["BatchSize"] > _AT_ONCE else int(concurrency(mapping, *others))

    sqs._receive_messages_for_esm, lambda_svc._sqs_esm_concurrency = receive, at_once


def _batch(sqs: Any, queue_url: str, most: int) -> list[Message]:
    batch: list[Message] = []
    with sqs._queues_lock:
        queue = sqs._get_q(queue_url)
        invisible_s = int(queue["attributes"].get("VisibilityTimeout", "30"))
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        while len(batch) < most and sum(len(message["body"]) for message in batch) < LARGEST:
            portion = sqs._collect_msgs(queue, min(PORTION, most - len(batch)), invisible_s)
            batch += portion
            if len(portion) < PORTION:
                break
    return batch


def visible(messages: Iterable[Message], most: int, now: float) -> list[Message]:
    """The first messages that may be handed out now; those behind them are not looked at."""
    return list(islice((each for each in messages if each.get("visible_at", 0.0) <= now), most))


def bear_long_queues() -> None:
    """Have the emulator of this process look at as many messages as it hands out, not at all that wait.

    Ten thousand wait when the processors were away for ten minutes.
    """
    from ministack.services import sqs

    collect, expire = sqs._collect_msgs, sqs._expire_retained  # private, too
    expired_at: dict[str, float] = {}

    def collect_first(queue: Message, most: int, invisible_s: int) -> list[Message]:
        if queue["is_fifo"]:
            return list(collect(queue, most, invisible_s))
        first = visible(queue["messages"], most, time.time())
        return list(collect(queue | {"messages": first}, most, invisible_s))

    def expire_now_and_then(queue: Message) -> None:
        name, now = queue["attributes"]["QueueArn"], time.monotonic()
        if now >= expired_at.get(name, 0.0):
            expired_at[name] = now + PACE_S
            expire(queue)

    sqs._collect_msgs, sqs._expire_retained = collect_first, expire_now_and_then
