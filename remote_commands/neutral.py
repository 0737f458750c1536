"""The version-neutral commands: one name and one body each, rendered per version (conformance E.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ocppj.versions import V16
from remote_commands import bodies, render_2x, render_16, transactions
from remote_commands.errors import ProblemError
from remote_commands.fields import Body
from remote_commands.rendering import Making, Renderer, Wanted
from web import fields
from web.problems import Wrong


@dataclass(frozen=True, slots=True)
class Neutral:
    """A body, and what it becomes in 1.6 and in 2.x."""

    body: type[Body]
    in_16: Renderer
    in_2x: Renderer
    also: Callable[[dict[str, Any]], list[Wrong]] | None = None  # finds what no single field shows


COMMANDS = {
    "remote-start": Neutral(
        transactions.Start, transactions.start_16, transactions.start_2x, transactions.wrong_together
    ),
    "remote-stop": Neutral(transactions.Stop, transactions.stop_16, transactions.stop_2x),
    "reset": Neutral(bodies.Reset, render_16.reset, render_2x.reset),
    "unlock": Neutral(bodies.Unlock, render_16.unlock, render_2x.unlock),
    "change-availability": Neutral(
        bodies.ChangeAvailability, render_16.change_availability, render_2x.change_availability
    ),
    "get-configuration": Neutral(bodies.GetConfiguration, render_16.get_configuration, render_2x.get_configuration),
    "set-configuration": Neutral(bodies.SetConfiguration, render_16.set_configuration, render_2x.set_configuration),
    "trigger-message": Neutral(bodies.TriggerMessage, render_16.trigger_message, render_2x.trigger_message),
    "clear-cache": Neutral(bodies.Nothing, render_16.clear_cache, render_2x.clear_cache),
    "update-firmware": Neutral(bodies.UpdateFirmware, render_16.update_firmware, render_2x.update_firmware),
    "get-log": Neutral(bodies.GetLog, render_16.get_log, render_2x.get_log),
    "get-local-list-version": Neutral(
        bodies.Nothing, render_16.get_local_list_version, render_2x.get_local_list_version
    ),
    "send-local-list": Neutral(bodies.SendLocalList, render_16.send_local_list, render_2x.send_local_list),
    "set-charging-profile": Neutral(
        bodies.SetChargingProfile,
        render_16.set_charging_profile,
        render_2x.set_charging_profile,
        bodies.wrong_profile,
    ),
    "clear-charging-profile": Neutral(
        bodies.ClearChargingProfile, render_16.clear_charging_profile, render_2x.clear_charging_profile
    ),
    "get-composite-schedule": Neutral(
        bodies.GetCompositeSchedule, render_16.get_composite_schedule, render_2x.get_composite_schedule
    ),
    "reserve": Neutral(bodies.Reserve, render_16.reserve, render_2x.reserve),
    "cancel-reservation": Neutral(bodies.CancelReservation, render_16.cancel_reservation, render_2x.cancel_reservation),
    "data-transfer": Neutral(bodies.DataTransfer, render_16.data_transfer, render_2x.data_transfer),
    "install-certificate": Neutral(
        bodies.InstallCertificate, render_16.install_certificate, render_2x.install_certificate
    ),
    "list-certificates": Neutral(bodies.ListCertificates, render_16.list_certificates, render_2x.list_certificates),
    "delete-certificate": Neutral(bodies.DeleteCertificate, render_16.delete_certificate, render_2x.delete_certificate),
}


def read(name: str, given: object) -> Body:
    """The body of a neutral command.

    Raises:
        ProblemError: there is no such command.
        InvalidRequestError: names every field that is wrong.
    """
    if name not in COMMANDS:
        raise ProblemError("action-unknown", f"there is no command {name!r}; there are {', '.join(COMMANDS)}")
    return fields.read(COMMANDS[name].body, given, COMMANDS[name].also)


def render(name: str, body: Body, making: Making) -> list[Wanted]:
    """The messages a neutral command becomes in a version, in the order they are to be sent.

    Raises:
        ProblemError: this version has no words for it.
    """
    command = COMMANDS[name]
    rendered = (command.in_16 if making.version.base is V16 else command.in_2x)(body, making)
    return rendered if isinstance(rendered, list) else [rendered]
