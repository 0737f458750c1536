"""The processors' settings."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from domain.models import Registration
from processors.settings import READERS, Gate, Settings, SettingsError, load

ROOTS = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:roots"


def test_everything_has_a_default_that_works() -> None:
    settings = Settings()

    assert (settings.call_timeout_s, settings.registration) == (30, Registration.ACCEPTED)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OCPPGW_CALL_TIMEOUT_S", "soon"),
        ("OCPPGW_HEARTBEAT_INTERVAL_S", "0"),
        ("OCPPGW_HEARTBEAT_INTERVAL_S", "86401"),
        ("OCPPGW_HEARTBEAT_INTERVAL_S", "1.5"),
        ("OCPPGW_HEARTBEAT_JITTER", "1"),
        ("OCPPGW_HEARTBEAT_JITTER", "nan"),
        ("OCPPGW_ONE_TRANSACTION_PER_TOKEN", "perhaps"),
        ("OCPPGW_REGISTRATION", "Maybe"),
        ("OCPPGW_GATE", "open"),
        ("OCPPGW_DATA_TRANSFER", "{"),
        ("OCPPGW_DATA_TRANSFER", '{"v": "a"}'),
        ("OCPPGW_CA_KEY", "/no/such/file"),
        ("OCPPGW_SIGNER", "somebody"),
        ("OCPPGW_OCSP_RESPONDERS", "http://ocsp.example/"),
        ("OCPPGW_OCSP_RESPONDERS", '["http://ocsp.example"]'),
        ("OCPPGW_CONTRACT_ROOTS", "/no/such/roots"),
    ],
)
def test_a_wrong_variable_is_refused_in_a_sentence_that_names_it(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=rf"^{variable} is '{re.escape(value)}': .*[.]$"):
        load()


def test_every_setting_can_be_set() -> None:
    assert set(READERS) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("HEARTBEAT_INTERVAL_S", "900", 900),
        ("CALL_TIMEOUT_S", "2.5", 2.5),
        ("REGISTRATION", "Pending", Registration.PENDING),
        ("GATE", "registered", Gate.REGISTERED),
        ("ONE_TRANSACTION_PER_TOKEN", "True", True),
        ("ONE_TRANSACTION_PER_TOKEN", "0", False),
        ("TARIFF", "city", "city"),
        ("SIGNER", "off", "off"),
        ("OCSP_RESPONDERS", '["http://ocsp.example/"]', ("http://ocsp.example/",)),
        (
            "CONTRACT_ROOTS",
            "arn:aws:secretsmanager:eu-central-1:1:secret:roots",
            "arn:aws:secretsmanager:eu-central-1:1:secret:roots",
        ),
        ("CONTRACT_ROOTS", __file__, Path(__file__)),
    ],
)
def test_a_setting_is_read_from_its_variable(
    variable: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"OCPPGW_{variable}", text)

    assert getattr(load(), variable.lower()) == value


def test_vendors_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPGW_DATA_TRANSFER", '{"v": ["a"], "w": []}')

    assert load().data_transfer == {"v": ("a",), "w": ()}
