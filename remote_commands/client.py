"""The command API from the outside: what `ocppgw command` speaks to the running house."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from ocppj import timestamps

WAIT_S = 25
PAUSE_S = 1  # between looks where nobody waits with us
PATIENCE_S = 60  # for one HTTP exchange: longer than the house waits, shorter than for ever


# Method, URL, headers and body to headers that are signed.
Sign = Callable[[str, str, Mapping[str, str], bytes | None], dict[str, str]]


class ClientError(Exception):
    """The house can't be asked; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API said: a command, or a problem."""

    status: int
    body: dict[str, Any]
    has_waited: bool = False  # as long as it was asked to

    @property
    def is_problem(self) -> bool:
        return self.status >= 400


@dataclass(frozen=True, slots=True)
class House:
    """Where the API is (a URL without a path), the token it may want, and what signs requests if they need that."""

    url: str
    token: str | None = None
    sign: Sign | None = None


def ask(house: House, method: str, path: str, body: dict[str, Any] | None = None, *, wait: bool = False) -> Reply:
    """One HTTP exchange.

    Raises:
        ClientError: nobody answers there, or somebody who isn't the command API.
    """
    headers = {"Content-Type": "application/json"} | ({"Prefer": f"wait={WAIT_S}"} if wait else {})
    content = None if body is None else json.dumps(body).encode()
    if house.token:
        # A signature takes the header of that name; a token has another one for such cases.
        headers |= {"X-API-Key": house.token} if house.sign else {"Authorization": f"Bearer {house.token}"}
    if house.sign:
        headers = house.sign(method, house.url + path, headers, content)
    where = urlsplit(house.url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.netloc, timeout=PATIENCE_S)
    try:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        reply = _reply(response.status, response.read(), house.url)
        return replace(reply, has_waited="Preference-Applied" in response.headers)
    except ConnectionRefusedError as error:
        raise ClientError(
            f"Nobody listens on {house.url}: is `ocppgw up` running, and OCPPGW_HTTP_PORT the same?"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise ClientError(f"{house.url} does not answer properly: {error or type(error).__name__}.") from error
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
        if not reply.has_waited:
            time.sleep(PAUSE_S)
        reply = ask(house, "GET", _command_path(reply.body["commandId"]), wait=True)
    return reply


def _command_path(command_id: str) -> str:
    return f"/commands/{quote(command_id, safe='')}"


def _reply(status: int, raw: bytes, url: str) -> Reply:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    reply = Reply(status, body if isinstance(body, dict) else {})
    if not reply.body or not (reply.is_problem or {"commandId", "jobId", "data"} & reply.body.keys()):
        if status == HTTPStatus.FORBIDDEN:
            raise ClientError(f"{url} answers 403: it wants a signature of somebody who may invoke it.")
        raise ClientError(f"{url} answers, but is not the command API.")
    return reply
