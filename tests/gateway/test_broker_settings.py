"""From the gateway's settings to those of its links."""

from pathlib import Path

import pytest

from adapters.mqtt_awsiot_settings import AwsIotSettings
from adapters.mqtt_pace import AWS_BYTE_RATE, AWS_PUBLISH_RATE, AWS_SUBSCRIBE_RATE
from gateway.__main__ import broker
from gateway.settings import SettingsError, load

AMAZON = "abc-ats.iot.eu-west-1.amazonaws.com"


@pytest.fixture(autouse=True)
def _no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)


def test_awsiot_is_the_aws_runtime_signed_for_the_region_of_the_endpoint() -> None:
    settings = broker(load(mqtt=f"awsiot://{AMAZON}"))

    assert isinstance(settings, AwsIotSettings)
    assert (settings.host, settings.port, settings.region) == (AMAZON, 443, "eu-west-1")


def test_the_region_of_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")

    settings = broker(load(mqtt="awsiot://iot.example.com"))

    assert isinstance(settings, AwsIotSettings)
    assert settings.region == "eu-central-1"


@pytest.mark.parametrize("url", [f"awsiot://{AMAZON}", f"mqtts://{AMAZON}:8883"])
def test_links_to_aws_keep_to_its_limits(url: str) -> None:
    settings = broker(load(mqtt=url))

    assert (settings.publish_rate, settings.byte_rate) == (AWS_PUBLISH_RATE, AWS_BYTE_RATE)
    assert (settings.window, settings.receive_maximum, settings.max_packet_size) == (100, 100, 131_072)


def test_links_to_another_broker_keep_to_no_limits_unless_told_to() -> None:
    free = broker(load(mqtt="mqtt://127.0.0.1:1883"))
    paced = broker(load(mqtt="mqtt://127.0.0.1:1883", mqtt_pace=True))

    assert (free.publish_rate, free.byte_rate, free.window, free.pace(1_000)) == (0, 0, 1_000, 0)
    assert (paced.publish_rate, paced.window) == (AWS_PUBLISH_RATE, 100)


def test_the_limits_of_aws_can_be_switched_off() -> None:
    settings = broker(load(mqtt=f"awsiot://{AMAZON}", mqtt_pace=False))

    assert (settings.publish_rate, settings.byte_rate, settings.window) == (0, 0, 1_000)


@pytest.mark.parametrize("url", ["mqtt://127.0.0.1:1883", "mqtts://broker.example.com"])
def test_a_broker_of_our_own_is_asked_again_every_few_seconds_however_long_it_was_away(url: str) -> None:
    settings = broker(load(mqtt=url))

    assert settings.backoff_s[1] <= 4


def test_aws_is_given_more_time_for_it_takes_500_connects_a_second_only() -> None:
    settings = broker(load(mqtt=f"mqtts://{AMAZON}:8883"))

    assert settings.backoff_s == (1, 30)


def test_those_who_share_an_account_share_its_subscriptions() -> None:
    alone, one_of_four = (broker(load(mqtt=f"awsiot://{AMAZON}", mqtt_sharers=number)) for number in (1, 4))

    waits = [settings.pace(int(AWS_SUBSCRIBE_RATE)) or settings.pace(1) for settings in (alone, one_of_four)]

    # Four times the rate is a quarter of the waiting: all but the burst of a quarter of a second is owed.
    assert waits[0] == pytest.approx(0.75, abs=0.2)
    assert waits[1] == pytest.approx(3.75, abs=0.2)


@pytest.mark.parametrize("url", ["awsiot://", "http://example.com", "mqtt://[nonsense"])
def test_a_url_that_cannot_be_used_is_one_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^OCPPGW_MQTT: "):
        broker(load(mqtt=url))


def test_a_certificate_without_its_key_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match="one of them is missing"):
        broker(load(mqtt=f"awsiot://{AMAZON}", mqtt_cert=Path("cert.pem")))
