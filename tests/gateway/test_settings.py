from pathlib import Path

import pytest

from gateway.limits import TrafficLimits
from gateway.settings import SettingsError, load
from gateway.tls import TlsFiles


def test_what_is_given_comes_before_the_environment_and_that_before_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OCPPGW_WS_PORT", "9100")
    monkeypatch.setenv("OCPPGW_ADMIN_PORT", "9190")

    settings = load(ws_port=9200, admin_port=None)

    assert (settings.ws_port, settings.admin_port, settings.call_timeout_s) == (9200, 9190, 30)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WS_PORT", "abc"),
        ("WS_PORT", "70000"),
        ("REGISTRY", "nobody"),
        ("REGISTRY", "file:"),
        ("CALL_TIMEOUT_S", "0"),
        ("DRAIN_SECONDS", "-1"),
        ("CHARGE_POINTS_PER_LINK", "0"),
        ("MIN_PROFILE", "4"),
        ("NO_COMMON_SUBPROTOCOL", "ignore"),
        ("HANDSHAKE_TIMEOUT_S", "0"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"OCPPGW_{name}", value)

    with pytest.raises(SettingsError) as wrong:
        load()

    assert str(wrong.value).startswith(f"OCPPGW_{name} is '{value}': ")
    assert str(wrong.value).endswith(".")
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("registry", ["open", "file:registry.jsonl"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example.com"])
def test_strangers_are_let_in_from_elsewhere_only_when_told_explicitly(registry: str, host: str) -> None:
    with pytest.raises(SettingsError, match="OCPPGW_OPEN_TO_NETWORK=1"):
        load(registry=registry, host=host)

    assert load(registry=registry, host=host, open_to_network=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_the_open_registry_is_fine_on_the_loopback(host: str) -> None:
    assert load(registry="open", host=host).registry == "open"


@pytest.mark.parametrize(("host", "per_source"), [("127.0.0.1", 0), ("0.0.0.0", 100), ("192.0.2.1", 100)])
def test_a_flood_is_limited_unless_switched_off(host: str, per_source: float) -> None:
    by_default = load(host=host).options()
    off = load(host=host, frames_per_s=0, bytes_per_s=0, handshakes_per_source_s=0).options()

    assert by_default.traffic == TrafficLimits(frames_per_s=50, bytes_per_s=262_144, patience_s=30)
    assert by_default.arrivals.handshakes_per_source_s == per_source
    assert off.traffic.traffic() is None
    assert off.arrivals.handshakes_per_source_s == 0


def test_the_limits_of_aws_hold_on_aws_only() -> None:
    aws = load(mqtt="mqtts://abc-ats.iot.eu-west-1.amazonaws.com:8883", mqtt_ca=Path("ca.pem"))
    other = load(mqtt="mqtt://127.0.0.1:1883")

    assert (aws.options().charge_points_per_link, aws.max_packet) == (45, 131_072)
    assert (other.options().charge_points_per_link, other.max_packet) == (1_000, 2_097_152)
    assert load(mqtt_max_packet=4_096, charge_points_per_link=1).options().charge_points_per_link == 1


@pytest.mark.parametrize("broker", ["awsiot://abc-ats.iot.eu-west-1.amazonaws.com", "awsiot://iot.example.com"])
def test_the_aws_runtime_means_aws(broker: str) -> None:
    settings = load(mqtt=broker)

    assert (settings.is_aws, settings.is_paced, settings.max_packet) == (True, True, 131_072)


def test_aws_in_china_is_aws_and_a_name_that_only_begins_so_is_not() -> None:
    assert load(mqtt="mqtts://abc.ats.iot.cn-north-1.amazonaws.com.cn").is_aws
    assert not load(mqtt="mqtts://abc.amazonaws.com.example.com").is_aws
    assert not load(mqtt="mqtt://[nonsense").is_aws


def test_the_pace_of_aws_can_be_switched_on_and_off() -> None:
    assert not load(mqtt="awsiot://iot.example.com", mqtt_pace=False).is_paced
    assert load(mqtt="mqtt://127.0.0.1:1883", mqtt_pace=True).is_paced


def test_a42_certificates_come_in_pairs_from_options_or_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPGW_TLS_CERT", "rsa.pem,ec.pem")
    monkeypatch.setenv("OCPPGW_TLS_KEY", "rsa.key,ec.key")
    pairs = [(Path("rsa.pem"), Path("rsa.key")), (Path("ec.pem"), Path("ec.key"))]

    settings = load(tls_client_ca=Path("ca.pem"), tls_crl=Path("crl.pem"), plain_port=9001)
    given = load(tls_cert=[Path("one.pem")], tls_key=[Path("one.key")])

    assert settings.tls_files == TlsFiles(pairs, Path("ca.pem"), Path("crl.pem"))
    assert given.tls_files == TlsFiles([(Path("one.pem"), Path("one.key"))])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"tls_cert": ["a.pem"]}, "OCPPGW_TLS_KEY"),
        ({"tls_client_ca": "ca.pem"}, "OCPPGW_TLS_CLIENT_CA"),
        ({"tls_cert": ["a.pem"], "tls_key": ["a.key"], "tls_crl": "crl.pem"}, "OCPPGW_TLS_CRL"),
        ({"plain_port": 9001}, "OCPPGW_PLAIN_PORT"),
    ],
)
def test_half_of_a_tls_configuration_is_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(**given)


def test_a40_the_pepper_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPGW_PEPPER", "very secret")

    settings = load()

    assert "secret" not in repr(settings) + repr(settings.options())
    assert settings.options().policy.pepper == b"very secret"


def test_a_worker_gets_all_settings_and_its_share_of_what_all_have() -> None:
    settings = load(workers=4, max_connections=10, subscribe_rate=100, pepper="secret", mqtt_sharers=3, registry="open")

    worker = settings.of_a_worker()

    assert worker["OCPPGW_MAX_CONNECTIONS"] == "3"
    assert worker["OCPPGW_SUBSCRIBE_RATE"] == "25.0"
    assert worker["OCPPGW_WORKERS"] == "1"
    assert worker["OCPPGW_PEPPER"] == "secret"
    assert worker["OCPPGW_MQTT_SHARERS"] == "12"
    assert "OCPPGW_MQTT_CA" not in worker


def test_a_worker_reads_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(tls_cert=["a.pem", "b.pem"], tls_key=["a.key", "b.key"], workers=2)

    for name, value in settings.of_a_worker().items():
        monkeypatch.setenv(name, value)

    assert load() == settings.model_copy(update={"workers": 1, "subscribe_rate": 0.0, "mqtt_sharers": 2})


@pytest.mark.parametrize(
    ("registry", "given", "expected"),
    [
        ("dynamodb", None, ["IncomingMessagesQueue", "FramesToArchive"]),
        ("open", None, []),
        ("dynamodb", "", []),
        ("open", "Mine, Log,", ["Mine", "Log"]),
    ],
)
def test_large_frames_go_to_the_queues_of_the_rule_they_bypass(
    registry: str, given: str | None, expected: list[str]
) -> None:
    assert load(registry=registry, mqtt="mqtt://localhost", large_frames_queue=given).queues_of_large_frames == expected
