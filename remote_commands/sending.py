"""From what a caller wrote to the messages one charge point is sent: neutral commands and plain OCPP alike."""

from datetime import timedelta
from typing import Any, NoReturn

from domain.models import ChargePoint
from ocppj import actions
from ocppj.versions import VERSIONS, Version
from remote_commands import issue, neutral, parts
from remote_commands.errors import ProblemError
from remote_commands.fields import Body
from remote_commands.issue import Ports
from remote_commands.rendering import Wanted

Given = dict[str, Any]


def is_neutral(action: str) -> bool:
    """OCPP's names start with a capital, ours don't."""
    return action[:1].islower()


def wanted(
    action: str, given: Given, row: ChargePoint, ports: Ports, *, is_split: bool = False
) -> tuple[list[Wanted], timedelta]:
    """The messages, and how long they may wait for a charge point that is offline if the body says so.

    A payload of OCPP goes as it is, unless `is_split`: then in as many messages as the charge point takes it in.

    Raises:
        ProblemError: its version has no such command, or no words for it.
        InvalidRequestError: names every field of a neutral body that is wrong.
    """
    if is_neutral(action):
        body = neutral.read(action, given)
        return rendered(action, body, row, ports), timedelta(seconds=body.ttl_seconds)
    version = issue.version_of(row, action)
    if action not in actions.commands(version):
        _refuse_action(action, version)
    plain = Wanted(version, action, given)
    return parts.split(plain, issue.making(row, version, ports)) if is_split else [plain], timedelta()


def rendered(name: str, body: Body, row: ChargePoint, ports: Ports) -> list[Wanted]:
    """A neutral command in the words of the charge point's version.

    Raises:
        ProblemError: it has none for it.
    """
    return neutral.render(name, body, issue.making(row, issue.version_of(row), ports))


def _refuse_action(action: str, version: Version) -> NoReturn:
    others = [str(other) for other in VERSIONS if action in actions.commands(other)]
    if others:
        raise ProblemError("unsupported-by-version", f"{version} has no {action}; {' and '.join(others)} would have it")
    its = ", ".join(sorted(actions.commands(version)))
    raise ProblemError("action-unknown", f"{version} has no command {action!r}; it has {its}")
