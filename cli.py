"""`ocppgw`: mounts the commands of the apps; an app is imported only when one of its commands is called."""

import importlib

import typer
from typer.core import TyperCommand, TyperGroup

# command -> (module whose `app` it is, or module:name, one line of help)
COMMANDS = {
    "up": ("infra.local.__main__", "Run the whole house on this machine."),
    "gateway": ("gateway.__main__", "Carry OCPP frames between charge points and MQTT."),
    "worker": ("processors.__main__", "Answer charge points from the queues, without Lambda."),
    "dlq": ("processors.dlq", "Look at records that could not be processed, and try them again."),
    "command": ("remote_commands.__main__", "Tell a charge point what to do, and see its answer."),
    "fleet": ("fleet.__main__", "Register charge points and id tokens."),
    "doctor": ("fleet.__main__:doctor_app", "Say why a charge point does not connect, or what ails it."),
    "watch": ("fleet.__main__:watch_app", "Follow the frames of a charge point."),
    "cdr": ("fleet.__main__:cdr_app", "Charge detail records of a day, for billing and roaming."),
    "privacy": ("fleet.__main__:privacy_app", "What is held of an id token, and its erasure."),
    "events": ("events.__main__", "What happened, and have it delivered again."),
    "webhooks": ("events.__main__:webhooks_app", "Post events to somebody's URL, signed."),
    "archive": ("telemetry.__main__", "Read what was said: frames, samples, stations."),
    "replay": ("processors.replay_command", "Replay logged frames, and compare with what was stored."),
    "cost": ("infra.cost.__main__", "What a fleet costs on AWS."),
    "sim": ("charge_point_sim.__main__", "Be a charge point."),
}


class _LazyGroup(TyperGroup):
    """Knows every command's name and line of help, and imports the one that is called."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx, args):  # type: ignore[no-untyped-def]
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None:
            module, _, app_name = COMMANDS[name][0].partition(":")
            command = typer.main.get_command(getattr(importlib.import_module(module), app_name or "app"))
        return name, command, rest


app = typer.Typer(cls=_LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _ocppgw() -> None:
    """An OCPP gateway for AWS IoT Core and any MQTT broker."""


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
