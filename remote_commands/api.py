"""The command API behind a Function URL: what each address does, and how every outcome is answered."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import quote, unquote

import orjson
import structlog
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from domain.models import ChargePoint, Command
from ocppj import actions, timestamps
from ocppj.versions import VERSIONS, Version
from remote_commands import fields, issue, neutral, openapi, track, transactions
from remote_commands.access import Access
from remote_commands.errors import InvalidRequestError, ProblemError, Wrong
from remote_commands.fields import MAX_TTL_S, Body
from remote_commands.guards import Key
from remote_commands.issue import Asked, Ports
from remote_commands.rendering import Wanted
from remote_commands.settings import Settings
from remote_commands.transactions import RemoteStart, RemoteStop

log = structlog.get_logger(__name__)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
MAX_KEY = 64  # ours are UUIDs; a table refuses keys that are far too long
SPARE_S = 2  # of the Lambda's time, for the answer itself

Answer = Response[str]


def resolver(ports: Ports, settings: Settings, access: Access | None = None) -> LambdaFunctionUrlResolver:
    """The API, ready to be fed Function URL events (payload version 2.0)."""
    return _Api(ports, settings, access or Access()).app


class _Api:
    def __init__(self, ports: Ports, settings: Settings, access: Access) -> None:
        self.app = LambdaFunctionUrlResolver()
        self.ports = ports
        self.settings = settings
        self.access = access
        self._serve("POST", "/remote-start-transaction", self.remote_start)
        self._serve("POST", "/remote-stop-transaction", self.remote_stop)
        self._serve("GET", "/commands/<command_id>", self.command)
        self._serve("GET", "/charge-points/<charge_point_id>/commands", self.commands)
        self._serve("POST", "/charge-points/<charge_point_id>/commands/<action>", self.send)
        self._serve("GET", "/openapi.json", self.document)
        self.app.exception_handler(ProblemError)(self._problem)
        self.app.exception_handler(NotFoundError)(self._nothing_here)
        self.app.exception_handler(Exception)(self._broken)

    def _serve(self, method: str, rule: str, function: Callable[..., Answer]) -> None:
        def refuse(**_: str) -> Answer:
            answer = self._problem(ProblemError("method-not-allowed", f"this address knows {method} only"))
            answer.headers["Allow"] = method
            return answer

        def known(**path: str) -> Answer:
            self._caller()  # strangers are told nothing, not even what is wrong with their request
            return function(**path)

        self.app.route(rule, method=method)(known)
        self.app.route(rule, method=[other for other in METHODS if other != method])(refuse)

    def remote_start(self) -> Answer:
        body = fields.read(RemoteStart, self._body(), transactions.wrong_together)
        return self._neutral("remote-start", body.charge_point_id, body)

    def remote_stop(self) -> Answer:
        body = fields.read(RemoteStop, self._body())
        return self._neutral("remote-stop", body.charge_point_id, body)

    def send(self, charge_point_id: str, action: str) -> Answer:
        charge_point_id, action = unquote(charge_point_id), unquote(action)
        given = self._body(empty={})
        # OCPP's names start with a capital, ours don't.
        if action[:1].islower():
            return self._neutral(action, charge_point_id, neutral.read(action, given))
        return self._raw(action, charge_point_id, given)

    def document(self) -> Answer:
        return Response(200, content_type="application/json", body=openapi.text())

    def _neutral(self, name: str, charge_point_id: str, body: Body) -> Answer:
        self.access.check(self._caller(), charge_point_id, name)
        row = issue.charge_point(charge_point_id, self.ports)
        wanted = neutral.render(name, body, issue.making(row, issue.version_of(row), self.ports))
        return self._issue(row, wanted, body.ttl_seconds)

    def _raw(self, action: str, charge_point_id: str, payload: dict[str, Any]) -> Answer:
        self.access.check(self._caller(), charge_point_id, action)
        row = issue.charge_point(charge_point_id, self.ports)
        version = issue.version_of(row, action)
        if action not in actions.commands(version):
            _refuse_action(action, version)
        return self._issue(row, [Wanted(version, action, payload)], self._ttl_s())

    def command(self, command_id: str) -> Answer:
        caller = self._caller()
        command = self.ports.commands.find(unquote(command_id)[:MAX_KEY])
        if command is None:
            raise ProblemError("command-unknown", f"there is no command {unquote(command_id)!r}")
        self.access.check(caller, command.charge_point_id)
        command = track.settled(command, self.ports, self.settings)
        patience = self._patience()
        if patience is not None:
            command = track.wait(command, patience, self.ports, self.settings)
        return _answer(200, self._told(command), _applied(patience))

    def commands(self, charge_point_id: str) -> Answer:
        charge_point_id = unquote(charge_point_id)
        self.access.check(self._caller(), charge_point_id)
        issue.check_id(charge_point_id)
        query = self.app.current_event.query_string_parameters
        limit = _number(query.get("limit", str(DEFAULT_LIMIT)), "limit", 1, MAX_LIMIT)
        before = _before(query.get("cursor"))
        found = self.ports.commands.of_charge_point(charge_point_id, limit + 1, before)
        if not found:
            issue.charge_point(charge_point_id, self.ports)  # a list of nothing, or a charge point that isn't there?
        shown = [track.settled(command, self.ports, self.settings) for command in found[:limit]]
        cursor = _cursor(shown[-1].created_at) if len(found) > limit else None
        headers = {}
        if cursor:
            here = f"/charge-points/{quote(charge_point_id, safe=':')}/commands"
            headers["Link"] = f'<{here}?limit={limit}&cursor={cursor}>; rel="next"'
        return _answer(200, {"data": [self._told(command) for command in shown], "nextCursor": cursor}, headers)

    def _issue(self, row: ChargePoint, wanted: Sequence[Wanted], ttl_s: int) -> Answer:
        asked = Asked(self._caller(), timedelta(seconds=ttl_s), self._key())
        command = issue.issue(row, wanted, asked, self.ports, self.settings)
        patience = self._patience()
        if patience is not None:
            command = track.wait(command, patience, self.ports, self.settings)
            if command.state.is_final:
                return _answer(200, self._told(command), _applied(patience))
        headers = {"Location": f"/commands/{command.command_id}"} | _applied(patience)
        return _answer(202, self._told(command), headers)

    def _body(self, empty: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            text = self.app.current_event.decoded_body
            body = empty if empty is not None and not text else orjson.loads(text or "")
        except (orjson.JSONDecodeError, binascii.Error, UnicodeDecodeError) as error:
            raise ProblemError("bad-json", f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise InvalidRequestError([Wrong("", "must be a JSON object")])
        return body

    def _caller(self) -> str | None:
        context = self.app.current_event.get("requestContext") or {}
        iam = (context.get("authorizer") or {}).get("iam") or {}
        return self.access.caller(self.app.current_event.headers, iam.get("userArn"))

    def _told(self, command: Command) -> dict[str, Any]:
        return track.as_json(command, self.ports.now())

    def _key(self) -> Key | None:
        event = self.app.current_event
        name = event.headers.get("idempotency-key", "").strip().strip('"')
        if not name:
            return None
        # The same request, however its JSON is written. A key is the caller's own: others may use the same.
        said = [event.path, event.query_string_parameters, self._body(empty={})]
        digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
        return Key(f"{self._caller() or ''} {name}", digest)

    def _ttl_s(self) -> int:
        text = self.app.current_event.query_string_parameters.get("ttlSeconds")
        return 0 if text is None else _number(text, "ttlSeconds", 0, MAX_TTL_S)

    def _patience(self) -> float | None:
        """How long this caller's `Prefer: wait=N` (RFC 7240) lets us wait; None if it doesn't ask."""
        wanted = re.search(
            r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\b", self.app.current_event.headers.get("prefer", "")
        )
        if wanted is None:
            return None
        left = self.app.lambda_context.get_remaining_time_in_millis() / 1000 - SPARE_S
        return max(0.0, min(float(wanted[1]), self.settings.max_wait_s, left))

    def _problem(self, problem: ProblemError) -> Answer:
        headers = {} if problem.retry_after_s is None else {"Retry-After": str(problem.retry_after_s)}
        if problem.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        body = problem.as_json(self.app.current_event.path)
        return _answer(problem.status, body, headers, kind="application/problem+json")

    def _nothing_here(self, _: NotFoundError) -> Answer:
        return self._problem(ProblemError("not-found", f"there is nothing at {self.app.current_event.path}"))

    # The outermost loop: whatever nobody expected ends here, in the log with its traceback and not at the caller.
    def _broken(self, _: Exception) -> Answer:
        log.exception("a request failed", path=self.app.current_event.path)
        return self._problem(ProblemError("internal-error", "the request failed; the log of the service says why"))


def _answer(
    status: int, body: dict[str, Any], headers: dict[str, str] | None = None, kind: str = "application/json"
) -> Answer:
    return Response(status, content_type=kind, body=orjson.dumps(body).decode(), headers=headers)


def _applied(patience: float | None) -> dict[str, str]:
    return {} if patience is None else {"Preference-Applied": f"wait={patience:.0f}"}


def _refuse_action(action: str, version: Version) -> NoReturn:
    its = ", ".join(sorted(actions.commands(version)))
    others = [str(other) for other in VERSIONS if action in actions.commands(other)]
    if others:
        detail = f"{version} has no {action}, which {' and '.join(others)} have; it has {its}"
        raise ProblemError("unsupported-by-version", detail)
    raise ProblemError("action-unknown", f"{version} has no command {action!r}; it has {its}")


def _number(text: str, name: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise InvalidRequestError([Wrong(name, f"must be a number from {least} to {most}", in_query=True)])
    return int(text)


def _cursor(moment: datetime) -> str:
    return base64.urlsafe_b64encode(timestamps.write(moment).encode()).decode()


def _before(cursor: str | None) -> datetime | None:
    if not cursor:
        return None
    try:
        return timestamps.parse(base64.urlsafe_b64decode(cursor.encode()).decode())
    except ValueError as error:  # not base64, not UTF-8, or no timestamp
        raise InvalidRequestError(
            [Wrong("cursor", "must be the nextCursor of a page before", in_query=True)]
        ) from error
