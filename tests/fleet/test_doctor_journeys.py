"""Every reason to refuse a handshake: given by a real gateway over real sockets, told, and asked of the doctor.

Who is refused, the gateway that refuses, its message, the processors that keep it and the HTTP that tells of it are
the real ones; the broker and the tables are in memory. The same way on the running house: test_doctor_command.py.
"""

import asyncio
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from adapters.memory import MemoryRegistry
from adapters.memory_link import MemoryBroker
from domain.credentials import hash_generated
from domain.models import ChargePoint, Connection, Proven
from domain.ports import NOTHING_PROVEN, RowChangedError
from fleet.doctor_words import WORDS
from gateway.admission import Policy
from gateway.gate import Arrivals
from gateway.tls import Certificates, TlsFiles
from processors import inbox
from tests.certificates import Authority, Leaf
from tests.fleet.office import Office
from tests.gateway.house import House, house, until
from tests.processors.house import House as Processors

pytestmark = pytest.mark.e2e

PASSWORD, PEPPER, CPO = b"0123456789abcdef", b"pepper", "Acme Charging"
HASH = hash_generated(PASSWORD, PEPPER, b"salt")
ROW = ChargePoint("CP1", password_hash=HASH, security_profile=2)
PLAIN = ChargePoint("CP1")
BEAT = '[2,"h1","Heartbeat",{}]'


class Troubled(MemoryRegistry):
    """A registry that does to the first connect what a test wants; others pass."""

    def __init__(self, before: Callable[[], None] | None = None, after: Callable[[], None] | None = None) -> None:
        super().__init__([PLAIN])
        self.has_begun, self.go_on = threading.Event(), threading.Event()
        self._before, self._after = before or self._wait, after or (lambda: None)

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        if self.has_begun.is_set():
            return super().connect(charge_point_id, connection, credential_version, proven)
        self._before()
        old = super().connect(charge_point_id, connection, credential_version, proven)
        self._after()
        return old

    def _wait(self) -> None:
        self.has_begun.set()
        self.go_on.wait(5)


class Overtaken(Troubled):
    """The first one to be written is the last one to hear of it."""

    def __init__(self) -> None:
        super().__init__(before=lambda: None, after=self._wait)


def _changes() -> None:
    raise RowChangedError("changed")


def _breaks() -> None:
    raise OSError("no route to the table")


@dataclass
class Scene:
    """A gateway, and who knocks at it."""

    here: House
    registry: Any
    authority: Authority
    inside: list[ClientConnection] = field(default_factory=list)

    async def knock(
        self,
        path: str = "/ocpp/CP1",
        offered: tuple[str, ...] = ("ocpp1.6",),
        password: bytes | None = None,
        leaf: Leaf | None = None,
    ) -> None:
        """Come once, and be refused or stay; with a leaf over TLS."""
        context = None
        if leaf:
            context = ssl.create_default_context(cafile=self.authority.certificate)
            context.load_cert_chain(leaf.certificate, leaf.key)
        gateway, user = self.here.gateway, path.rpartition("/")[2].encode()
        url = f"wss://localhost:{gateway.port}" if context else f"ws://localhost:{gateway.plain_port or gateway.port}"
        basic = {"Authorization": "Basic " + b64encode(user + b":" + password).decode()} if password else {}
        with suppress(InvalidHandshake, InvalidMessage, OSError, EOFError):
            came = await connect(
                url + path, host="127.0.0.1", ssl=context, additional_headers=basic, proxy=None, ping_interval=None,
                subprotocols=[Subprotocol(token) for token in offered] or None,
            )  # fmt: skip
            self.inside.append(came)

    async def say(self, text: bytes) -> None:
        """Send what is no handshake, and read what comes back."""
        gateway = self.here.gateway
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.plain_port or gateway.port)
        writer.write(text)
        with suppress(OSError):
            await reader.read()
        writer.close()

    async def distrusting(self) -> None:
        """Over TLS, knowing other authorities only."""

        def shake_hands() -> None:
            with socket.create_connection(("127.0.0.1", self.here.gateway.port), timeout=5) as plain:
                ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")

        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(shake_hands)

    async def twice(self) -> None:
        """The same one again, before the first was let in."""
        first = asyncio.create_task(self.knock())
        await until(self.registry.has_begun.is_set)
        await self.knock()
        self.registry.go_on.set()
        await first

    async def while_it_waits(self, happens: Callable[[], object]) -> None:
        """Something happens before it is let in."""
        first = asyncio.create_task(self.knock())
        await until(self.registry.has_begun.is_set)
        happens()
        await asyncio.sleep(0.01)
        self.registry.go_on.set()
        await first

    def is_evicted(self) -> None:
        """It is told to go, by who disables it or who takes it over."""
        epoch = self.registry.find("CP1").connection.epoch
        self.here.broker.publish("gateways/g1/evict", orjson.dumps({"id": "CP1", "epoch": epoch}))

    async def beside_another(self) -> None:
        """Second, where one has come."""
        await self.knock("/ocpp/CP2")
        await self.knock()

    async def beside_many_late_answers(self) -> None:
        """Where those who are in had to wait for their answers."""
        self.here.answer_everything()
        await self.knock("/ocpp/CP2")
        for number in range(25):
            await self.inside[0].send(BEAT.replace("h1", str(number)))
            await self.inside[0].recv()
        await self.knock()

    async def without_a_broker(self) -> None:
        """While the broker is away."""
        self.here.broker.stop()
        await self.knock()
        self.here.broker.start()


