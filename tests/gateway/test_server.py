"""The gateway over real sockets, with a broker and a registry in memory. Conformance rows by their ids."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from adapters.memory import MemoryRegistry
from adapters.memory_link import MemoryBroker
from domain.models import ChargePoint
from gateway.options import WebSocketOptions
from tests.gateway.house import House, closed, get, hear, house, until

BOOT = [2, "b1", "BootNotification", {"chargePointModel": "M", "chargePointVendor": "Zürich"}]


@pytest_asyncio.fixture
async def here() -> AsyncIterator[House]:
    """A gateway that knows CP1 and CP2."""
    async with house() as running:
        yield running


async def test_a01_a_frame_travels_to_the_broker_and_its_answer_back_unchanged(here: House) -> None:
    text = '[2, "b1",\t"BootNotification", {"chargePointVendor": "Z\u00fcrich", "x": 1.50}]'
    answer = b'[3, "b1", {"interval": 3.0e2}]'

    socket = await here.connect()
    await socket.send(text)
    await until(lambda: here.broker.payloads("CP1/in"))
    here.broker.publish("CP1/out", answer)

    assert here.broker.payloads("CP1/in") == [text.encode()]
    assert await socket.recv() == answer.decode()


async def test_frames_carry_version_gateway_epoch_and_trace(here: House) -> None:
    socket = await here.connect("/CP1", "ocpp2.0.1")

    await socket.send(orjson.dumps(BOOT), text=True)
    await until(lambda: here.heard("CP1"))

    message = next(message for message in here.broker.messages if message.topic == "CP1/in")
    (connected,) = here.events("connected")
    assert message.properties["ocpp"] == "ocpp2.0.1"
    assert message.properties["gateway"] == "g1"
    assert message.properties["epoch"] == str(connected["epoch"])
    assert len(message.properties["trace"]) == 16


@pytest.mark.parametrize(
    ("path", "charge_point_id"),
    [
        ("/ocpp/RDAM%20123", "RDAM:20123"),
        ("/ocpp/A%252FB", "A:252FB"),
        ("/steve/websocket/CentralSystemService/CP+1", "CP:2B1"),
        ("/CP%23?token=x", "CP:23"),
    ],
)
async def test_a02_a03_a06_any_path_and_any_identity_is_one_topic_level(path: str, charge_point_id: str) -> None:
    async with house([ChargePoint(charge_point_id)]) as here:
        socket = await here.connect(path)
        here.tell(charge_point_id, [2, "m1", "ClearCache", {}])

        assert await hear(socket) == [2, "m1", "ClearCache", {}]


async def test_a10_a11_the_clients_first_known_version_is_spoken(here: House) -> None:
    first = await here.connect("/ocpp/CP1", "ocpp0.1", "ocpp1.6", "ocpp2.0.1")
    second = await here.connect("/ocpp1.6/CP2", "ocpp2.1", "ocpp1.6")

    assert (first.subprotocol, second.subprotocol) == ("ocpp1.6", "ocpp2.1")


@pytest.mark.parametrize("offered", [["ocpp0.1"], ["ocpp2.0"], None])
async def test_a13_a14_a15_no_common_version_is_400_without_a_websocket(here: House, offered: list[str] | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(here.url("/ocpp/CP1"), subprotocols=offered, proxy=None)  # type: ignore[arg-type]

    assert refused.value.response.status_code == 400
    assert b"spoken here: ocpp1.6" in refused.value.response.body


async def test_a20_an_unknown_charge_point_is_404_and_kept_for_whoever_asks(here: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await here.connect("/ocpp/NOPE")
    _, body = await get(here.gateway.admin_port, "/refusals?identity=NOPE")
    _, none = await get(here.gateway.admin_port, "/refusals?identity=OTHER")

    assert refused.value.response.status_code == 404
    (kept,) = orjson.loads(body)["data"]
    assert (kept["identity"], kept["status"], kept["reason"]) == ("NOPE", 404, "unknown")
    assert orjson.loads(none)["data"] == []
    assert here.events("connected") == []


async def test_a_browser_is_told_that_this_is_a_websocket(here: House) -> None:
    status, _ = await get(here.gateway.port, "/ocpp/CP1")

    assert status == 426


async def test_a24_the_newest_connection_wins(here: House) -> None:
    old = await here.connect()
    here.tell("CP1", [2, "m1", "Reset", {"type": "Soft"}])
    await hear(old)
    new = await here.connect()
    code = await closed(old)
    here.tell("CP1", [2, "m2", "ClearCache", {}])

    assert code == 1008
    assert await hear(new) == [2, "m2", "ClearCache", {}]
    (fate,) = here.heard("CP1")
    epochs = [event["epoch"] for event in here.events("connected")]
    assert fate[1] == "m1"
    assert fate[4] == {"reason": "closed", "gateway": "g1", "epoch": epochs[0]}
    assert epochs[0] < epochs[1]
    assert here.events("disconnected") == []


async def test_a24_twenty_takeovers_in_a_row_leave_one_working_socket(here: House) -> None:
    connections = [await here.connect() for _ in range(20)]
    here.tell("CP1", [2, "m1", "ClearCache", {}])

    assert await hear(connections[-1]) == [2, "m1", "ClearCache", {}]
    assert [await closed(old) for old in connections[:-1]] == [1008] * 19
    assert here.events("disconnected") == []


async def test_a24_of_many_at_once_one_is_left_and_it_works(here: House) -> None:
    attempts = await asyncio.gather(*[here.connect() for _ in range(10)], return_exceptions=True)
    sockets = [socket for socket in attempts if not isinstance(socket, BaseException)]
    here.answer_everything()

    await until(lambda: len(here.gateway.sessions) == 1)
    newest = here.gateway.sessions["CP1"].connection.epoch
    assert newest == max(event["epoch"] for event in here.events("connected"))
    answers = await asyncio.gather(*[_ask(socket) for socket in sockets], return_exceptions=True)
    assert len([answer for answer in answers if answer == [3, "h1", {}]]) == 1
    assert here.events("disconnected") == []


async def _ask(socket: object) -> object:
    try:
        await socket.send('[2,"h1","Heartbeat",{}]')  # type: ignore[attr-defined]
        return await hear(socket)  # type: ignore[arg-type]
    except ConnectionClosed as gone:
        return gone


async def test_an_evict_message_closes_what_is_not_newer(here: House) -> None:
    socket = await here.connect()
    (connected,) = here.events("connected")

    for epoch in (connected["epoch"] - 1, "garbage", connected["epoch"]):
        here.broker.publish("gateways/g1/evict", orjson.dumps({"id": "CP1", "epoch": epoch}))
    here.broker.publish("gateways/g1/evict", b"garbage")

    assert await closed(socket) == 1008
    await until(lambda: here.events("disconnected"))
    assert here.events("disconnected")[0]["reason"] == "evicted"


async def test_a_charge_point_that_moves_is_evicted_from_its_old_gateway() -> None:
    broker, rows = MemoryBroker(), MemoryRegistry([ChargePoint("CP1")])
    async with (
        house(admissions=rows, broker=broker, gateway="g1") as one,
        house(admissions=rows, broker=broker, gateway="g2") as two,
    ):
        old = await one.connect()
        new = await two.connect()

        assert await closed(old) == 1008
        two.tell("CP1", [2, "m1", "ClearCache", {}])
        assert await hear(new) == [2, "m1", "ClearCache", {}]
        row = rows.find("CP1")
        assert row is not None and row.connection is not None
        assert row.connection.gateway == "g2"


async def test_a26_a_close_fails_outstanding_commands_at_once_and_is_told(here: House) -> None:
    socket = await here.connect()
    here.tell("CP1", [2, "m1", "Reset", {}])
    here.tell("CP1", [2, "m2", "Reset", {}])
    await hear(socket)

    await socket.close()
    await until(lambda: here.events("disconnected"))

    assert [(frame[1], frame[4]["reason"]) for frame in here.heard("CP1")] == [("m1", "closed"), ("m2", "closed")]
    (event,) = here.events("disconnected")
    assert event["reason"] == "closed"
    assert (event["chargePointId"], event["ocppVersion"], event["link"]) == ("CP1", "ocpp1.6", 1)
    assert event["epoch"] == here.events("connected")[0]["epoch"]


async def test_a_lost_connection_is_told_as_lost(here: House) -> None:
    socket = await here.connect()

    socket.transport.abort()
    await until(lambda: here.events("disconnected"))

    assert here.events("disconnected")[0]["reason"] == "lost"


async def test_a50_permessage_deflate_is_spoken_when_offered(here: House) -> None:
    here.answer_everything()
    socket = await here.connect(compression="deflate")

    await socket.send(orjson.dumps(BOOT), text=True)

    assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]  # type: ignore[union-attr]
    assert await hear(socket) == [3, "b1", BOOT[3]]


async def test_a51_our_pings_find_a_peer_that_is_not_there() -> None:
    async with house(ping_interval_s=0.05) as here:
        listening = await here.connect()
        deaf = await here.connect("/ocpp/CP2")
        deaf.transport.pause_reading()  # a half-open socket: it neither reads nor answers

        await until(lambda: here.events("disconnected"))

        assert [(e["chargePointId"], e["reason"]) for e in here.events("disconnected")] == [("CP2", "silent")]
        assert "CP1" in here.gateway.sessions
        await listening.close()
        deaf.transport.abort()


async def test_a55_binary_is_1003(here: House) -> None:
    socket = await here.connect()

    await socket.send(b"\x00")

    assert await closed(socket) == 1003


async def test_a55_invalid_utf8_is_1007(here: House) -> None:
    socket = await here.connect()

    await socket.send(b'[2,"1","Heart\xff",{}]', text=True)

    assert await closed(socket) == 1007


async def test_a55_fragments_are_put_together(here: House) -> None:
    here.answer_everything()
    socket = await here.connect()

    await socket.send(['[2,"h1",', '"Heart', 'beat",{}]'])

    assert await hear(socket) == [3, "h1", {}]


async def test_b26_300_kb_pass_and_more_than_a_mebibyte_is_1009(here: House) -> None:
    socket = await here.connect()

    await socket.send('[2,"s1","StopTransaction",{"transactionData":"' + "x" * 300_000 + '"}]')
    await until(lambda: here.heard("CP1"))
    await socket.send("x" * 1_048_577)

    assert await closed(socket) == 1009


async def test_a_compression_bomb_is_1009(here: House) -> None:
    socket = await here.connect(compression="deflate")

    await socket.send("0" * 4_000_000)

    assert await closed(socket) == 1009


async def test_b05_b06_over_the_wire(here: House) -> None:
    here.answer_everything()
    socket = await here.connect()

    for number in range(3):
        here.tell("CP1", [2, f"m{number}", "Reset", {}])
    first = await hear(socket)
    await socket.send('[2,"h1","Heartbeat",{}]')
    beat = await hear(socket)
    rest = []
    for number in range(3):
        await socket.send(f'[3,"m{number}",{{}}]')
        if number < 2:
            rest.append(await hear(socket))

    assert first[1] == "m0"
    assert beat == [3, "h1", {}]
    assert [frame[1] for frame in rest] == ["m1", "m2"]


async def test_b08_b28_time_outs_in_both_directions_over_the_wire() -> None:
    async with house(call_timeout_s=0.1) as here:
        socket = await here.connect()

        here.tell("CP1", [2, "m1", "Reset", {}])
        command = await hear(socket)
        await socket.send('[2,"h1","Heartbeat",{}]')
        error = await hear(socket)
        await until(lambda: [frame for frame in here.heard("CP1") if frame[0] == 4])

        assert command[1] == "m1"
        assert error[:3] == [4, "h1", "InternalError"]
        assert here.heard("CP1")[-1][4]["reason"] == "timeout"


async def test_the_deadline_and_the_epoch_of_a_message_are_read(here: House) -> None:
    socket = await here.connect()
    (connected,) = here.events("connected")
    await socket.send('[2,"h1","Heartbeat",{}]')
    await until(lambda: here.heard("CP1"))

    here.tell("CP1", [2, "m1", "Reset", {}], deadline=1_000)
    here.tell("CP1", [3, "h1", {"old": 1}], epoch=connected["epoch"] - 1)
    here.tell("CP1", [3, "h1", {"new": 1}], epoch=connected["epoch"])
    answer = await hear(socket)
    here.tell("CP1", [2, "m2", "Reset", {}], deadline=10**14)

    assert answer == [3, "h1", {"new": 1}]
    assert (await hear(socket))[1] == "m2"
    assert here.heard("CP1")[1][4]["reason"] == "expired"


async def test_many_charge_points_share_links_and_keep_apart() -> None:
    rows = [ChargePoint(f"CP{n}") for n in range(10)]
    async with house(rows, charge_points_per_link=4) as here:
        here.answer_everything()
        connections = await asyncio.gather(*[here.connect(f"/ocpp/CP{n}") for n in range(10)])

        for number, socket in enumerate(connections):
            await socket.send(f'[2,"{number}","Heartbeat",{{}}]')
        answers = [await hear(socket) for socket in connections]

        assert [answer[1] for answer in answers] == [str(n) for n in range(10)]
        assert {event["link"] for event in here.events("connected")} == {1, 2, 3}
        assert len(here.links) == 4


async def test_a_broker_that_is_away_for_a_while_costs_no_socket() -> None:
    async with house(broker_grace_s=60) as here:
        here.answer_everything()
        socket = await here.connect()
        here.broker.stop()
        await socket.send('[2,"h1","Heartbeat",{}]')
        with pytest.raises(InvalidStatus) as refused:
            await here.connect("/ocpp/CP2")
        status, _ = await get(here.gateway.admin_port, "/readyz")
        here.broker.start()

        assert await hear(socket) == [3, "h1", {}]
        assert refused.value.response.status_code == 503
        assert status == 503
        assert here.events("disconnected") == []


async def test_a_broker_that_stays_away_closes_sockets_with_1013() -> None:
    async with house(broker_grace_s=0.05) as here:
        socket = await here.connect()
        here.broker.stop()
        code = await closed(socket)
        here.broker.start()
        await until(lambda: here.events("disconnected"))

        assert code == 1013
        assert here.events("disconnected")[0]["reason"] == "broker_lost"


async def test_a56_a_stop_closes_with_1001_and_tells_everything_it_knows() -> None:
    async with house(drain_s=0.1) as here:
        connections = [await here.connect("/ocpp/CP1"), await here.connect("/ocpp/CP2")]
        here.tell("CP1", [2, "m1", "Reset", {}])
        await hear(connections[0])

        here.gateway.stop()
        codes = [await closed(socket) for socket in connections]

    assert codes == [1001, 1001]
    assert here.heard("CP1")[0][4]["reason"] == "closed"
    assert [event["reason"] for event in here.events("disconnected")] == ["drained"] * 2
    assert [link.is_connected for link in here.links] == [False, False]
    with pytest.raises(OSError, match="Connect call failed"):
        await here.connect()


async def test_the_last_will_says_that_the_gateway_is_down(here: House) -> None:
    for link in here.links:
        link.cut()

    assert here.broker.payloads("gateways/g1/down") == [b'{"event":"down","gateway":"g1"}']


async def test_the_admin_port_tells_health_readiness_and_numbers(here: House) -> None:
    here.answer_everything()
    socket = await here.connect()
    await socket.send('[2,"h1","Heartbeat",{}]')
    await hear(socket)
    await socket.send("garbage")
    await hear(socket)
    port = here.gateway.admin_port

    assert await get(port, "/healthz") == (200, "alive\n")
    assert await get(port, "/readyz") == (200, "ready\n")
    assert (await get(port, "/nothing"))[0] == (await get(port, "//["))[0] == 404
    assert (await get(port, "/metrics", "POST"))[0] == 405
    _, metrics = await get(port, "/metrics")
    for line in (
        "ocpp_ws_active_connections 1.0",
        'ocpp_ws_upgrade_total{result="101"} 1.0',
        "ocpp_message_received_total 2.0",
        "ocpp_message_routed_total 1.0",
        'ocpp_call_handled_total{action="Heartbeat",outcome="result"} 1.0',
        'ocpp_message_ignored_total{reason="malformed"} 1.0',
        'ocpp_call_roundtrip_duration_seconds_count{direction="call"} 1.0',
        "mqtt_links_up 2.0",
    ):
        assert line in metrics
    assert "CP1" not in metrics


async def test_somebody_who_never_asks_for_anything_is_let_go() -> None:
    async with house(websocket=WebSocketOptions(handshake_timeout_s=0.05)) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        with pytest.raises(ConnectionError):
            if await reader.read() == b"":
                raise ConnectionResetError
        writer.close()


async def test_frames_that_come_with_the_request_are_served_after_the_101(here: House) -> None:
    here.answer_everything()
    frame = b"\x81\x97\0\0\0\0" + b'[2,"h1","Heartbeat",{}]'
    reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
    writer.write(
        b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n" + frame
    )

    head = await reader.readuntil(b"\r\n\r\n")
    answer = await reader.readexactly(2 + 11)
    writer.close()

    assert head.startswith(b"HTTP/1.1 101")
    assert answer[2:] == b'[3,"h1",{}]'


async def test_a_port_in_use_is_an_oserror() -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(OSError, match="in use"):
            async with house(port=taken.getsockname()[1]):
                pass
