"""What the gateway does for AWS only: behind its load balancer, with its secrets, its Basic Ingest and its metrics."""

import asyncio
import base64
import json
import ssl
import stat
from pathlib import Path

import pytest
import structlog.testing

from adapters.mqtt_settings import tls_context
from domain.credentials import hash_generated
from domain.models import ChargePoint
from gateway.admission import Policy
from gateway.emf import NAMES
from gateway.pem import unfold
from gateway.settings import SettingsError, load
from ocppj import topics
from tests.certificates import Authority
from tests.gateway.house import PATIENCE_S, get, hear, house, until
from tests.gateway.test_listener import PROXY, REQUEST, answer_to

PEPPER = b"pepper"
HEALTH = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
# What a network load balancer sends for itself: LOCAL, no addresses.
LOCAL = PROXY[:12] + b"\x20\x00\x00\x00"


@pytest.mark.parametrize("start", [b"", PROXY, LOCAL])
async def test_health_checks_may_begin_with_a_proxy_header(start: bytes) -> None:
    async with house() as here:
        assert await answer_to(here.gateway.admin_port, start + HEALTH) == b"HTTP/1.1 200"


@pytest.mark.parametrize("start", [PROXY[:12] + b"\x21\x11\xff\xff", b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"])
async def test_what_is_no_health_check_gets_no_answer_and_the_next_one_does(start: bytes) -> None:
    async with house() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.admin_port)
        writer.write(start)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            said = await reader.read()
        writer.close()

        assert said == b"" or said.startswith(b"HTTP/1.1 4")
        assert await answer_to(here.gateway.admin_port, HEALTH) == b"HTTP/1.1 200"


async def test_behind_a_load_balancer_with_tls_both_main_ports_are_wss_and_the_plain_one_is_not() -> None:
    row = ChargePoint("CP1", password_hash=hash_generated(b"secret", PEPPER, b"salt" * 4), security_profile=2)
    authorization = b"Authorization: Basic " + base64.b64encode(b"CP1:secret") + b"\r\n\r\n"
    request = PROXY + REQUEST.removesuffix(b"\r\n") + authorization
    async with house(
        [row], policy=Policy(PEPPER), has_proxy=True, tls_offloaded=True, second_port=0, plain_port=0
    ) as here:
        ports = here.gateway.port, here.gateway.second_port, here.gateway.plain_port
        assert len(set(ports)) == 3
        assert [await answer_to(port, request) for port in ports] == [b"HTTP/1.1 101"] * 2 + [b"HTTP/1.1 403"]


@pytest.mark.parametrize("given", [{"tls_offloaded": True}, {"plain_port": 9001}])
def test_a_port_that_counts_as_wss_needs_a_load_balancer_before_it(given: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="makes sense with"):
        load(**given)

    assert load(tls_offloaded=True, proxy_protocol=True, plain_port=9001).options().tls_offloaded


async def test_basic_ingest_takes_frames_to_the_rule_and_nowhere_else() -> None:
    async with house(ingest_rule="IncomingFrames") as here:
        socket = await here.connect()
        await socket.send('[2,"1","Heartbeat",{}]')
        await until(lambda: here.broker.payloads("$aws/rules/IncomingFrames/CP1/in"))
        here.tell("CP1", [3, "1", {}])
        answer = await hear(socket)

        assert answer == [3, "1", {}]
        assert here.heard("CP1") == []
        assert here.events("connected")  # of which there are few: they stay where they can be heard


async def test_frames_of_a_charge_point_that_is_watched_can_be_heard_and_come_once() -> None:
    async with house(ingest_rule="IncomingFrames") as here:
        here.answer_everything()
        here.broker.subscribe("$aws/rules/IncomingFrames/+/in", lambda message: here.tell("CP1", [3, "1", {}]))
        watched, other = await here.connect(), await here.connect("/ocpp/CP2")
        here.broker.publish(topics.WATCH, b'{"id": "CP1", "seconds": 60}')
        await until(lambda: here.broker.payloads(topics.WATCH))
        await watched.send('[2,"1","Heartbeat",{}]')
        await hear(watched)
        await other.send('[2,"9","Heartbeat",{}]')
        await until(lambda: here.broker.payloads("$aws/rules/IncomingFrames/CP2/in"))

        assert here.heard("CP1") == [[2, "1", "Heartbeat", {}]]
        assert here.broker.payloads("$aws/rules/IncomingFrames/CP1/in") == []
        assert here.heard("CP2") == []


async def test_who_connects_while_it_is_watched_is_heard_from_the_first_frame_until_nobody_watches() -> None:
    async with house(ingest_rule="IncomingFrames") as here:
        here.broker.publish(topics.WATCH, b'{"id": "CP1", "seconds": 0.3}')
        await asyncio.sleep(0.01)
        socket = await here.connect()
        await socket.send('[2,"1","Heartbeat",{}]')
        await until(lambda: here.heard("CP1"))
        here.tell("CP1", [3, "1", {}])
        await hear(socket)

        async def is_direct_again() -> bool:
            await socket.send('[2,"2","Heartbeat",{}]')
            await asyncio.sleep(0.02)
            return bool(here.broker.payloads("$aws/rules/IncomingFrames/CP1/in"))

        async with asyncio.timeout(5):
            while not await is_direct_again():
                here.tell("CP1", [3, "2", {}])
                await hear(socket)


@pytest.mark.parametrize("wish", [b"", b"[]", b'{"id": "CP1"}', b'{"id": "CP1", "seconds": "long"}', b"\xff"])
async def test_a_wish_to_watch_that_is_none_changes_nothing(wish: bytes) -> None:
    async with house(ingest_rule="IncomingFrames") as here:
        socket = await here.connect()
        here.broker.publish(topics.WATCH, wish)
        await asyncio.sleep(0.01)
        await socket.send('[2,"1","Heartbeat",{}]')
        await until(lambda: here.broker.payloads("$aws/rules/IncomingFrames/CP1/in"))

        assert here.heard("CP1") == []


@pytest.mark.parametrize("rule", ["a/b", "+", "Rule-1"])
def test_a_rule_that_can_t_be_one_is_refused(rule: str) -> None:
    with pytest.raises(SettingsError, match="OCPPGW_BASIC_INGEST"):
        load(basic_ingest=rule)


def test_without_a_rule_the_topic_is_that_of_the_wire_contract() -> None:
    assert (topics.inbound("CP1"), topics.inbound("CP1", "R")) == ("CP1/in", "$aws/rules/R/CP1/in")


async def test_a_line_of_the_log_is_metrics_for_cloudwatch() -> None:
    with structlog.testing.capture_logs() as lines:
        async with house(emf_interval_s=0.05) as here:
            here.answer_everything()
            socket = await here.connect()
            await socket.send('[2,"1","Heartbeat",{}]')
            await hear(socket)
            await until(lambda: any(line.get("CallsAnswered") == 1 for line in lines))
            answered_at = next(number for number, line in enumerate(lines) if line.get("CallsAnswered") == 1)
            await until(lambda: any(line["event"] == "metrics" for line in lines[answered_at + 1 :]))
            told = [line for line in lines if line["event"] == "metrics"]

    first, later = lines[answered_at], told[-1]
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("OcppGateway", [[]])
    assert {each["Name"] for each in directive["Metrics"]} == set(NAMES) <= set(first)
    assert (first["Connections"], first["LinksUp"], first["CallsSlow"], first["FramesReceived"]) == (1, 2, 0, 1)
    assert (later["Connections"], later["CallsAnswered"]) == (1, 0)  # a count since the line before
    assert json.loads(json.dumps(first))["_aws"]["Timestamp"] > 1_700_000_000_000


async def test_a_link_that_was_lost_is_counted_and_one_that_ends_with_the_gateway_is_not() -> None:
    async with house() as here:
        here.links[1].lose()
        here.links[1].restore()
        _, metrics = await get(here.gateway.admin_port, "/metrics")
        samples = here.gateway.metrics.samples

    assert "mqtt_link_lost_total 1.0" in metrics
    assert [sample.value for sample in samples() if sample.name == "mqtt_link_lost_total"] == [1]


def test_a_certificate_may_be_the_variable_itself(tmp_path: Path) -> None:
    leaf = Authority(tmp_path).issue("gateway")
    texts = {"OCPPGW_MQTT_CERT": leaf.certificate.read_text(), "OCPPGW_MQTT_KEY": leaf.key.read_text()}
    environment = {"OCPPGW_MQTT_CA": "ca.pem", "OCPPGW_HOST": "-----BEGIN me"} | texts

    unfold(environment)

    certificate, key = Path(environment["OCPPGW_MQTT_CERT"]), Path(environment["OCPPGW_MQTT_KEY"])
    assert isinstance(tls_context(8883, None, certificate, key), ssl.SSLContext)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (certificate, key)} == {0o600}
    assert (environment["OCPPGW_MQTT_CA"], environment["OCPPGW_HOST"]) == ("ca.pem", "-----BEGIN me")