@dataclass(frozen=True)
class Case:
    """Who knocks how at which gateway, and the first words of what the doctor says of it."""

    says: str
    knock: Callable[[Scene], Awaitable[object]] = Scene.knock
    row: ChargePoint = PLAIN
    registry: Callable[[], MemoryRegistry] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    identity: str = "CP1"


def _by(authority: Authority, **leaf: Any) -> dict[str, Any]:
    return {"leaf": authority.issue(**{"common_name": "SN-1", "organization": CPO, **leaf})}


CASES: dict[str, Case] = {
    "unknown": Case("unknown id `CPl`, did you mean CP1?", lambda here: here.knock("/ocpp/CPl"), identity="CPl"),
    "no_identity": Case("somebody, perhaps this one: 127.0.0.1 connects without an id, to /ocpp/",
                        lambda here: here.knock("/ocpp/")),
    "bad_identity": Case("its id can't be used: ", lambda here: here.knock("/ocpp/CP%201", ("ocpp2.0.1",)),
                         ChargePoint("CP:201"), identity="CP:201"),
    "disabled": Case("it is disabled here", row=replace(PLAIN, disabled=True)),
    "no_credentials": Case("sends no password", row=replace(ROW, security_profile=1)),
    "wrong_credentials": Case("wrong password", lambda here: here.knock(password=b"wrong"),
                              replace(ROW, security_profile=1)),
    "downgrade": Case("comes with less security than before: ", lambda here: here.knock(password=PASSWORD),
                      replace(ROW, highest_profile=2)),
    "wrong_profile": Case("comes with another security profile than expected: ",
                          lambda here: here.knock(password=PASSWORD), ROW),
    "below_min_profile": Case("comes with too little security: ", options={"policy": Policy(PEPPER, 1, CPO)}),
    "wrong_certificate": Case("its client certificate is another's: ",
                              lambda here: here.knock(**_by(here.authority, common_name="SN-2")),
                              replace(PLAIN, security_profile=3, serial_number="SN-1")),
    "wrong_organization": Case("its client certificate is another organisation's: ",
                               lambda here: here.knock(**_by(here.authority, organization="Volt")),
                               replace(PLAIN, security_profile=3, serial_number="SN-1")),
    "bad_certificate": Case("somebody, perhaps this one: 127.0.0.1 sends a client certificate that is not valid: ",
                            lambda here: here.knock(**_by(here.authority, days=-1))),
    "no_websocket": Case("asks for something else than a WebSocket: ",
                         lambda here: here.say(b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\n\r\n")),
    "bad_request": Case("somebody, perhaps this one: 127.0.0.1 sends no HTTP that can be read: ",
                        lambda here: here.say(b"BOOT\r\n\r\n")),
    "no_common_subprotocol": Case("offers ocpp1.5, we speak 1.6, 2.0.1, 2.1",
                                  lambda here: here.knock(offered=("ocpp1.5",))),
    "tls_alert": Case("somebody, perhaps this one: 127.0.0.1 does not go on with TLS: ",
                      Scene.distrusting),
    "too_many_handshakes": Case("its address 127.0.0.1 tries too often", Scene.beside_another,
                                options={"arrivals": Arrivals(handshakes_per_source_s=0.01)}),
    "full": Case("the gateway is full", Scene.beside_another, options={"arrivals": Arrivals(max_connections=1)}),
    "storm": Case("too many charge points connect at once", Scene.beside_another,
                  options={"arrivals": Arrivals(subscribe_rate=0.01, max_wait_s=0)}),
    "draining": Case("the gateway is going away", lambda here: here.while_it_waits(here.here.gateway.stop),
                     registry=Troubled),
    "replaced": Case("another connection with this id was faster", Scene.twice, registry=Overtaken),
    "evicted": Case("it was told to go while it connected", lambda here: here.while_it_waits(here.is_evicted),
                    registry=Overtaken),
    "row_changes": Case("its record keeps changing", registry=lambda: Troubled(_changes)),
    "backend_slow": Case("charge points are answered too slowly", Scene.beside_many_late_answers,
                         options={"arrivals": Arrivals(slow_answer_s=1e-9)}),
    "broker_lost": Case("the message broker can't be reached", Scene.without_a_broker),
    "broker_slow": Case("the message broker does not answer", options={"subscribe_timeout_s": 0.0}),
    "registry_busy": Case("the registry does not answer", registry=Troubled, options={"registry_timeout_s": 0.05}),
    "error": Case("the registry can't be asked", registry=lambda: Troubled(_breaks)),
}  # fmt: skip


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Leaf:
    return authority.issue("localhost", server=True)


@asynccontextmanager
async def scene(case: Case, authority: Authority, server: Leaf, broker: MemoryBroker) -> AsyncIterator[Scene]:
    registry = case.registry() if case.registry else MemoryRegistry([case.row])
    registry.add(ChargePoint("CP2"))
    certificates = Certificates(TlsFiles([(server.certificate, server.key)], authority.certificate))
    options = {"policy": Policy(PEPPER, cpo_name=CPO), **case.options}
    async with house(admissions=registry, broker=broker, tls=certificates, plain_port=0, **options) as here:
        yield Scene(here, registry, authority)
        if isinstance(registry, Troubled):
            registry.go_on.set()


def told(case: Case, broker: MemoryBroker) -> Office:
    """Where the doctor sits, once the processors have read what the gateway published."""
    office = Office()
    office.registry.add(case.row)
    office.now = datetime.now(UTC)
    processors = Processors(now=office.now, registry=office.registry, reports=office.reports)
    for payload in broker.payloads("gateways/g1/refused"):
        inbox.process(orjson.loads(payload), processors.ports(), queue="incoming")
    return office


def test_there_is_a_journey_for_every_reason() -> None:
    # A certificate that is missing is another profile (wrong_profile) before it is looked for; and who leaves in the
    # middle of a handshake over TCP is let in, and lost at once: it is not read from until then.
    assert set(CASES) == set(WORDS) - {"no_certificate", "left"}


@pytest.mark.parametrize("reason", CASES)
async def test_the_doctor_says_why_a_gateway_refused(reason: str, authority: Authority, server: Leaf) -> None:
    case, broker = CASES[reason], MemoryBroker()
    async with scene(case, authority, server, broker) as here:
        await case.knock(here)
        await until(here.here.gateway.refusals.of)

    body = told(case, broker).ask("GET", f"/charge-points/{case.identity}/doctor").body

    findings = {finding["code"]: finding for finding in body["findings"]}
    assert reason in findings, body
    assert findings[reason]["sentence"].startswith(case.says)
    assert "{" not in findings[reason]["sentence"] + findings[reason]["next"]
    assert findings[reason]["next"]
