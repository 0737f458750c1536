from typing import Any

import pytest

from remote_commands import settings
from remote_commands.settings import ClientSettings, Settings, SettingsError


def test_without_variables_a_charge_point_has_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCPPGW_COMMAND_TIMEOUT_S", raising=False)

    assert settings.load(Settings).command_timeout.total_seconds() == 30


@pytest.mark.parametrize(
    ("name", "kind"), [("OCPPGW_COMMAND_TIMEOUT_S", Settings), ("OCPPGW_HTTP_PORT", ClientSettings)]
)
@pytest.mark.parametrize("value", ["0", "-1", "soon", "99999999"])
def test_a_wrong_value_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: Any, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        settings.load(kind)

    assert str(caught.value).startswith(f"{name} is '{value}': ")
    assert str(caught.value).count("\n") == 0
