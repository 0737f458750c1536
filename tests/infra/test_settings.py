"""What `ocppgw up` can be told, and what it says when it is told nonsense."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from infra.local.settings import Settings, SettingsError, check_ports, doubts, load


def free_ports() -> dict[str, int]:
    """One for each setting: a house may be running on the usual ones."""
    names = ("ws_port", "http_port", "admin_port", "aws_port", "mqtt_port")
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: each.getsockname()[1] for name, each in zip(names, bound, strict=True)}


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_the_addresses_are_those_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*Settings().ports, "OCPPGW_STATE_DIR", "OCPPGW_DEMO", "AWS_REGION"):
        monkeypatch.delenv(variable, raising=False)

    settings = load()

    assert list(settings.ports.values()) == [9000, 9080, 9090, 4566, 8883]
    assert (str(settings.state_dir), settings.demo, settings.region) == (".local", True, "us-east-1")


def test_variables_override_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPGW_WS_PORT", "9001")
    monkeypatch.setenv("OCPPGW_DEMO", "0")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")

    settings = load()

    assert (settings.ws_port, settings.demo, settings.region) == (9001, False, "eu-central-1")


@pytest.mark.parametrize(
    ("variable", "value"), [("OCPPGW_HTTP_PORT", "http"), ("OCPPGW_WS_PORT", "70000"), ("AWS_REGION", "home")]
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=rf"^{variable} is '{value}': [^\n]*\.$"):
        load()


def test_a_port_in_use_names_port_and_variable(taken_port: int) -> None:
    settings = Settings.model_validate(free_ports() | {"mqtt_port": taken_port})

    with pytest.raises(SettingsError, match=rf"^Port {taken_port} is in use: set OCPPGW_MQTT_PORT to another one\.$"):
        check_ports(settings)


def test_a_port_given_twice_names_both_variables() -> None:
    settings = Settings(ws_port=18_999, http_port=18_999)

    with pytest.raises(
        SettingsError, match=r"^Port 18999 is given twice, as OCPPGW_WS_PORT and as OCPPGW_HTTP_PORT\.$"
    ):
        check_ports(settings)


@pytest.mark.parametrize(("lease_s", "delay_s", "count"), [(30, 60, 0), (30, 31, 0), (30, 30, 1), (60, 2, 1)])
def test_a_lease_that_outlives_the_delay_of_the_shadow_is_doubted(lease_s: float, delay_s: int, count: int) -> None:
    said = doubts(Settings(lease_s=lease_s, disconnect_delay_s=delay_s))

    assert len(said) == count
    assert all("OCPPGW_LEASE_S" in doubt and "OCPPGW_DISCONNECT_DELAY_S" in doubt for doubt in said)
