"""Network profiles, certificates of its own: what a charge point connects with, and what when that fails."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from adapters.local_ca import LocalCertificateAuthority
from charge_point_sim import tls
from charge_point_sim.build import charge_point
from charge_point_sim.client import Client, Clock
from charge_point_sim.networks import Network, Networks
from charge_point_sim.parts import Setup
from ocppj.frames import CallResult, Payload
from ocppj.versions import V16, V21, V201, Version
from tests.certificates import Authority
from tests.charge_point_sim.csms import Csms
from tests.charge_point_sim.script import Script, Wire

FAST = 200.0
ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
ACTIVE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "ActiveNetworkProfile"}}


def profile(url: str, security_profile: int, version: Version = V201, **more: Any) -> Payload:
    data = {
        "ocppVersion": "OCPP20" if version is V201 else "OCPP21",
        "ocppTransport": "JSON", "ocppCsmsUrl": url, "messageTimeout": 30, "securityProfile": security_profile,
        "ocppInterface": "Wired0",
    }  # fmt: skip
    return data | more


@asynccontextmanager
async def running(url: str, version: Version = V201, ca: Path | None = None, **setup: Any) -> AsyncIterator[Client]:
    cp = charge_point(Setup("CP1", version, **{"call_timeout_s": 60 * FAST, "reboot_s": 1.0, **setup}), seed=7)
    client = Client(cp, url, Clock(FAST), None if ca is None else str(ca))
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        client.stop()
        await task


async def go_over(csms: Csms, order: str, data: Payload, slot: int = 2) -> None:
    """The three commands it takes."""
    commands: list[tuple[str, Payload]] = [
        ("SetNetworkProfile", {"configurationSlot": slot, "connectionData": data}),
        ("SetVariables", {"setVariableData": [PRIORITY | {"attributeValue": order}]}),
        ("Reset", {"type": "Immediate"}),
    ]
    for action, payload in commands:
        answer = await csms.command(action, **payload)
        assert isinstance(answer, CallResult), answer
        assert answer.payload.get("status", "Accepted") == "Accepted", answer


async def active(csms: Csms) -> str:
    answer = await csms.command("GetVariables", getVariableData=[ACTIVE])
    assert isinstance(answer, CallResult)
    return str(answer.payload["getVariableResult"][0]["attributeValue"])


def booted(script: Script, times: int = 1) -> bool:
    return len(script.payloads("BootNotification")) == times


async def test_a_network_profile_is_followed_after_the_reset() -> None:
    first, second = Script(V21), Script(V21)

    async with Csms(first) as old, Csms(second) as new, running(old.url, V21):
        await old.until(lambda: booted(first))
        data = profile(new.url, 1, V21, identity="CP-2", basicAuthPassword="a password of its")
        await go_over(old, "2,1", data)
        await new.until(lambda: booted(second))
        used = await active(new)

    (request,) = new.requests
    credentials = base64.b64decode(request.headers["Authorization"].removeprefix("Basic "))
    assert (request.path, credentials, used) == ("/ocpp/CP-2", b"CP-2:a password of its", "2")
    assert old.connections == 1


async def test_a_network_profile_that_fails_gives_way_to_the_next() -> None:
    script, strict = Script(V201), Script(V201)

    async with (
        Csms(script) as old,
        Csms(strict, [(HTTPStatus.UNAUTHORIZED, "No.", {})] * 9) as new,
        running(old.url, password=b"sixteen letters!"),
    ):
        await old.until(lambda: booted(script))
        await go_over(old, "2,1", profile(new.url, 1))
        await old.until(lambda: booted(script, 2))
        used = await active(old)

    assert (len(new.requests), new.connections, used) == (3, 0, "1")


async def raised(csms: Csms, value: str) -> Payload:
    answer = await csms.command("ChangeConfiguration", key="SecurityProfile", value=value)
    assert isinstance(answer, CallResult)
    return answer.payload


async def told(csms: Csms) -> str:
    answer = await csms.command("GetConfiguration", key=["SecurityProfile"])
    assert isinstance(answer, CallResult)
    return str(answer.payload["configurationKey"][0]["value"])


async def test_a32_the_security_profile_of_1_6_is_raised_in_a_new_connection() -> None:
    script, secret = Script(V16), b"sixteen letters!"

    async with Csms(script) as csms, running(csms.url, V16, password=secret, security_profile=0):
        await csms.until(lambda: booted(script))
        answers = [await raised(csms, value) for value in ("0", "2", "3", "7", "x", "1")]
        await csms.until(lambda: csms.connections == 2)
        lower, now = await raised(csms, "0"), await told(csms)

    assert answers == [ACCEPTED, REJECTED, REJECTED, REJECTED, REJECTED, ACCEPTED]
    before, after = (request.headers.get("Authorization") for request in csms.requests)
    assert (before, base64.b64decode(str(after).removeprefix("Basic "))) == (None, b"CP1:" + secret)
    assert (lower, now, booted(script)) == (REJECTED, "1", True)


async def test_a32_a_security_profile_that_is_not_let_in_is_left_again() -> None:
    script = Script(V16)

    async with Csms(script) as csms, running(csms.url, V16, password=b"sixteen letters!", security_profile=0):
        await csms.until(lambda: booted(script))
        csms.refusals.append((HTTPStatus.UNAUTHORIZED, "No.", {}))
        await raised(csms, "1")
        await csms.until(lambda: csms.connections == 2)
        now = await told(csms)

    assert ["Authorization" in request.headers for request in csms.requests] == [False, True, False]
    assert now == "0"


async def test_a_profile_that_was_set_is_not_used_before_a_boot_and_not_without_priority() -> None:
    script, other = Script(V201), Script(V201)

    async with Csms(script) as old, Csms(other) as new, running(old.url):
        await old.until(lambda: booted(script))
        await old.command("SetNetworkProfile", configurationSlot=2, connectionData=profile(new.url, 0))
        await old.cut()
        await old.until(lambda: old.connections == 2)
        await old.command("Reset", type="Immediate")
        await old.until(lambda: booted(script, 2))

    assert new.requests == []


@pytest.mark.parametrize(
    ("slot", "more"),
    [
        (1, {}),  # in use
        (9, {}),
        (2, {"ocppTransport": "SOAP"}),
        (2, {"ocppVersion": "OCPP16"}),
        (2, {"securityProfile": 0, "ocppCsmsUrl": "ws://localhost/"}),  # less than now
        (2, {"securityProfile": 3}),  # there is no certificate
        (2, {"securityProfile": 4}),
        (2, {"ocppCsmsUrl": "ws://localhost/"}),
        (2, {"ocppCsmsUrl": "wss://csms.example/"}),  # somebody else's machine
        (2, {"ocppCsmsUrl": "http://localhost/"}),
    ],
)
def test_a_network_profile_that_can_not_be_used_is_refused(slot: int, more: Payload) -> None:
    wire = Wire(V201, password=b"secret").boot()
    data = profile("wss://localhost/ocpp", 2)

    fine = wire.order("SetNetworkProfile", configurationSlot=2, connectionData=data)
    answer = wire.order("SetNetworkProfile", configurationSlot=slot, connectionData=data | more)

    assert (fine, answer) == (ACCEPTED, REJECTED)


def test_a_member_of_a_fleet_stays_where_it_is() -> None:
    networks = Networks({1: Network(), 2: Network(url="ws://localhost/")})

    networks.begin(["2", "1"])

    assert networks.now.url is None


def test_profiles_go_round_and_unknown_ones_are_left_out() -> None:
    networks = Networks({1: Network(), 2: Network()}, is_bound=False)
    networks.begin(["2", "7", "x", "1"])

    gave_way = [networks.failed(2) for _ in range(4)]

    assert (networks.order, gave_way, networks.active) == ([2, 1], [False, True, False, True], 2)


def signer_of(authority: Authority) -> LocalCertificateAuthority:
    return LocalCertificateAuthority(authority.certificate.read_bytes(), authority.key.read_bytes(), days=30)


class Secured:
    """A CSMS that asks for certificates, and remembers their serial numbers."""

    def __init__(self, directory: Path, script: Script, refusals: int = 0) -> None:
        self.authority = Authority(directory)
        leaf = self.authority.issue("localhost", server=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authority.certificate)
        context.load_cert_chain(leaf.certificate, leaf.key)
        context.verify_mode = ssl.CERT_OPTIONAL
        self.csms = Csms(script, tls=context)
        self.signer = signer_of(self.authority)

    def serials(self) -> list[str | None]:
        return [None if peer is None else str(peer["serialNumber"]) for peer in self.csms.peers]


async def renew(csms: Csms, script: Script, signer: LocalCertificateAuthority) -> None:
    action = "ExtendedTriggerMessage" if script.version is V16 else "TriggerMessage"
    what = "SignChargePointCertificate" if script.version is V16 else "SignChargingStationCertificate"
    await csms.command(action, requestedMessage=what)
    await csms.until(lambda: bool(script.payloads("SignCertificate")))
    chain = signer.sign(script.payloads("SignCertificate")[-1]["csr"], ["SIM-CP1"], datetime.now(UTC))
    answer = await csms.command("CertificateSigned", certificateChain=chain)
    assert isinstance(answer, CallResult) and answer.payload == ACCEPTED


@pytest.mark.parametrize("version", [V16, V201], ids=str)
async def test_a_new_certificate_is_shown_in_a_new_connection(version: Version, tmp_path: Path) -> None:
    script = Script(version)
    house = Secured(tmp_path, script)
    first = house.authority.issue("SIM-CP1")

    async with (
        house.csms as csms,
        running(csms.url, version, house.authority.certificate, security_profile=3) as client,
    ):
        client.cp.kept.own = tls.own(str(first.certificate), str(first.key))
        await csms.until(lambda: booted(script))
        await renew(csms, script, house.signer)
        await csms.until(lambda: csms.connections == 2)

    old, new = house.serials()[0], house.serials()[-1]
    assert old == f"{first.serial_number:X}".zfill(len(old or ""))
    assert new is not None and new != old
    assert booted(script)  # a mere reconnect


async def test_a_certificate_nobody_trusts_gives_way_to_the_one_before(tmp_path: Path) -> None:
    script = Script(V201)
    house = Secured(tmp_path, script)
    other = tmp_path / "other"
    other.mkdir()
    stranger = Authority(other, "Another CA")
    first = house.authority.issue("SIM-CP1")

    async with house.csms as csms, running(csms.url, V201, house.authority.certificate, security_profile=3) as client:
        client.cp.kept.own = tls.own(str(first.certificate), str(first.key))
        await csms.until(lambda: booted(script))
        await renew(csms, script, signer_of(stranger))
        await csms.until(lambda: csms.connections == 2)

    assert house.serials()[0] == house.serials()[-1]


async def test_a_csms_that_has_no_time_says_nothing_of_a_new_certificate(tmp_path: Path) -> None:
    script = Script(V201)
    house = Secured(tmp_path, script)
    first = house.authority.issue("SIM-CP1")

    async with house.csms as csms, running(csms.url, V201, house.authority.certificate, security_profile=3) as client:
        client.cp.kept.own = tls.own(str(first.certificate), str(first.key))
        await csms.until(lambda: booted(script))
        csms.refusals.append((HTTPStatus.SERVICE_UNAVAILABLE, "Later.", {}))
        await renew(csms, script, house.signer)
        await csms.until(lambda: csms.connections == 2)

    old, new = house.serials()
    assert old != new


async def test_profile_3_takes_a_certificate_and_a_network_profile(tmp_path: Path) -> None:
    script = Script(V201)
    house = Secured(tmp_path, script)

    async with house.csms as csms, running(csms.url, V201, house.authority.certificate, security_profile=2):
        await csms.until(lambda: booted(script))
        await renew(csms, script, house.signer)
        await go_over(csms, "2", profile(csms.url, 3))
        await csms.until(lambda: booted(script, 2))

    without, *_, by_certificate = house.serials()
    assert without is None
    assert by_certificate is not None
    assert "Authorization" not in csms.requests[-1].headers


def test_a_certificate_that_is_none_is_said_so(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")

    for certificate in (nothing, tmp_path / "missing.pem"):
        with pytest.raises(tls.TlsError):
            tls.own(str(certificate), str(nothing))
