"""`ocppgw gateway`: where the gateway meets its broker, its registry and its signals."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvloop

from adapters import logs, mqtt_awsiot_settings, mqtt_pace, mqtt_settings, spans
from adapters.mqtt_awsiot_settings import AwsIotSettings
from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import MqttSettings
from domain.ports import Admissions, LargeFrames
from gateway.doors import CantListenError
from gateway.garbage import collect_seldom
from gateway.links import MakeLink
from gateway.pem import unfold
from gateway.server import Gateway
from gateway.settings import Settings, SettingsError, load
from gateway.tls import Certificates, TlsError
from gateway.workers import Parent, Plan, WorkerError

# make, terminals and supervisors deliver one stop twice; only a later one means "now".
IMPATIENT_AFTER_S = 1.0

# A broker that was restarted has its links back within 5 s. AWS IoT Core, with 500 connects a second for a whole
# account, is given the time links take by default.
BACKOFF_S = (0.5, 4.0)

Will = tuple[str, bytes]

log = structlog.get_logger()

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def gateway(
    host: Annotated[str | None, typer.Option(help="Address to listen on. OCPPGW_HOST, 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port for charge points. OCPPGW_WS_PORT, 9000")] = None,
    admin_port: Annotated[int | None, typer.Option(help="Metrics and health. OCPPGW_ADMIN_PORT, 9090")] = None,
    mqtt: Annotated[str | None, typer.Option(help="mqtt://, mqtts:// or awsiot:// URL. OCPPGW_MQTT")] = None,
    mqtt_ca: Annotated[Path | None, typer.Option(help="Authorities the broker is checked against.")] = None,
    mqtt_cert: Annotated[Path | None, typer.Option(help="Our client certificate.")] = None,
    mqtt_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    mqtt_max_packet: Annotated[int | None, typer.Option(help="Bytes the broker takes at once.")] = None,
    registry: Annotated[str | None, typer.Option(help="dynamodb, file:PATH or open. OCPPGW_REGISTRY")] = None,
    open_to_network: Annotated[bool | None, typer.Option(help="Let strangers in from elsewhere, too.")] = None,
    tls_cert: Annotated[
        list[Path] | None, typer.Option(help="Certificate chain; once for RSA, once for ECDSA.")
    ] = None,
    tls_key: Annotated[list[Path] | None, typer.Option(help="Its key, in the same order.")] = None,
    tls_client_ca: Annotated[Path | None, typer.Option(help="Authorities of client certificates (profile 3).")] = None,
    tls_crl: Annotated[Path | None, typer.Option(help="Their revocation list.")] = None,
    plain_port: Annotated[int | None, typer.Option(help="Another port without TLS beside --port.")] = None,
    proxy_protocol: Annotated[bool | None, typer.Option(help="Expect PROXY v2 from a load balancer.")] = None,
    min_profile: Annotated[int | None, typer.Option(help="Lowest security profile let in. 0")] = None,
    cpo_name: Annotated[str | None, typer.Option(help="Organisation in client certificates.")] = None,
    no_common_subprotocol: Annotated[str | None, typer.Option(help="refuse (400) or close (101, then 1002).")] = None,
    charge_points_per_link: Annotated[int | None, typer.Option(help="Charge points per MQTT connection.")] = None,
    call_timeout_s: Annotated[float | None, typer.Option(help="Time for an answer, both ways.")] = None,
    ping_interval_s: Annotated[float | None, typer.Option(help="Time between pings; 0 = none.")] = None,
    broker_grace_s: Annotated[float | None, typer.Option(help="Keep sockets this long without a broker.")] = None,
    drain_seconds: Annotated[float | None, typer.Option(help="Spread the closing over this time.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes on this port, for many cores.")] = None,
    inherited: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Carry OCPP frames between charge points (WebSocket) and the cloud (MQTT)."""
    try:
        unfold(os.environ)
        settings = load(
            host=host, ws_port=port, admin_port=admin_port, mqtt=mqtt, mqtt_ca=mqtt_ca, mqtt_cert=mqtt_cert,
            mqtt_key=mqtt_key, mqtt_max_packet=mqtt_max_packet, registry=registry, open_to_network=open_to_network,
            charge_points_per_link=charge_points_per_link, call_timeout_s=call_timeout_s,
            ping_interval_s=ping_interval_s, broker_grace_s=broker_grace_s, drain_seconds=drain_seconds,
            tls_cert=tls_cert or None, tls_key=tls_key or None, tls_client_ca=tls_client_ca, tls_crl=tls_crl,
            plain_port=plain_port, proxy_protocol=proxy_protocol, min_profile=min_profile, cpo_name=cpo_name,
            no_common_subprotocol=no_common_subprotocol, workers=workers,
        )  # fmt: skip
        logs.configure()
        if settings.workers > 1:
            asyncio.run(run_workers(settings))
        else:
            collect_seldom()
            uvloop.run(run(settings, inherited))
    except WorkerError as error:
        log.error("stopped", reason=str(error))
        raise typer.Exit(1) from error
    except (SettingsError, spans.SpansError, CantListenError) as error:
        typer.echo(error.strerror if isinstance(error, CantListenError) else error, err=True)
        raise typer.Exit(1) from error


