"""The templates of the ways in which the whole stack can be deployed."""

import pytest

from tests.infra.synthesised import WAYS, Template


@pytest.fixture(params=WAYS)
def template(request: pytest.FixtureRequest, synthesised: dict[str, Template]) -> Template:
    return synthesised[request.param]


@pytest.fixture
def dev(synthesised: dict[str, Template]) -> Template:
    return synthesised["dev"]


@pytest.fixture
def passthrough(synthesised: dict[str, Template]) -> Template:
    return synthesised["passthrough"]


@pytest.fixture
def balanced(synthesised: dict[str, Template]) -> Template:
    return synthesised["balanced"]
