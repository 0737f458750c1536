"""What differs between the versions of OCPP: the messages of each, the commands, and the settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charge_point_sim.exchange import Message
from charge_point_sim.parts import Cause, Connector, Session, Setup, Token
from charge_point_sim.variables import Variables
from ocppj.frames import Payload
from ocppj.versions import Version

if TYPE_CHECKING:
    from charge_point_sim.charge_point import ChargePoint

Command = Callable[["ChargePoint", Payload], Payload]


@dataclass(frozen=True, slots=True)
class Dialect:
    """A version's messages. `stop` is told the cause; `change` may have nothing to say."""

    version: Version
    variables: Callable[[Setup], Variables]
    commands: Mapping[str, Command]
    boot: Callable[["ChargePoint"], Payload]
    status: Callable[["ChargePoint", Connector], tuple[str, Payload]]
    authorize: Callable[[Token], Payload]
    verdict: Callable[[Payload], str | None]
    start: Callable[["ChargePoint", Connector, Session], Message]
    change: Callable[["ChargePoint", Connector, Session], Message | None]
    sample: Callable[["ChargePoint", Connector, str], Message]
    stop: Callable[["ChargePoint", Connector, Session, Cause], Message]
