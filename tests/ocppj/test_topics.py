"""Topics and identities (conformance A-02, A-06)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppj import topics
from ocppj.errors import IdentityError

identities = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def _escapable(identity: str) -> bool:
    try:
        topics.escape(identity)
    except IdentityError:
        return False
    return True


@given(identities.filter(_escapable))
def test_an_escape_is_reversible_and_fits_a_topic_level_and_a_thing_name(identity: str) -> None:
    escaped = topics.escape(identity)

    assert topics.unescape(escaped) == identity
    assert set(escaped) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-:")
    assert len(escaped) <= 128


@given(identities.filter(_escapable), identities.filter(_escapable))
def test_two_identities_never_share_an_escape(one: str, other: str) -> None:
    assert (topics.escape(one) == topics.escape(other)) == (one == other)


@given(st.text(max_size=140))
def test_unescape_takes_canonical_escapes_only(text: str) -> None:
    try:
        identity = topics.unescape(text)
    except IdentityError:
        return
    assert topics.escape(identity) == text


@pytest.mark.parametrize(
    ("identity", "escaped"),
    [
        ("CP001", "CP001"),
        ("RDAM 123", "RDAM:20123"),
        ("CP+1", "CP:2B1"),
        ("CP#", "CP:23"),
        ("A/B", "A:2FB"),
        ("é", ":C3:A9"),
    ],
)
def test_a06_what_mqtt_reserves_is_escaped(identity: str, escaped: str) -> None:
    assert topics.escape(identity) == escaped
    assert topics.inbound(escaped) == f"{escaped}/in"
    assert topics.outbound(escaped) == f"{escaped}/out"


@pytest.mark.parametrize("identity", ["", "x" * 129, "é" * 22, "\ud800"])
def test_what_fits_no_thing_name_is_no_identity(identity: str) -> None:
    with pytest.raises(IdentityError):
        topics.escape(identity)


@pytest.mark.parametrize("name", ["", ":41", ":2b", "a b", ":FF", ":C3", "CP:", "CP:2", "x" * 129])
def test_a_name_that_is_no_canonical_escape_is_refused(name: str) -> None:
    with pytest.raises(IdentityError):
        topics.unescape(name)


@pytest.mark.parametrize("escaped", ["CP001", "RDAM:20123"])
def test_a_topic_gives_its_charge_point_back(escaped: str) -> None:
    assert topics.charge_point_of(topics.inbound(escaped)) == escaped
    assert topics.charge_point_of(topics.outbound(escaped)) == escaped


@pytest.mark.parametrize("topic", ["CP001", "CP001/up", "/in", "a/b/in", "gateways/g1/connected", "+/in"])
def test_another_topic_has_no_charge_point(topic: str) -> None:
    with pytest.raises(IdentityError):
        topics.charge_point_of(topic)
