"""Versions and their negotiation (conformance A.2)."""

import pickle

import pytest

from ocppj import versions
from ocppj.versions import V16, V21, V201, VERSIONS, Version


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp1.6"], V16),
        (["ocpp1.6", "ocpp2.0.1"], V16),
        (["ocpp2.0.1", "ocpp1.6"], V201),
        (["ocpp0.1", "ocpp1.6"], V16),
        (["ocpp2.0", "ocpp1.6"], V16),
        (["ocpp2.1", "ocpp2.0.1"], V21),
        (["ocpp2.0"], None),
        (["OCPP1.6"], None),
        ([], None),
    ],
)
def test_a11_the_first_version_the_client_lists_is_chosen(offered: list[str], chosen: Version | None) -> None:
    assert versions.negotiate(offered) is chosen


def test_2_1_belongs_to_the_family_of_2_0_1() -> None:
    assert [version.base for version in VERSIONS] == [V16, V201, V201]


def test_an_unknown_subprotocol_is_named_in_the_error() -> None:
    with pytest.raises(versions.UnknownVersionError, match=r"'ocpp1\.5'"):
        versions.of_subprotocol("ocpp1.5")


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_a_version_is_the_same_object_after_pickling(version: Version) -> None:
    assert pickle.loads(pickle.dumps(version)) is version  # noqa: S301