async def run(settings: Settings, inherited: str | None = None) -> None:
    """Run a gateway until SIGTERM or SIGINT; a worker also ends with its parent, and has `inherited` from it.

    Raises:
        SettingsError: broker or registry can't be used as given.
        CantListenError: a port can't be opened.
    """
    gateway_id = secrets.token_hex(4)  # new at every start: what an older one left behind is never taken for ours
    options, loop = replace(settings.options(), tls=certificates(settings)), asyncio.get_running_loop()
    life = None
    if inherited is not None:
        admin, life = map(int, inherited.split(","))
        options = replace(options, admin_socket=socket.socket(fileno=admin), reuse_port=True)
    running = Gateway(
        admissions(settings), links(settings, gateway_id), options, gateway=gateway_id,
        large_frames=large_frames(settings),
    )  # fmt: skip
    if life is not None:
        loop.add_reader(life, _on_orphaned, loop, life, running.stop)
    _stop_on_signals(running.stop, lambda: None)
    loop.add_signal_handler(signal.SIGHUP, running.reload_certificates)
    flush = spans.export(os.environ, "gateway")
    await running.run()
    flush()


async def run_workers(settings: Settings) -> None:
    """Run several gateways on one port until SIGTERM or SIGINT.

    Raises:
        CantListenError: a port can't be opened.
        WorkerError: they don't start.
    """
    ports = {"OCPPGW_WS_PORT": settings.ws_port}
    others = {"OCPPGW_SECOND_PORT": settings.second_port, "OCPPGW_PLAIN_PORT": settings.plain_port}
    ports |= {name: port for name, port in others.items() if port is not None}
    plan = Plan(
        settings.workers, [sys.executable, "-m", "gateway"], {**os.environ, **settings.of_a_worker()},
        settings.host, ports, settings.admin_host, settings.admin_port,
    )  # fmt: skip
    parent = Parent(plan)
    _stop_on_signals(parent.stop, parent.kill)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, parent.signal, signal.SIGHUP)
    await parent.run()


def certificates(settings: Settings) -> Certificates | None:
    """The certificates the settings name, if there are any.

    Raises:
        SettingsError: they can't be used.
    """
    try:
        return Certificates(settings.tls_files) if settings.tls_files is not None else None
    except TlsError as error:
        raise SettingsError(f"The certificates for charge points can't be used: {error}.") from error


