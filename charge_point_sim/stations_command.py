"""`ocppgw sim stations`: battery-swapping stations on the house on this machine, or on any broker."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from charge_point_sim import stations as sim
from charge_point_sim import tls
from charge_point_sim.plan import PlanError, read_duration_s
from charge_point_sim.stations import Broker, Tally

POLICY_OUTPUT = "StationPolicyNameOutput"
STACK = "ocpp-gateway"
_TELL_S = 5.0


class StationsError(Exception):
    """The stations can't start; the text is one sentence."""


def stations(
    count: Annotated[int, typer.Option(help="How many stations.", min=1, max=10_000)] = 50,
    interval: Annotated[float, typer.Option(help="Seconds between two messages of a station.", min=0.1)] = 5,
    duration: Annotated[str | None, typer.Option(help="Such as 90s, 10m; until Ctrl-C unless given.")] = None,
    id_prefix: Annotated[str, typer.Option(help="Ids are this and a number of five digits.")] = "BSS-",
    seed: Annotated[int, typer.Option(help="The same seed: the same stations.")] = 7,
    url: Annotated[str | None, typer.Option(help="mqtt:// or mqtts://; the house on this machine.")] = None,
    ca: Annotated[Path | None, typer.Option(help="Certificates to trust.")] = None,
    cert: Annotated[Path | None, typer.Option(help="Client certificate, attached to all things.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
) -> None:
    """Be battery-swapping stations, until the time is over or Ctrl-C; on this machine they are registered first."""
    ids = sim.names(count, id_prefix)
    try:
        lasts_s = read_duration_s(duration) if duration else None
        broker = _broker(url, ca, cert, key) if url else _house(ids)
    except (StationsError, PlanError) as error:
        typer.echo(f"{error}.", err=True)
        raise typer.Exit(1) from error
    tally = Tally()
    asyncio.run(_run(ids, broker, interval, seed, lasts_s, tally))
    typer.echo(f"{count} stations, {tally.published} messages, {tally.lost} connections lost")
    if not tally.published:
        raise typer.Exit(1)


async def _run(
    ids: list[str], broker: Broker, interval_s: float, seed: int, lasts_s: float | None, tally: Tally
) -> None:
    living = asyncio.create_task(sim.run(ids, broker, interval_s, seed, tally), name="stations")
    telling = asyncio.create_task(_tell(tally), name="tell")
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, living.cancel)
    await asyncio.wait([living], timeout=lasts_s)
    for task in (living, telling):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _tell(tally: Tally) -> None:
    while True:
        await asyncio.sleep(_TELL_S)
        trouble = f", {tally.lost} lost ({tally.why})" if tally.lost else ""
        typer.echo(f"{tally.connected} connected, {tally.published} published{trouble}")


def _broker(url: str, ca: Path | None, cert: Path | None, key: Path | None) -> Broker:
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise StationsError(f"{url} begins neither with mqtt:// nor with mqtts://")
    if parts.scheme == "mqtt":
        return Broker(parts.hostname, parts.port or 1883, None)
    try:
        context = tls.trusting(ca)
        if cert:
            context.load_cert_chain(cert, key)
    except OSError as error:
        raise StationsError(f"The certificates can't be used: {error}") from error
    return Broker(parts.hostname, parts.port or 8883, context)


def _house(ids: list[str]) -> Broker:
    """The broker of the house on this machine, where all stations are registered and share a certificate."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    state = Path(os.environ.get("OCPPGW_STATE_DIR", ".local"))
    endpoint = f"http://127.0.0.1:{os.environ.get('OCPPGW_AWS_PORT', '4566')}"
    session = boto3.Session("local", "local", region_name=os.environ.get("AWS_REGION", "us-east-1"))
    try:
        stack = session.client("cloudformation", endpoint_url=endpoint).describe_stacks(StackName=STACK)["Stacks"][0]
        policy = next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == POLICY_OUTPUT)
        iot = session.client("iot", endpoint_url=endpoint)
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_policy(policyName=policy, target=made["certificateArn"])
        for station_id in ids:
            iot.create_thing(thingName=station_id)
            iot.attach_thing_principal(thingName=station_id, principal=made["certificateArn"])
    except (BotoCoreError, ClientError) as error:
        raise StationsError(f"The house can't be reached: {error} Is `ocppgw up` running?") from error
    directory = state / "stations"
    directory.mkdir(parents=True, exist_ok=True)
    cert, key = directory / "certificate.pem", directory / "key.pem"
    key.touch(mode=0o600)
    key.write_text(made["keyPair"]["PrivateKey"])
    cert.write_text(made["certificatePem"])
    port = os.environ.get("OCPPGW_MQTT_PORT", "8883")
    return _broker(f"mqtts://localhost:{port}", state / "ca.pem", cert, key)
