"""Where a fleet may connect to."""

import pytest

from charge_point_sim.target import TargetError, resolve


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:9000/ocpp", "ws://127.9.9.9:9000", "ws://[::1]:9000/", "wss://localhost/"]
)
def test_this_machine_may_be_loaded(url: str) -> None:
    assert resolve(url).is_loopback


@pytest.mark.parametrize("url", ["ws://10.0.0.1/ocpp", "ws://[2001:db8::1]:9000/"])
def test_another_machine_is_refused_unless_it_is_ours(url: str) -> None:
    with pytest.raises(TargetError, match="is not this machine"):
        resolve(url)

    assert not resolve(url, may_be_anywhere=True).is_loopback


def test_something_else_than_a_websocket_is_refused() -> None:
    with pytest.raises(TargetError, match="neither with ws://"):
        resolve("http://127.0.0.1/")


def test_further_connections_come_from_further_addresses() -> None:
    target = resolve("ws://127.0.0.1:9000")

    sources = [target.source(number) for number in (0, 1, 2, 260)]

    assert sources == [None, ("127.0.0.2", 0), ("127.0.0.3", 0), ("127.0.1.11", 0)]


def test_outside_loopback_there_is_no_choice_of_addresses() -> None:
    assert resolve("ws://10.0.0.1", may_be_anywhere=True).source(1) is None
