"""The processors' settings."""

import pytest

from domain.models import Registration
from processors.settings import Settings, SettingsError, load


def test_everything_has_a_default_that_works() -> None:
    settings = Settings()

    assert (settings.call_timeout_s, settings.registration) == (30, Registration.ACCEPTED)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OCPPGW_CALL_TIMEOUT_S", "soon"),
        ("OCPPGW_HEARTBEAT_INTERVAL_S", "0"),
        ("OCPPGW_REGISTRATION", "Maybe"),
        ("OCPPGW_GATE", "open"),
        ("OCPPGW_DATA_TRANSFER", "{"),
        ("OCPPGW_CA_KEY", "/no/such/file"),
        ("OCPPGW_SIGNER", "somebody"),
        ("OCPPGW_OCSP_RESPONDERS", "http://ocsp.example/"),
        ("OCPPGW_CONTRACT_ROOTS", "/no/such/roots"),
    ],
)
def test_a_wrong_variable_is_refused_in_a_sentence_that_names_it(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=f"^{variable} is '{value}': .*[.]$"):
        load()


def test_vendors_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPGW_DATA_TRANSFER", '{"v": ["a"], "w": []}')

    assert load().data_transfer == {"v": ("a",), "w": ()}


def test_a_responder_is_named_with_the_slash_after_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPGW_OCSP_RESPONDERS", '["http://ocsp.example"]')

    with pytest.raises(SettingsError, match=r"^OCPPGW_OCSP_RESPONDERS is 'http://ocsp.example': .*[.]$"):
        load()
