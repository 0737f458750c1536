"""What the gateway counts, and how slow the broker is."""

from domain.models import ChargePoint
from gateway.links import MEASURED_S, Lag
from tests.gateway.house import get, hear, house, until


async def test_links_tell_what_they_carry_and_what_is_not_acknowledged() -> None:
    async with house() as here:
        here.answer_everything()
        socket = await here.connect()
        await socket.send('[2,"h1","Heartbeat",{}]')
        await hear(socket)
        _, before = await get(here.gateway.admin_port, "/metrics")
        here.broker.stop()
        for number in range(3):
            await socket.send(f'[2,"{number}","Heartbeat",{{}}]')
        await until(lambda: here.links[1].outstanding == 3)
        _, after = await get(here.gateway.admin_port, "/metrics")
        here.broker.start()

        for line in (
            "mqtt_links_up 2.0",
            'mqtt_link_published_total{link="1"} 1.0',
            'mqtt_link_inflight{link="1"} 0.0',
        ):
            assert line in before
        for line in (
            "mqtt_links_up 0.0",
            'mqtt_link_inflight{link="1"} 3.0',
            'mqtt_link_published_total{link="1"} 4.0',
        ):
            assert line in after
        assert "ocpp_uplink_lag_seconds " in after


def test_the_lag_is_that_of_the_message_measured_last_or_of_one_that_waits_longer() -> None:
    now = [0.0]
    lag = Lag(lambda: now[0])

    first = lag.begin()
    second = lag.begin()
    now[0] = 0.2
    assert first is not None
    first()
    measured = lag.seconds
    lag.begin()
    now[0] = 5.2
    waiting = lag.seconds

    assert second is None
    assert (measured, waiting) == (0.2, 5.0)


def test_a_message_that_is_never_acknowledged_does_not_end_the_measuring() -> None:
    now = [0.0]
    lag = Lag(lambda: now[0])

    lag.begin()
    now[0] = MEASURED_S
    again = lag.begin()
    lag.forget()

    assert again is not None
    assert lag.seconds == 0.0


async def test_a_charge_point_may_have_pings_of_its_own() -> None:
    rows = [ChargePoint("CP1", ping_interval_s=0), ChargePoint("CP2")]
    async with house(rows, ping_interval_s=0.05) as here:
        quiet, deaf = await here.connect("/ocpp/CP1"), await here.connect("/ocpp/CP2")
        for socket in (quiet, deaf):
            socket.transport.pause_reading()

        await until(lambda: here.events("disconnected"))

        assert list(here.gateway.sessions) == ["CP1"]
        for socket in (quiet, deaf):
            socket.transport.abort()
