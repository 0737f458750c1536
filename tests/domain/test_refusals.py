"""Identities that are easily taken for each other."""

import pytest

from domain.refusals import lookalikes, skeleton


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CP00l", "CP001"), ("CPOO1", "CP001"), ("cp001", "CP001"), ("CP-001", "CP001"), ("CP01", "CP001"),
        ("CP0001", "CP001"), ("PC001", "CP001"), (" CP001", "CP001"), ("CP_001", "CP-001"), ("B8", "BB"),
    ],
)  # fmt: skip
def test_an_identity_finds_the_one_it_is_meant_to_be(written: str, meant: str) -> None:
    assert meant in lookalikes(written) or skeleton(meant) == skeleton(written)


def test_what_can_be_looked_up_is_bounded_and_never_the_identity_itself() -> None:
    found = lookalikes("O0O0l1Il5S" * 4)

    assert 0 < len(found) <= 90
    assert "O0O0l1Il5S" * 4 not in found


def test_two_that_differ_in_more_are_no_lookalikes() -> None:
    assert skeleton("CP001") != skeleton("CP002")
    assert "CP002" not in lookalikes("CP001")
