"""Fleet administration, end to end: the command line and HTTP on the running house."""

import pytest

from tests.e2e.operator import Operator
from tests.house import House

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def operator(house: House) -> Operator:
    return Operator(house)


def test_a_token_is_shown_over_http(operator: Operator) -> None:
    reply = operator.get("/id-tokens/DEMO-TAG-1")

    assert (reply.status, reply.body["status"]) == (200, "Accepted")
