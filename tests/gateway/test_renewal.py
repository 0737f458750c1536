"""A simulated charge point of security profile 3 gets a new certificate over OCPP, and comes back with it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.local_ca import LocalCertificateAuthority
from charge_point_sim import tls
from charge_point_sim.build import charge_point
from charge_point_sim.client import Client, Clock
from charge_point_sim.parts import Setup
from domain.models import ChargePoint
from domain.ports import Message
from ocppj.versions import V16, V201, Version
from tests.certificates import Authority
from tests.gateway.house import until
from tests.gateway.site import CPO, Site, site

SERIAL = "SIM-CP1"
BOOTED = {"status": "Accepted", "interval": 300, "currentTime": "2026-11-21T12:00:00Z"}


class Csms:
    """Answers what a renewal takes, and keeps what it heard."""

    def __init__(self, there: Site) -> None:
        self._there = there
        self.heard: dict[str, list[Any]] = {}
        self.answers: dict[str, Any] = {}
        there.here.broker.subscribe("CP1/in", self._hear)

    def _hear(self, message: Message) -> None:
        frame = orjson.loads(message.payload)
        if frame[0] != 2:
            self.answers[frame[1]] = frame[2]
            return
        self.heard.setdefault(frame[2], []).append(frame[3])
        answer = {"BootNotification": BOOTED, "SignCertificate": {"status": "Accepted"}}.get(frame[2], {})
        self._there.here.tell("CP1", [3, frame[1], answer], epoch=message.properties["epoch"])

    async def command(self, action: str, payload: dict[str, Any]) -> Any:
        self._there.here.tell("CP1", [2, action, action, payload])
        await until(lambda: action in self.answers)
        return self.answers[action]


def name_of_the_operator(version: Version) -> tuple[str, dict[str, Any]]:
    if version is V16:
        return "ChangeConfiguration", {"key": "CpoName", "value": CPO}
    names = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "OrganizationName"}}
    return "SetVariables", {"setVariableData": [names | {"attributeValue": CPO}]}


@pytest.mark.parametrize("version", [V16, V201], ids=str)
async def test_c107_a_new_certificate_is_what_the_charge_point_comes_back_with(
    version: Version, authority: Authority, server: tuple[Path, Path]
) -> None:
    old = authority.issue(SERIAL, CPO)
    signer = LocalCertificateAuthority(authority.certificate.read_bytes(), authority.key.read_bytes(), days=30)
    trigger, kind = (
        ("ExtendedTriggerMessage", "SignChargePointCertificate")
        if version is V16
        else ("TriggerMessage", "SignChargingStationCertificate")
    )

    async with site(authority, server, ChargePoint("CP1", certificate_names=(SERIAL,))) as there:
        csms = Csms(there)
        cp = charge_point(Setup("CP1", version, security_profile=3), seed=7)
        cp.kept.own = tls.own(str(old.certificate), str(old.key))
        url = f"wss://localhost:{there.here.gateway.port}/ocpp"
        client = Client(cp, url, Clock(), str(authority.certificate))
        running = asyncio.create_task(client.run())
        await until(lambda: "BootNotification" in csms.heard)
        before = there.row().connection

        await csms.command(*name_of_the_operator(version))
        triggered = await csms.command(trigger, {"requestedMessage": kind})
        await until(lambda: "SignCertificate" in csms.heard)
        chain = signer.sign(csms.heard["SignCertificate"][0]["csr"], [SERIAL], datetime.now(UTC))
        taken = await csms.command("CertificateSigned", {"certificateChain": chain})
        await until(lambda: there.row().connection not in (before, None))
        await until(lambda: cp.kept.own is not None and cp.kept.own.before is None)  # the row knows before it does
        client.stop()
        await running

    assert (triggered["status"], taken["status"]) == ("Accepted", "Accepted")
    assert cp.kept.own is not None and cp.kept.own.chain == chain and cp.kept.own.before is None
    assert there.reasons() == []
