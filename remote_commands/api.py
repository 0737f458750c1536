"""The command API behind a Function URL: what each address does, and how every outcome is answered."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response

from domain.models import ChargePoint, Command
from ocppj import timestamps
from remote_commands import guards, issue, openapi, sending, track, transactions
from remote_commands.errors import ProblemError
from remote_commands.fields import MAX_TTL_S, Body
from remote_commands.issue import Asked, Ports
from remote_commands.jobs import JobPorts
from remote_commands.jobs_api import JobsApi
from remote_commands.rendering import Wanted
from remote_commands.settings import Settings
from remote_commands.transactions import RemoteStart, RemoteStop
from web import fields
from web.access import Access
from web.front import Answer, Front, answer, page

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
MAX_KEY = 64  # ours are UUIDs; a table refuses keys that are far too long


def resolver(
    ports: Ports, work: JobPorts, settings: Settings, access: Access | None = None, *, only_reads: bool = False
) -> LambdaFunctionUrlResolver:
    """The API, ready to be fed Function URL events (payload version 2.0).

    With `only_reads` it is the part that changes nothing and waits for nobody: `Prefer: wait` is not applied.
    """
    front = Front(access or Access(), only_reads=only_reads)
    _Api(ports, settings, front, may_wait=not only_reads)
    JobsApi(front, ports, work, settings)
    return front.resolver


class _Api:
    def __init__(self, ports: Ports, settings: Settings, front: Front, *, may_wait: bool) -> None:
        self.may_wait = may_wait
        self.front = front
        self.ports = ports
        self.settings = settings
        front.serve("/remote-start-transaction", POST=self.remote_start)
        front.serve("/remote-stop-transaction", POST=self.remote_stop)
        front.serve("/commands/<command_id>", GET=self.command)
        front.serve("/charge-points/<charge_point_id>/commands", GET=self.commands)
        front.serve("/charge-points/<charge_point_id>/commands/<action>", POST=self.send)
        front.serve("/openapi.json", GET=self.document)

    def remote_start(self) -> Answer:
        body = fields.read(RemoteStart, self.front.body(), transactions.wrong_together)
        return self._neutral("remote-start", body.charge_point_id, body)

    def remote_stop(self) -> Answer:
        body = fields.read(RemoteStop, self.front.body())
        return self._neutral("remote-stop", body.charge_point_id, body)

    def send(self, charge_point_id: str, action: str) -> Answer:
        charge_point_id, action = unquote(charge_point_id), unquote(action)
        self.front.access.check(self.front.caller(), charge_point_id, action)
        given = self.front.body(empty={})
        row = self._own(charge_point_id, action)
        wanted, ttl = sending.wanted(action, given, row, self.ports, is_split=self.front.flag("split"))
        return self._issue(row, wanted, ttl or self._ttl(action))

    def document(self) -> Answer:
        return Response(200, content_type="application/json", body=openapi.text())

    def _neutral(self, name: str, charge_point_id: str, body: Body) -> Answer:
        self.front.access.check(self.front.caller(), charge_point_id, name)
        row = self._own(charge_point_id, name)
        wanted = sending.rendered(name, body, row, self.ports)
        return self._issue(row, wanted, timedelta(seconds=body.ttl_seconds))

    def command(self, command_id: str) -> Answer:
        caller = self.front.caller()
        command = self.ports.commands.find(unquote(command_id)[:MAX_KEY])
        if command is None:
            raise ProblemError("command-unknown", f"there is no command {unquote(command_id)!r}")
        self.front.access.check(caller, command.charge_point_id)
        if not self._is_own(command.charge_point_id):
            raise ProblemError("command-unknown", f"there is no command {unquote(command_id)!r}")
        command = track.settled(command, self.ports, self.settings)
        patience = self._patience()
        if patience is not None:
            command = track.wait(command, patience, self.ports, self.settings)
        return answer(200, self._told(command), _applied(patience))

    def commands(self, charge_point_id: str) -> Answer:
        charge_point_id = unquote(charge_point_id)
        self.front.access.check(self.front.caller(), charge_point_id)
        issue.check_id(charge_point_id)
        if not self._is_own(charge_point_id):
            raise ProblemError("charge-point-unknown", f"{charge_point_id} is not registered")
        limit = self.front.number("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
        after = guards.after(self.front.cursor())
        found = self.ports.commands.of_charge_point(charge_point_id, limit + 1, after)
        if not found:
            issue.charge_point(charge_point_id, self.ports)  # a list of nothing, or a charge point that isn't there?
        shown = [track.settled(command, self.ports, self.settings) for command in found[:limit]]
        last = shown[-1] if len(found) > limit else None
        following = f"{timestamps.write(last.created_at)} {last.command_id}" if last else None
        here = f"/charge-points/{quote(charge_point_id, safe=':')}/commands"
        return page(here, [self._told(command) for command in shown], limit, following)

    def _own(self, charge_point_id: str, name: str) -> ChargePoint:
        row = issue.charge_point(charge_point_id, self.ports)
        self.front.access.check_row(self.front.caller(), row, name)
        return row

    def _is_own(self, charge_point_id: str) -> bool:
        its = self.front.access.partners(self.front.caller())
        if its is None:
            return True  # without a look at the row: it may be gone, and its commands are still there
        row = self.ports.registry.find_many([charge_point_id]).get(charge_point_id)
        return row is not None and row.partner in its

    def _issue(self, row: ChargePoint, wanted: Sequence[Wanted], ttl: timedelta) -> Answer:
        asked = Asked(self.front.caller(), ttl, guards.key_of(self.front))
        command = issue.issue(row, wanted, asked, self.ports, self.settings)
        patience = self._patience()
        if patience is not None:
            command = track.wait(command, patience, self.ports, self.settings)
            if command.state.is_final:
                return answer(200, self._told(command), _applied(patience))
        headers = {"Location": f"/commands/{command.command_id}"} | _applied(patience)
        return answer(202, self._told(command), headers)

    def _told(self, command: Command) -> dict[str, Any]:
        return track.as_json(command, self.ports.now())

    def _ttl(self, action: str) -> timedelta:
        # A neutral body says it itself; a payload of OCPP has no place for it.
        if sending.is_neutral(action):
            return timedelta()
        return timedelta(seconds=self.front.number("ttlSeconds", 0, MAX_TTL_S, default=0))

    def _patience(self) -> float | None:
        return self.front.wait_s(self.settings.max_wait_s) if self.may_wait else None


def _applied(patience: float | None) -> dict[str, str]:
    return {} if patience is None else {"Preference-Applied": f"wait={patience:.0f}"}
