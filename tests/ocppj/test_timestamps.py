"""Timestamps: read leniently, written strictly (conformance B-21)."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppj import timestamps

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000Z", "2026-11-21T12:00:00-00:00", "2026-11-21t12:00:00z",
        "2026-11-21T14:00:00+02:00", "2026-11-21T14:00:00+02", "2026-11-21T14:00:00+0200", "2026-11-21T12:00Z",
        "2026-11-21 12:00:00Z", "2026-11-21T12:00:00", "2026-11-21T12:00:00.0000000Z", "2026-11-21T11:59:60Z",
    ],
)  # fmt: skip
def test_b21_any_fraction_and_offset_is_read(text: str) -> None:
    assert timestamps.parse(text) == NOON


def test_b21_a_fraction_keeps_its_microseconds() -> None:
    assert timestamps.parse("2026-11-21T14:00:00.1234567+02:00") == NOON + timedelta(microseconds=123456)


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "222222017-10-27T19:10:11Z", "2026-13-01T00:00:00Z", "2026-11-21", "2026-11-21T25:00:00Z",
        "٢٠٢٦-11-21T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60Z", "2026-11-21T12:00:00+99:00",
    ],
)  # fmt: skip
def test_nonsense_is_no_timestamp(text: str) -> None:
    assert not timestamps.is_timestamp(text)


@given(st.text(max_size=40))
def test_any_text_is_a_timestamp_or_not_and_nothing_else(text: str) -> None:
    if timestamps.is_timestamp(text):
        assert timestamps.parse(text).tzinfo is not None


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_b21_what_is_written_is_utc_with_milliseconds_and_z(moment: datetime) -> None:
    text = timestamps.write(moment)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert abs(timestamps.parse(text) - moment) < timedelta(milliseconds=1)


def test_another_zone_is_written_as_utc() -> None:
    assert timestamps.write(NOON.astimezone(timezone(timedelta(hours=2)))) == "2026-11-21T12:00:00.000Z"
