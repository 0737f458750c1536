"""URLs of AWS IoT Core: what they mean, and what is said about wrong ones."""

from pathlib import Path
from typing import Any

import pytest

from adapters.mqtt_awsiot_settings import from_url
from tests.certificates import Authority

ENDPOINT = "abc123-ats.iot.eu-central-1.amazonaws.com"


def test_an_endpoint_without_a_certificate_is_signed_for_its_region() -> None:
    settings = from_url(f"awsiot://{ENDPOINT}", "gw-1", keepalive_s=45)

    assert (settings.host, settings.port, settings.client_id) == (ENDPOINT, 443, "gw-1")
    assert (settings.region, settings.certificate, settings.keepalive_s) == ("eu-central-1", None, 45)


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("abc123.iot.us-east-1.amazonaws.com", "us-east-1"),
        ("abc123.ats.iot.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("abc123-ats.iot.us-gov-west-1.amazonaws.com:443", "us-gov-west-1"),
    ],
)
def test_the_region_is_in_the_name(endpoint: str, region: str) -> None:
    settings = from_url(f"awsiot://{endpoint}", "gw-1")

    assert settings.region == region


def test_a_given_region_comes_first() -> None:
    settings = from_url("awsiot://iot.example.com:8443", "gw-1", region="eu-west-1")

    assert (settings.host, settings.port, settings.region) == ("iot.example.com", 8443, "eu-west-1")


def test_certificates_are_read_and_the_key_stays_out_of_logs(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.issue("link")

    settings = from_url(
        "awsiot://localhost:8883", "gw-1", ca=authority.certificate, cert=client.certificate, key=client.key
    )

    assert settings.ca == authority.certificate.read_bytes()
    assert (settings.certificate, settings.key) == (client.certificate.read_bytes(), client.key.read_bytes())
    assert "PRIVATE KEY" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"mqtts://{ENDPOINT}", "is no URL such as awsiot://"),
        (ENDPOINT, "is no URL such as awsiot://"),
        ("", "Nothing is no URL"),
        ("awsiot://", "is no URL"),
        (f"awsiot://{ENDPOINT}:0", "is no URL"),
        (f"awsiot://{ENDPOINT}:x", "could not be cast"),
        ("awsiot://abc..com", "label empty"),
        (f"awsiot://{ENDPOINT}/mqtt", "has more than an endpoint"),
        (f"awsiot://me:secret@{ENDPOINT}", f"^awsiot://{ENDPOINT} has more than an endpoint"),
        ("awsiot://iot.example.com", "The region of iot.example.com is not in its name"),
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
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"cert": leaf.certificate}, "one of them is missing"),
        ({"ca": tmp_path / "missing.pem"}, "There is no file"),
        ({"ca": leaf.key}, "can't be used"),
        ({"cert": leaf.certificate, "key": authority.issue("other").key}, "can't be used"),
    ]

    for files, sentence in wrong:
        with pytest.raises(ValueError, match=sentence):
            from_url(f"awsiot://{ENDPOINT}", "gw-1", **files)
