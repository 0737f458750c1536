"""The command API from the outside: what `ocppgw command` speaks to the running house."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ocppj import timestamps

HOST = "127.0.0.1"
WAIT_S = 25
PATIENCE_S = 60  # for one HTTP exchange: longer than the house waits, shorter than for ever


class ClientError(Exception):
    """The house can't be asked; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API said: a command, or a problem."""

    status: int
    body: dict[str, Any]

    @property
    def is_problem(self) -> bool:
        return self.status >= 400


@dataclass(frozen=True, slots=True)
class House:
    """Where the API is, and the token it may want."""

    port: int
    token: str | None = None


def ask(house: House, method: str, path: str, body: dict[str, Any] | None = None, *, wait: bool = False) -> Reply:
    """One HTTP exchange.

    Raises:
        ClientError: nobody answers there, or somebody who isn't the command API.
    """
    headers = {"Content-Type": "application/json"} | ({"Prefer": f"wait={WAIT_S}"} if wait else {})
    if house.token:
        headers["Authorization"] = f"Bearer {house.token}"
    port = house.port
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return _reply(response.status, response.read(), port)
    except ConnectionRefusedError as error:
        raise ClientError(
            f"Nobody listens on http://{HOST}:{port}: is `ocppgw up` running, and OCPPGW_HTTP_PORT the same?"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise ClientError(f"http://{HOST}:{port} does not answer properly: {error or type(error).__name__}.") from error
    finally:
        connection.close()


def issue(house: House, path: str, body: dict[str, Any], *, wait: bool) -> Reply:
    """Issue a command; with `wait`, stay until its state is final."""
    return _until_final(house, ask(house, "POST", path, body, wait=wait), wait)


def follow(house: House, command_id: str, *, wait: bool) -> Reply:
    """Ask for a command; with `wait`, stay until its state is final."""
    return _until_final(house, ask(house, "GET", _command_path(command_id), wait=wait), wait)


def action_path(charge_point_id: str, action: str) -> str:
    """Where any action, or command of ours, is sent to a charge point."""
    return f"/charge-points/{quote(charge_point_id, safe=':')}/commands/{quote(action, safe='')}"


def job_path(job_id: str, what: str = "") -> str:
    """Where a job is, or something of it."""
    return f"/jobs/{quote(job_id, safe='')}" + (f"/{what}" if what else "")


def took(body: dict[str, Any]) -> str:
    """How long the answer took, in words."""
    if not body.get("answeredAt"):
        return ""
    spent = timestamps.parse(body["answeredAt"]) - timestamps.parse(body["createdAt"])
    return f"after {spent.total_seconds():.2f} s"


def _until_final(house: House, reply: Reply, wait: bool) -> Reply:
    # Every command is final some seconds after its deadline, so this ends.
    while wait and not reply.is_problem and reply.body.get("state") in ("queued", "sent"):
        reply = ask(house, "GET", _command_path(reply.body["commandId"]), wait=True)
    return reply


def _command_path(command_id: str) -> str:
    return f"/commands/{quote(command_id, safe='')}"


def _reply(status: int, raw: bytes, port: int) -> Reply:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    reply = Reply(status, body if isinstance(body, dict) else {})
    if not reply.body or not (reply.is_problem or {"commandId", "jobId", "data"} & reply.body.keys()):
        raise ClientError(f"http://{HOST}:{port} answers, but is not the command API.")
    return reply
