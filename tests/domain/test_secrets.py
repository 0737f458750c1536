from typing import Any

import pytest

from domain import secrets

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("payload", "masked"),
    [
        ({"key": "AuthorizationKey", "value": "s3cret"}, {"key": "AuthorizationKey", "value": "***"}),
        ({"key": "authorizationkey", "value": "s3cret"}, {"key": "authorizationkey", "value": "***"}),
        (
            {"setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": "s3cret"}]},
            {"setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": "***"}]},
        ),
        (
            {"connectionData": {"basicAuthPassword": "s3cret", "vpn": {"key": "s3cret", "user": "u"}}},
            {"connectionData": {"basicAuthPassword": "***", "vpn": {"key": "***", "user": "u"}}},
        ),
        ({"apn": {"simPin": 1234, "apnPassword": None}}, {"apn": {"simPin": "***", "apnPassword": None}}),
        ({"certificate": f"{KEY}\n{CERTIFICATE}"}, {"certificate": f"***\n{CERTIFICATE}"}),
        ({"data": "-----BEGIN PRIVATE KEY-----\nMIIE"}, {"data": "***"}),
        ({"location": "ftp://olga:s3cret@logs.example/x"}, {"location": "ftp://olga:***@logs.example/x"}),
        (
            {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "s3cret"}]},
            {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "***"}]},
        ),
    ],
)
def test_a_secret_is_masked_wherever_it_stands(payload: dict[str, Any], masked: dict[str, Any]) -> None:
    assert secrets.masked(payload) == masked
    assert secrets.has_any(payload)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"key": "HeartbeatInterval", "value": "300"},
        {"key": ["AuthorizationKey"]},
        {"certificate": CERTIFICATE},
        {"location": "https://logs.example:8080/x@y", "retries": 3, "data": None},
    ],
)
def test_what_is_no_secret_stays_the_very_same(payload: dict[str, Any]) -> None:
    assert secrets.masked(payload) is payload
    assert not secrets.has_any(payload)
