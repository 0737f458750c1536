"""A round of the canary: it connects as a charge point, boots, and has itself started and stopped by HTTP.

What it says is OCPP 1.6, which every house speaks.
"""

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import quote

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ocppj import frames, timestamps
from ocppj.errors import FrameError
from ocppj.frames import Call, CallError, CallResult
from ocppj.versions import V16

OPEN_S = 10.0
PATIENCE_S = 10.0
COMMAND_S = 20.0
CONNECTOR = 1
_POLL_S = 0.25

# (method, path, body) to (status, what it said); raises OSError if nobody answers.
Ask = Callable[[str, str, dict[str, Any] | None], tuple[int, dict[str, Any]]]


class CanaryError(Exception):
    """Something was not as it should be; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Canary:
    """Where charge points connect (the URL without the identity), who it is there, and how it asks the HTTP API."""

    url: str
    identity: str
    password: str | None = field(repr=False)
    id_tag: str
    ask: Ask
    patience_s: float = PATIENCE_S  # for an answer, and for the effect of a command


def go(canary: Canary) -> None:
    """Connect, boot, be started and stopped; takes a second or two where all is well.

    Raises:
        CanaryError: something was not as it should be.
    """
    try:
        with _connected(canary) as socket, ThreadPoolExecutor(1) as requests:
            _session(canary, _Talk(socket, canary.patience_s), requests)
    except (WebSocketException, OSError) as error:
        raise CanaryError(f"{canary.url} does not serve charge points: {error or type(error).__name__}.") from error


def _connected(canary: Canary) -> ClientConnection:
    headers = {}
    if canary.password is not None:
        pair = f"{canary.identity}:{canary.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    url = f"{canary.url}/{quote(canary.identity, safe='')}"
    versions = [Subprotocol(V16.subprotocol)]
    return connect(url, subprotocols=versions, additional_headers=headers, open_timeout=OPEN_S, close_timeout=1)


def _session(canary: Canary, talk: "_Talk", requests: ThreadPoolExecutor) -> None:
    booted = talk.call("BootNotification", {"chargePointVendor": "ocppgw", "chargePointModel": "canary"})
    if booted.get("status") != "Accepted":
        raise CanaryError(f"The boot was answered {json.dumps(booted)}.")
    status = {"connectorId": CONNECTOR, "errorCode": "NoError", "status": "Available"}
    talk.call("StatusNotification", status)
    wanted = {"chargePointId": canary.identity, "idTag": canary.id_tag, "connectorId": CONNECTOR}
    start = _command(canary, talk, requests, "/remote-start-transaction", wanted, "RemoteStartTransaction")
    begun = {"connectorId": CONNECTOR, "idTag": canary.id_tag, "meterStart": 0, "timestamp": _now()}
    started = talk.call("StartTransaction", begun)
    if started.get("idTagInfo", {}).get("status") != "Accepted":
        raise CanaryError(f"The start was answered {json.dumps(started)}.")
    _confirmed(canary, start, "start")
    transaction = started["transactionId"]
    wanted = {"chargePointId": canary.identity, "transactionId": transaction}
    stop = _command(canary, talk, requests, "/remote-stop-transaction", wanted, "RemoteStopTransaction")
    ended = {"transactionId": transaction, "meterStop": 1, "timestamp": _now(), "reason": "Remote"}
    talk.call("StopTransaction", ended)
    _confirmed(canary, stop, "stop")


def _command(
    canary: Canary, talk: "_Talk", requests: ThreadPoolExecutor, path: str, body: dict[str, Any], action: str
) -> str:
    """Send a command by HTTP, take it as a charge point, and return its id."""
    reply = requests.submit(canary.ask, "POST", path, body)
    talk.take(action, reply)
    status, told = reply.result(COMMAND_S)
    if told.get("state") != "accepted":
        raise CanaryError(f"POST {path} was answered {status} {json.dumps(told)}.")
    return str(told["commandId"])


def _confirmed(canary: Canary, command_id: str, what: str) -> None:
    until, effect = time.monotonic() + canary.patience_s, "unknown"
    while time.monotonic() < until:
        status, told = canary.ask("GET", f"/commands/{command_id}", None)
        effect = told.get("effect", f"HTTP {status} {json.dumps(told)}")
        if effect == "confirmed":
            return
        time.sleep(_POLL_S)
    raise CanaryError(f"The {what} was not seen within {canary.patience_s:g} s: its effect is {effect}.")


def _now() -> str:
    return timestamps.write(datetime.now(UTC))


class _Talk:
    """The charge point's side of a conversation."""

    def __init__(self, socket: ClientConnection, patience_s: float) -> None:
        self._socket = socket
        self._patience_s = patience_s
        self._ids = count(1)

    def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a CALL and return what it is answered."""
        message_id = str(next(self._ids))
        self._send(Call(message_id, action, payload))
        until = time.monotonic() + self._patience_s
        while (left_s := until - time.monotonic()) > 0:
            match self._read(left_s):
                case CallResult() as answer if answer.message_id == message_id:
                    return answer.payload
                case CallError() as error if error.message_id == message_id:
                    raise CanaryError(f"{action} was answered {error.code}: {error.description}.")
                case Call() as command:
                    self._send(CallError(command.message_id, "NotSupported", "the canary was asked too early"))
        raise CanaryError(f"{action} was not answered within {self._patience_s:g} s.")

    def take(self, action: str, reply: "Future[Any]") -> None:
        """Wait for a command and accept it; less long if whoever sends it got its reply already."""
        until = time.monotonic() + COMMAND_S
        while (left_s := until - time.monotonic()) > 0 and not reply.done():
            frame = self._read(min(_POLL_S, left_s))
            if isinstance(frame, Call):
                is_it = frame.action == action
                answer = CallResult(frame.message_id, {"status": "Accepted"})
                self._send(answer if is_it else CallError(frame.message_id, "NotSupported", "a canary can't"))
                if is_it:
                    return
        if not reply.done():
            raise CanaryError(f"{action} did not come within {COMMAND_S:g} s.")

    def _send(self, frame: Call | CallResult | CallError) -> None:
        self._socket.send(frames.encode(frame))

    def _read(self, within_s: float) -> frames.Frame | None:
        try:
            text = self._socket.recv(within_s)
            return frames.decode(text if isinstance(text, bytes) else text.encode())
        except TimeoutError:
            return None
        except FrameError as error:
            raise CanaryError(f"What came is no OCPP: {error}.") from error
