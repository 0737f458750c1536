"""What docs/operate.md says exists: every setting, every metric, every page."""

import re
from pathlib import Path

import gateway
from gateway.settings import Settings
from tests.gateway.house import get, hear, house

PAGE = (Path(gateway.__file__).parent.parent / "docs" / "operate.md").read_text()


def test_every_setting_is_described() -> None:
    described = set(re.findall(r"`OCPPGW_(\w+)`", PAGE))

    assert described == {name.upper() for name in Settings.model_fields}


async def test_every_metric_is_described_and_every_one_described_exists() -> None:
    async with house() as here:
        here.answer_everything()
        socket = await here.connect()
        await socket.send('[2,"h1","Heartbeat",{}]')
        await hear(socket)
        _, metrics = await get(here.gateway.admin_port, "/metrics")

    told = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (\w+) ", metrics, re.MULTILINE)}
    told = {name for name in told if not name.endswith("_created")}
    table = PAGE.partition("## Metrics")[2].partition("Worth an alarm")[0]
    described = {name.removesuffix("_total") for name in re.findall(r"`((?:ocpp|mqtt)_\w+)", table)}
    assert described == told


async def test_every_page_of_the_admin_port_is_described() -> None:
    async with house() as here:
        _, pages = await get(here.gateway.admin_port, "/nothing")

    described = set(re.findall(r"`(?:GET|POST) (/[a-z-]+)", PAGE.partition("## The admin port")[2]))
    assert described == {path.removesuffix("/*") for path in re.findall(r"(?:GET|POST) (\S+?)(?:,|\s|$)", pages)}
