"""`ocppgw up`: the whole house on this machine, until Ctrl-C."""

import os
import signal
import threading
import time
from types import FrameType

import typer
from rich.console import Console
from rich.table import Table

from infra.local import settings as house_settings
from infra.local.cloud import LOOPBACK, CloudError
from infra.local.demo import CHARGE_POINTS
from infra.local.house import House, HouseError
from infra.local.settings import SettingsError

# make, terminals and supervisors deliver one stop twice; only a later one means "now".
IMPATIENT_AFTER_S = 1.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=False, highlight=False)


@app.command()
def up() -> None:
    """Run the whole house on this machine: AWS emulator, gateway, functions, HTTP front, demo charge points."""
    try:
        settings = house_settings.load()
        house_settings.check_ports(settings)
        house = House(settings, _say)
        _stop_on_signals(house)
        console.print(f"Starting; what everybody says is in {house.aws.logs}.")
        house.run(lambda: _show(house))
    except (SettingsError, CloudError, HouseError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    typer.echo("stopped")


def _stop_on_signals(house: House) -> None:
    asked_at: list[float] = []

    def on_signal(_: int, __: FrameType | None) -> None:
        if asked_at and time.monotonic() - asked_at[0] >= IMPATIENT_AFTER_S:
            house.kill()
            os._exit(1)
        asked_at.append(time.monotonic())
        house.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)


def _show(house: House) -> None:
    settings = house.settings
    table = Table("what", "where", title="The house")
    table.add_row("charge points", f"ws://{LOOPBACK}:{settings.ws_port}/ocpp/<id>")
    table.add_row("commands (HTTP)", f"http://{LOOPBACK}:{settings.http_port}")
    table.add_row("gateway: metrics, health", f"http://{LOOPBACK}:{settings.admin_port}/metrics, /healthz, /readyz")
    table.add_row("AWS", f"{house.aws.endpoint_url} ({settings.region}, any keys)")
    table.add_row("MQTT over TLS", f"{house.aws.mqtt_url} (CA: {house.aws.ca})")
    table.add_row("state and logs", str(house.aws.state))
    table.add_row("demo", ", ".join(CHARGE_POINTS) if settings.demo else "none (OCPPGW_DEMO=0)")
    console.print(table)
    print("ready", flush=True)  # noqa: T201  the line that scripts wait for


_speaking = threading.Lock()


def _say(line: str) -> None:
    with _speaking:  # several children speak at a time
        typer.echo(line, err=True)


if __name__ == "__main__":
    app()