def admissions(settings: Settings) -> Admissions:
    """The registry the settings name.

    Raises:
        SettingsError: it can't be used.
    """
    kind, _, path = settings.registry.partition(":")
    if kind == "dynamodb":
        # Imported here: boto3 is a third of the memory of a gateway that needs none.
        from adapters import dynamodb
        from adapters.dynamodb_registry import DynamoRegistry

        return DynamoRegistry(dynamodb.connect(), dynamodb.tables(os.environ))
    from adapters.registries import FileRegistry, OpenRegistry

    if kind == "open":
        log.warning("THE REGISTRY IS OPEN: anybody may connect as any charge point, credentials are not looked at")
        return OpenRegistry()
    try:
        return FileRegistry(Path(path))
    except (OSError, ValueError) as error:
        raise SettingsError(f"OCPPGW_REGISTRY is {settings.registry!r}: {error}.") from error


def large_frames(settings: Settings) -> LargeFrames | None:
    """The way for frames that are too large for the broker, if there is one."""
    if not settings.queues_of_large_frames:
        return None
    from adapters import sqs

    return sqs.SqsLargeFrames(sqs.connect(), *settings.queues_of_large_frames)


def links(settings: Settings, gateway_id: str) -> MakeLink:
    """How to make links to the broker of the settings.

    Raises:
        SettingsError: the broker's URL or the certificates can't be used.
    """
    common = broker(settings)
    if isinstance(common, AwsIotSettings):
        # Imported here: other brokers have no use for the AWS runtime, nor for the memory it takes.
        from adapters.mqtt_awsiot import AwsIotLink

    def make(number: int, will: Will | None, on_state: Callable[[bool], None]) -> MqttLink:
        own = replace(common, client_id=f"gw-{gateway_id}-{number}", will=will)
        return AwsIotLink(own, on_state) if isinstance(own, AwsIotSettings) else MqttLink(own, on_state)

    return make


def broker(settings: Settings) -> MqttSettings:
    """What all links to the broker of the settings have in common.

    Raises:
        SettingsError: the broker's URL or the certificates can't be used.
    """
    chosen: dict[str, Any] = {"ca": settings.mqtt_ca, "cert": settings.mqtt_cert, "key": settings.mqtt_key}
    chosen["max_packet_size"] = settings.max_packet
    if not settings.is_aws:
        chosen["backoff_s"] = BACKOFF_S
    if settings.is_paced:
        chosen |= _aws_limits(settings.mqtt_sharers)
    try:
        if settings.mqtt.startswith("awsiot:"):
            return mqtt_awsiot_settings.from_url(settings.mqtt, "", region=os.environ.get("AWS_REGION"), **chosen)
        return mqtt_settings.from_url(settings.mqtt, "", **chosen)
    except ValueError as error:
        raise SettingsError(f"OCPPGW_MQTT: {error}") from error


def _aws_limits(sharers: int) -> dict[str, Any]:
    # 100 unacknowledged each way is what AWS IoT Core allows; the pace is one for all links of this process.
    window = {"window": 100, "receive_maximum": 100}
    rates = {"publish_rate": mqtt_pace.AWS_PUBLISH_RATE, "byte_rate": mqtt_pace.AWS_BYTE_RATE}
    return {**window, **rates, "pace": mqtt_pace.Pace(mqtt_pace.AWS_SUBSCRIBE_RATE / sharers)}


def _stop_on_signals(stop: Callable[[], None], kill: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    asked_at: list[float] = []

    def on_signal() -> None:
        if asked_at and loop.time() - asked_at[0] >= IMPATIENT_AFTER_S:
            log.warning("stopped at once, as asked again")
            kill()
            sys.stdout.flush()
            os._exit(1)
        if not asked_at:
            asked_at.append(loop.time())
            stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)


def _on_orphaned(loop: asyncio.AbstractEventLoop, life: int, stop: Callable[[], None]) -> None:
    loop.remove_reader(life)
    log.warning("the parent process is gone: stopping")
    stop()


def main() -> Any:
    """For `python -m gateway`."""
    return app()


if __name__ == "__main__":
    main()
