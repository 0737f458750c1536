"""Frames of the archive in the order they were said."""

import itertools

from domain import archive
from domain.archive import Row


def frame(at: str, direction: str, message_type: int, message_id: str, charge_point_id: str = "CP1") -> Row:
    return {
        "charge_point_id": charge_point_id, "received_at": at, "direction": direction,
        "message_type": message_type, "message_id": message_id,
    }  # fmt: skip


def test_whatever_shares_a_millisecond_frames_come_in_the_order_they_were_said() -> None:
    said = [
        frame("05:00:00.001Z", "in", 2, "1"),
        frame("05:00:00.002Z", "out", 3, "1"),
        frame("05:00:00.002Z", "in", 2, "2"),
        frame("05:00:00.002Z", "out", 4, "2"),
        frame("05:00:00.003Z", "out", 2, "2"),
        frame("05:00:00.004Z", "in", 3, "2"),
    ]

    assert all(archive.in_order(mixed) == said for mixed in itertools.permutations(said))


def test_the_same_message_id_of_another_charge_point_says_nothing() -> None:
    said = [
        frame("05:00:00.001Z", "in", 2, "1", "CP2"),
        frame("05:00:00.002Z", "in", 2, "1"),
        frame("05:00:00.002Z", "out", 3, "1"),
    ]

    assert archive.in_order(reversed(said)) == said
