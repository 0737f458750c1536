"""The gateway and the connection most tests of conformance have in common."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.conformance.wire import Wire, wire
from tests.gateway.house import House, house


@pytest_asyncio.fixture
async def here() -> AsyncIterator[House]:
    """A gateway with a cloud that answers every CALL with its payload."""
    async with house() as running:
        running.answer_everything()
        yield running


@pytest_asyncio.fixture
async def peer(here: House) -> AsyncIterator[Wire]:
    """A 1.6 connection without extensions."""
    async with wire(here.gateway.port) as connection:
        yield connection
