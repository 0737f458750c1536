"""Whatever its schema allows is answered as its schema says, and leaves no InternalError behind."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocppj import actions, schemas
from ocppj.frames import Call, CallResult
from ocppj.versions import VERSIONS, Version
from processors.dispatch import UNCONFIRMED
from tests.processors.house import House
from tests.processors.payloads import requests

CP = "CP-001"
CALLED = [
    (version, action) for version in VERSIONS for action in sorted(actions.sent_by_charge_point(version) - UNCONFIRMED)
]
patient = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def is_answered(version: Version, action: str, data: st.DataObject) -> None:
    house = House()
    house.register(CP, version)

    [answer] = house.send(CP, Call("m-1", action, data.draw(requests(version, action))))

    assert isinstance(answer, CallResult), answer
    schemas.check(version, action, "response", answer.payload)


@given(st.sampled_from(CALLED), st.data())
@settings(patient, max_examples=60)
def test_a_few_payloads_of_any_action_are_answered(called: tuple[Version, str], data: st.DataObject) -> None:
    is_answered(*called, data)


@pytest.mark.e2e
@pytest.mark.parametrize(("version", "action"), CALLED, ids=str)
def test_c87_two_hundred_payloads_of_every_action_are_answered(version: Version, action: str) -> None:
    @given(st.data())
    @settings(patient, max_examples=200)
    def all_of_them(data: st.DataObject) -> None:
        is_answered(version, action, data)

    all_of_them()
