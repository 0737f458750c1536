"""`ocppgw`: mounts the commands of the apps; an app is imported only when one of its commands is called."""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

# command -> (module whose `app` it is, one line of help)
COMMANDS = {
    "up": ("infra.local.__main__", "Run the whole house on this machine."),
    "gateway": ("gateway.__main__", "Carry OCPP frames between charge points and MQTT."),
    "worker": ("processors.__main__", "Answer charge points from the queues, without Lambda."),
    "sim": ("charge_point_sim.__main__", "Be a charge point."),
    "fleet": ("fleet.__main__", "Register charge points."),
}
