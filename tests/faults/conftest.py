"""What every fault test may ask for."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.brokers import MISSING, mosquitto_binary
from tests.faults.cloud import Cloud
from tests.faults.scene import CALL_TIMEOUT_S, DurableMosquitto, Site
from tests.faults.sizes import is_full
from tests.gateway.test_main import Process
from tests.house import House


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[DurableMosquitto]:
    """A running broker."""
    binary = mosquitto_binary()
    if binary is None:
        pytest.skip(MISSING)
    running = DurableMosquitto(binary, tmp_path, log_types=("error", "warning"))
    running.start()
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture
def cloud(broker: DurableMosquitto) -> Iterator[Cloud]:
    """A cloud on it, whose subscriptions survive."""
    running = Cloud(broker.port)
    running.start()
    broker.save()
    try:
        yield running
    finally:
        running.stop()


@pytest_asyncio.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Process]]:
    """Starts gateways and leaves none behind."""
    started: list[Process] = []

    def begin(mqtt: str, *arguments: str, **changes: Any) -> Process:
        log = tmp_path / f"gateway-{len(started)}.log"
        patience = ("--call-timeout-s", str(CALL_TIMEOUT_S), "--charge-points-per-link", "50")
        started.append(Process(mqtt, *patience, *arguments, log=log, **changes))
        return started[-1]

    yield begin
    for process in started:
        await process.end()


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The house of all tests; in full size one of its own, in which a shadow waits for a minute."""
    if not is_full():
        yield Site(request.getfixturevalue("house"))
        return
    with House(tmp_path_factory.mktemp("house"), OCPPGW_DISCONNECT_DELAY_S="60") as house:
        house.wait_until_ready()
        yield Site(house)
        house.stop()


@pytest_asyncio.fixture
async def start_in_house(start: Callable[..., Process], site: Site) -> Callable[..., Process]:
    """Starts further gateways of the house."""

    def begin(*arguments: str, mqtt: str = site.aws.mqtt_url, **variables: str) -> Process:
        environment = site.aws.environment() | variables
        return start(mqtt, *site.gateway(), *arguments, registry="dynamodb", environment=environment)

    return begin
