"""Whether the house kept up with its telemetry."""

from bench.telemetry_house import Plan, grown

FULL = Plan(1_000, 1_000, 1, 600).per_second(1)


def test_a_queue_is_too_long_by_its_own_rate() -> None:
    calm = {"StationTelemetry": 176, "FramesToArchive": 188, "IncomingMessagesQueue": 25}

    # One CALL of each charge point waits: there can't be more.
    assert grown(FULL, [calm, calm | {"IncomingMessagesQueue": 1_000}]) == ["IncomingMessagesQueue"]
    assert grown(FULL, [calm]) == []
