"""Whether what a charge point sends shows the effect of a command it was sent (conformance D.3)."""

import structlog

from domain import effects, evidence
from domain.evidence import Message
from processors.ports import Ports

log = structlog.get_logger(__name__)


def observe(message: Message, ports: Ports) -> None:
    """Note what this message shows, on every command that waits for it."""
    if message.action not in effects.SHOWN_BY:
        return
    charge_point_id, now = message.charge_point.charge_point_id, ports.clock()
    line = effects.line(charge_point_id)
    for command_id in ports.command_lines.waiting(line):
        command = ports.commands.find(command_id)
        if command is None or not effects.is_open(command, now):
            ports.command_lines.take(line, command_id)
            continue
        seen = effects.judge(command, message)
        if seen is not None:
            ports.commands.note(command_id, effect=seen, evidence=evidence.kept(message))
            ports.command_lines.take(line, command_id)
            log.info(
                "command had its effect" if seen == evidence.CONFIRMED else "command had no effect",
                charge_point_id=charge_point_id,
                command_id=command_id,
                action=command.action,
                shown_by=message.action,
            )
