"""`ocppgw sim`: be one or more charge points, and say on one line each what happens."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated

import structlog
import typer

from charge_point_sim import tls
from charge_point_sim.build import DIALECTS, charge_point
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.client import Client, Clock
from charge_point_sim.fleet_command import fleet
from charge_point_sim.kept import Own
from charge_point_sim.parts import Setup, Token
from charge_point_sim.quirks import QUIRKS, Quirk, QuirkError
from charge_point_sim.quirks import quirk as read_quirk
from charge_point_sim.routine import FOREVER, Routine, begin
from charge_point_sim.run_command import run, scenarios
from charge_point_sim.settings import settings
from charge_point_sim.stations_command import stations
from charge_point_sim.target import TargetError
from charge_point_sim.target import read as read_url
from charge_point_sim.tls import TlsError, context
from ocppj.errors import IdentityError
from ocppj.topics import escape
from ocppj.versions import Version

SECOND_SIGNAL_S = 1.0  # make and a terminal deliver one stop twice; a later one means it

_VERSIONS = {version.name: version for version in DIALECTS}

app = typer.Typer(help="Be a charge point.", pretty_exceptions_enable=False)
app.command("fleet")(fleet)
app.command("stations")(stations)
app.command("run")(run)
app.command("scenarios")(scenarios)


@app.callback(invoke_without_command=True)
def sim(
    ctx: typer.Context,
    id: Annotated[list[str], typer.Option(help="Identity; repeat it for several charge points.")] = ["CP001"],  # noqa: B006
    version: Annotated[str, typer.Option(help=f"OCPP version: {' or '.join(_VERSIONS)}.")] = "1.6",
    url: Annotated[str | None, typer.Option(help="Endpoint; the identity is appended.")] = None,
    password: Annotated[
        str | None, typer.Option(help="For Basic authentication.", envvar="OCPPGW_SIM_PASSWORD")
    ] = None,
    connectors: Annotated[int, typer.Option(help="Connectors (1.6) or EVSEs (2.0.1).", min=1, max=100)] = 2,
    id_tag: Annotated[str, typer.Option(help="The id token that drivers present.")] = "DEMO-TAG-1",
    sessions: Annotated[
        int, typer.Option(help=f"Sessions that happen by themselves; {FOREVER}: for ever.", min=FOREVER)
    ] = 0,
    no_sessions: Annotated[bool, typer.Option("--no-sessions", help="Only wait for commands (the default).")] = False,
    session_seconds: Annotated[float, typer.Option(help="How long such a session lasts.", min=1)] = 60,
    pause_seconds: Annotated[float, typer.Option(help="Time between two of them.", min=0)] = 10,
    sample_seconds: Annotated[int, typer.Option(help="Time between two meter values.", min=0)] = 5,
    ping_seconds: Annotated[
        int, typer.Option(help="Time between two WebSocket pings of its own; 0: none.", min=0)
    ] = 20,
    quirk: Annotated[list[str], typer.Option(help=f"A vendor quirk or fault; repeatable: {', '.join(QUIRKS)}.")] = [],  # noqa: B006
    ca: Annotated[str | None, typer.Option(help="Certificates to trust, for wss://.")] = None,
    certificate: Annotated[str | None, typer.Option(help="Its own certificate (security profile 3), PEM.")] = None,
    key: Annotated[str | None, typer.Option(help="The key of its certificate, PEM.")] = None,
    network_host: Annotated[
        list[str], typer.Option(help="A host that network profiles may lead to, beside that of --url; repeatable.")
    ] = [],  # noqa: B006
    seed: Annotated[int | None, typer.Option(help="Makes what is left to chance repeatable.")] = None,
) -> None:
    """Be one or more charge points until Ctrl-C: boot, wait for commands, and charge if told to."""
    if ctx.invoked_subcommand:
        return
    secret = None if password is None else password.encode()
    endpoint = _endpoint(url or settings().url)
    own = _own(endpoint, ca, certificate, key)
    base = Setup(
        "", _version(version), connectors, secret, sample_s=sample_seconds, ping_s=ping_seconds, quirks=_quirks(quirk),
        security_profile=_profile(endpoint, secret, own),
    )  # fmt: skip
    routine = Routine(Token(id_tag), 0 if no_sessions else sessions, session_seconds, pause_seconds)
    setups = [replace(base, identity=_identity(each)) for each in id]
    if twice := next((each for each in id if id.count(each) > 1), None):
        raise typer.BadParameter(f"{twice} is there twice", param_hint="--id")
    _log_for_people()
    charge_points = [charge_point(setup, seed) for setup in setups]
    for cp in charge_points:
        cp.kept.own = own
        cp.networks.hosts = frozenset(network_host)
    asyncio.run(_run(charge_points, routine, endpoint, ca))


async def _run(charge_points: list[ChargePoint], routine: Routine, url: str, ca: str | None) -> None:
    clients = []
    for cp in charge_points:
        clock = Clock()
        cp.act(clock.now(), partial(begin, cp, routine))
        clients.append(Client(cp, url, clock, ca))
    stop = _stopper(clients)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(_live(client), name=client.cp.setup.identity)


async def _live(client: Client) -> None:
    # One charge point's bug must not take the others down.
    try:
        await client.run()
    except Exception:
        client.cp.log.exception("charge point died")


def _stopper(clients: list[Client]) -> Callable[[], None]:
    began_s: list[float] = []

    def stop() -> None:
        now_s = time.monotonic()
        if began_s and now_s - began_s[0] >= SECOND_SIGNAL_S:
            os._exit(1)
        began_s.append(now_s)
        for client in clients:
            client.stop()

    return stop


def _version(name: str) -> Version:
    if name not in _VERSIONS:
        raise typer.BadParameter(f"{name} is none of {', '.join(_VERSIONS)}", param_hint="--version")
    return _VERSIONS[name]


def _identity(identity: str) -> str:
    try:
        escape(identity)
    except IdentityError as error:
        raise typer.BadParameter(str(error), param_hint="--id") from error
    return identity


def _endpoint(url: str) -> str:
    try:
        read_url(url)
    except TargetError as error:
        raise typer.BadParameter(str(error), param_hint="--url") from error
    return url


def _quirks(names: list[str]) -> frozenset[Quirk]:
    try:
        return frozenset(read_quirk(name) for name in names)
    except QuirkError as error:
        raise typer.BadParameter(str(error), param_hint="--quirk") from error


def _own(url: str, ca: str | None, certificate: str | None, key: str | None) -> Own | None:
    if (certificate is None) is not (key is None):
        raise typer.BadParameter("--certificate and --key come together", param_hint="--certificate")
    try:
        context(url, ca)  # that it can be made is better known now
    except TlsError as error:
        raise typer.BadParameter(str(error), param_hint="--ca") from error
    try:
        return tls.own(certificate, key) if certificate and key else None
    except TlsError as error:
        raise typer.BadParameter(str(error), param_hint="--certificate") from error


def _profile(url: str, password: bytes | None, own: Own | None) -> int:
    if not url.startswith("wss://"):
        return 1 if password else 0
    return 3 if own else 2


def _log_for_people() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.processors.format_exc_info,
            _one_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _one_line(_: object, level: str, event: structlog.typing.EventDict) -> str:
    """`12:00:01 CP001 charging  connector=1 meter_wh=0`: a person watches."""
    head = f"{event.pop('timestamp')} {event.pop('charge_point_id', '')} "
    mark = "" if event.pop("level") == "info" else f"{level.upper()} "
    trace = event.pop("exception", None)
    words = [str(event.pop("event")), *(f"{key}={value}" for key, value in event.items())]
    return head + mark + " ".join(words) + (f"\n{trace}" if trace else "")


if __name__ == "__main__":
    app()
