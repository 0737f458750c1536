"""Whether what a charge point sends shows the effect of a command it was sent (conformance D.3)."""

import structlog

from domain import effects
from domain.effects import Message
from ocppj.frames import Payload
from processors.ports import Ports
from processors.routes import Request

log = structlog.get_logger(__name__)


def observe(request: Request, answer: Payload, ports: Ports) -> None:
    """Note what this message shows, on every command that waits for it."""
    if request.action not in effects.SHOWN_BY:
        return
    line = effects.line(request.charge_point_id)
    message = Message(request.action, request.payload, answer, request.received_at, request.charge_point)
    for command_id in ports.command_lines.waiting(line):
        command = ports.commands.find(command_id)
        if command is None or effects.state(command, request.now) != effects.PENDING:
            ports.command_lines.take(line, command_id)
            continue
        seen = effects.judge(command, message)
        if seen is not None:
            ports.commands.note(command_id, effect=seen, evidence=effects.evidence(message))
            ports.command_lines.take(line, command_id)
            log.info(
                "command had its effect" if seen == effects.CONFIRMED else "command had no effect",
                charge_point_id=request.charge_point_id,
                command_id=command_id,
                action=command.action,
                shown_by=request.action,
            )
