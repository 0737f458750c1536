"""Broker URLs and limits: what they mean, and what is said about wrong ones."""

import dataclasses
import ssl
from pathlib import Path
from typing import Any

import pytest

from adapters.mqtt_settings import MqttSettings, from_url
from tests.certificates import Authority


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("mqtt://127.0.0.1", "127.0.0.1", 1883),
        ("mqtt://broker.example.com:1884/", "broker.example.com", 1884),
        ("mqtt://[::1]:1883", "::1", 1883),
        ("MQTTS://example.com", "example.com", 8883),
    ],
)
def test_a_url_is_a_host_and_a_port(url: str, host: str, port: int) -> None:
    settings = from_url(url, "gw-1")

    assert (settings.host, settings.port, settings.client_id) == (host, port, "gw-1")
    assert (settings.tls is not None) == url.lower().startswith("mqtts")


def test_user_and_password_come_with_the_url_and_stay_out_of_logs() -> None:
    settings = from_url("mqtt://me%40home:s%3Acret@localhost", "gw-1", keepalive_s=45)

    assert (settings.username, settings.password) == ("me@home", b"s:cret")
    assert settings.keepalive_s == 45
    assert "cret" not in repr(settings)


def test_certificates_make_a_verifying_context(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.issue("link")

    settings = from_url(
        "mqtts://localhost:8884", "gw-1", ca=authority.certificate, cert=client.certificate, key=client.key
    )

    assert settings.tls is not None
    assert settings.tls.verify_mode == ssl.CERT_REQUIRED
    assert settings.tls.check_hostname
    assert len(settings.tls.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://localhost", "http://localhost is no broker URL"),
        ("localhost:1883", "localhost:1883 is no broker URL"),
        ("", "Nothing is no broker URL"),
        ("mqtt://", "mqtt: is no broker URL|mqtt:// is no broker URL"),
        ("mqtt://localhost:0", "is no broker URL"),
        ("mqtt://localhost:99999", "Port out of range"),
        ("mqtt://localhost:x", "could not be cast"),
        ("mqtt://[::1", "Invalid IPv6 URL"),
        ("mqtt://a..b", "label empty"),
        ("mqtt://localhost/topic", "has something after the port"),
        ("mqtt://localhost?x=1", "has something after the port"),
        ("ws://me:secret@localhost", r"^ws://localhost is no broker URL"),
    ],
)
def test_a_wrong_url_is_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        from_url(url, "gw-1")

    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_wrong_files_are_one_sentence(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    leaf = authority.issue("link")
    other = authority.issue("other")
    missing = tmp_path / "missing.pem"
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("mqtt", {"ca": authority.certificate}, "is not encrypted"),
        ("mqtts", {"cert": leaf.certificate}, "one of them is missing"),
        ("mqtts", {"ca": missing}, "There is no file"),
        ("mqtts", {"ca": leaf.key}, "can't be used"),
        ("mqtts", {"cert": leaf.certificate, "key": other.key}, "can't be used"),
    ]

    for scheme, files, sentence in wrong:
        with pytest.raises(ValueError, match=sentence):
            from_url(f"{scheme}://localhost", "gw-1", **files)


@pytest.mark.parametrize("wrong", [{"publish_rate": -1.0}, {"byte_rate": float("inf")}], ids=str)
def test_rates_that_can_not_work_are_refused(wrong: dict[str, float]) -> None:
    settings = MqttSettings("localhost", 1883, "gw-1")

    with pytest.raises(ValueError, match="must be a number from 0"):
        dataclasses.replace(settings, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [{"port": 0}, {"keepalive_s": 0}, {"window": 0}, {"max_messages": 60_001}, {"max_bytes": 1_000}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_limits_that_can_not_work_are_refused(wrong: dict[str, int]) -> None:
    settings = MqttSettings("localhost", 1883, "gw-1")

    with pytest.raises(ValueError, match="must be between 1 and"):
        dataclasses.replace(settings, **wrong)  # type: ignore[arg-type]
