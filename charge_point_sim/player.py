"""Plays a scenario against a CSMS, step by step, and says of each whether it went as expected."""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
from typing import Any
from uuid import uuid4

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from charge_point_sim.backoff import retry_after_s, sentence
from charge_point_sim.opening import address
from charge_point_sim.pattern import Names, PatternError, at, difference
from charge_point_sim.scenario import Scenario, Step
from ocppj import schemas, timestamps
from ocppj.errors import Defect, OcppError

ANSWER_S = 30.0
COMMAND_S = 60.0
HEAR_S = 5.0
BUSY_TIMES, BUSY_S = 3, 30.0
_CALL, _RESULT, _ERROR = 2, 3, 4
_LEAST = 2  # members of a frame: what it is, and what it is about


class UnexpectedError(Exception):
    """Something else happened than the scenario expects."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step went; `problem` is empty if it went well."""

    number: int
    step: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where and as whom a scenario is played."""

    url: str
    identity: str
    token: str
    password: str | None = None
    tls: ssl.SSLContext | None = None


class _Line:
    """One connection: what came in waits here until a step looks at it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.kept: deque[list[Any]] = deque()  # commands that a later step waits for
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read(), name="reader")

    async def next_text(self, within_s: float) -> str | bytes | None:
        """The next frame, or nothing if the connection has ended.

        Raises:
            UnexpectedError: nothing came.
        """
        try:
            return await asyncio.wait_for(self._inbox.get(), within_s)
        except TimeoutError as error:
            raise UnexpectedError(f"nothing came within {within_s:.3g} s") from error

    async def end(self) -> None:
        """Leave nothing behind."""
        self.socket.transport.abort()
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.socket:
                self._inbox.put_nowait(text)
        self._inbox.put_nowait(None)


class Player:
    """Plays one scenario once."""

    def __init__(self, scenario: Scenario, stage: Stage, say: Callable[[Outcome], None]) -> None:
        self._scenario = scenario
        self._stage = stage
        self._say = say
        # `run` is another one each time, `began` is the same in every step.
        began = timestamps.write(datetime.now(UTC))
        self._names = Names({"identity": stage.identity, "token": stage.token, "run": uuid4().hex[:12], "began": began})
        self._lines: dict[str, _Line] = {}
        self._ids = count(1)
        self._awaited = [step.value for step in scenario.steps if step.kind == "await"]
        self._acts: dict[str, Callable[[Step], Awaitable[None]]] = {
            "connect": self._connect,
            "call": self._call,
            "send": self._send,
            "hear": self._hear,
            "silence": self._silence,
            "await": self._await,
            "wait": self._wait,
            "close": self._close,
            "cut": self._cut,
            "closed": self._closed,
        }

    async def play(self) -> bool:
        """Play it to the end, or to the first step that goes wrong; says whether all went well."""
        try:
            for number, step in enumerate(self._scenario.steps, 1):
                problem = await self._problem_of(step)
                self._say(Outcome(number, str(step), problem))
                if problem:
                    return False
            return True
        finally:
            for line in self._lines.values():
                await line.end()

    async def _problem_of(self, step: Step) -> str:
        try:
            await self._acts[step.kind](step)
        except (UnexpectedError, PatternError) as error:
            return str(error)
        except ConnectionClosed as error:
            return f"the connection is closed: {error}"
        return ""

    # Steps

    async def _connect(self, step: Step) -> None:
        wish = self._filled(step.value or {})
        expected = step.keys.get("expect", {"status": 101})
        status, subprotocol, why = 101, None, ""
        try:
            socket = await self._dialled(wish, expected)
            subprotocol = socket.subprotocol
            self._lines[step.line] = _Line(socket)
        except InvalidStatus as refusal:
            status, why = refusal.response.status_code, sentence(refusal.response)
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise UnexpectedError(f"no connection: {error}") from error
        if problem := difference(expected, {"status": status, "subprotocol": subprotocol}):
            raise UnexpectedError(f"{problem}: {why}" if why else problem)

    async def _dialled(self, wish: dict[str, Any], expected: dict[str, Any]) -> ClientConnection:
        """A connection; who is busy and says for how long is asked again then."""
        for _ in range(BUSY_TIMES):
            try:
                return await self._dial(wish)
            except InvalidStatus as refusal:
                response, wait_s = refusal.response, retry_after_s(refusal.response)
                is_busy = response.status_code == HTTPStatus.SERVICE_UNAVAILABLE != expected.get("status")
                if not is_busy or "Retry-After" not in response.headers or wait_s > BUSY_S:
                    raise
                await asyncio.sleep(wait_s)
        return await self._dial(wish)

    def _dial(self, wish: dict[str, Any]) -> connect:
        identity = str(wish.get("identity", self._stage.identity))
        password = wish.get("password", self._stage.password)
        credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
        offered = wish.get("subprotocols", [self._scenario.version.subprotocol])
        return connect(
            address(self._stage.url, identity),
            subprotocols=[Subprotocol(each) for each in offered] or None,
            additional_headers=None if password is None else {"Authorization": f"Basic {credentials}"},
            compression=None,
            ssl=self._stage.tls,
            proxy=None,
            open_timeout=ANSWER_S,
            close_timeout=2,
        )

    async def _call(self, step: Step) -> None:
        action, message_id = str(step.value), f"s-{next(self._ids)}"
        line = self._line(step)
        payload = self._filled(step.keys.get("payload") or {})
        await line.socket.send(orjson.dumps([_CALL, message_id, action, payload]).decode())
        kind, _, *rest = await self._next_answer(line, message_id, step.within_s(ANSWER_S))
        if "error" in step.keys:
            _compare(step.keys["error"], rest[0] if kind == _ERROR else f"answered by {rest[0]}")
            return
        if kind == _ERROR:
            raise UnexpectedError(f"answered by {' '.join(str(each) for each in rest[:2])}")
        self._check(action, "response", rest[0])
        _compare(self._filled(step.keys.get("expect") or {}), rest[0])
        self._save(step, rest[0])

    async def _send(self, step: Step) -> None:
        await self._line(step).socket.send(self._filled(str(step.value)))

    async def _hear(self, step: Step) -> None:
        frame = await self._next_frame(self._line(step), step.within_s(HEAR_S))
        _compare(self._filled(step.value), frame)

    async def _silence(self, step: Step) -> None:
        try:
            frame = await self._next_frame(self._line(step), float(step.value))
        except UnexpectedError:
            return
        raise UnexpectedError(f"heard {orjson.dumps(frame).decode()}")

    async def _await(self, step: Step) -> None:
        line, action = self._line(step), str(step.value)
        _, message_id, _, payload = await self._next_command(line, action, step.within_s(COMMAND_S))
        self._awaited.remove(action)
        self._check(action, "request", payload)
        _compare(self._filled(step.keys.get("match") or {}), payload)
        self._save(step, payload)
        answer = self._filled(step.keys.get("answer") or {})
        await line.socket.send(orjson.dumps([_RESULT, message_id, answer]).decode())

    async def _wait(self, step: Step) -> None:
        await asyncio.sleep(float(step.value))

    async def _close(self, step: Step) -> None:
        await self._line(step).socket.close(int(step.value or 1000))

    async def _cut(self, step: Step) -> None:
        await self._line(step).end()

    async def _closed(self, step: Step) -> None:
        line = self._line(step)
        while (text := await line.next_text(step.within_s(HEAR_S))) is not None:
            await self._obey(line, _read(text))
        if step.value is not None:
            _compare(step.value, line.socket.close_code)

    # What comes in

    async def _next_answer(self, line: _Line, message_id: str, within_s: float) -> list[Any]:
        frame = await self._next_frame(line, within_s)
        if frame[1:2] != [message_id] or frame[0] not in (_RESULT, _ERROR):
            raise UnexpectedError(f"heard {orjson.dumps(frame).decode()} instead of an answer")
        return frame

    async def _next_frame(self, line: _Line, within_s: float) -> list[Any]:
        """The next frame that is no command: those are obeyed meanwhile, or kept for the step that waits for them."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + within_s
        while True:
            frame = await self._next_of_any_kind(line, max(0.0, ends_s - loop.time()))
            if frame[0] != _CALL:
                return frame
            await self._obey(line, frame)

    async def _next_command(self, line: _Line, action: str, within_s: float) -> list[Any]:
        while True:
            kept = next((frame for frame in line.kept if frame[2] == action), None)
            if kept:
                line.kept.remove(kept)
                return kept
            frame = await self._next_of_any_kind(line, within_s)
            if frame[0] != _CALL:
                raise UnexpectedError(f"heard {orjson.dumps(frame).decode()} instead of {action}")
            await self._obey(line, frame)

    async def _next_of_any_kind(self, line: _Line, within_s: float) -> list[Any]:
        text = await line.next_text(within_s)
        if text is None:
            raise UnexpectedError(f"the connection was closed: {line.socket.close_code} {line.socket.close_reason}")
        return _read(text)

    async def _obey(self, line: _Line, frame: list[Any]) -> None:
        if frame[0] != _CALL:
            return
        if frame[2] in self._awaited:
            line.kept.append(frame)
            return
        answer = self._scenario.answers.get(frame[2])
        if answer is not None:
            reply = [_RESULT, frame[1], self._filled(answer)]
        else:
            code = Defect.UNSUPPORTED_ACTION.code(self._scenario.version)
            reply = [_ERROR, frame[1], code, "not part of this scenario", {}]
        await line.socket.send(orjson.dumps(reply).decode())

    # Small change

    def _line(self, step: Step) -> _Line:
        line = self._lines.get(step.line)
        if line is None:
            raise UnexpectedError(f"there is no connection {step.line}")
        return line

    def _filled(self, template: Any) -> Any:
        return self._names.fill(template, datetime.now(UTC))

    def _save(self, step: Step, payload: dict[str, Any]) -> None:
        for name, path in (step.keys.get("save") or {}).items():
            self._names.values[name] = at(payload, path)

    def _check(self, action: str, side: Any, payload: dict[str, Any]) -> None:
        try:
            schemas.check(self._scenario.version, action, side, payload)
        except OcppError as error:
            raise UnexpectedError(f"{action}: {error.description}") from error


def _read(text: str | bytes) -> list[Any]:
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnexpectedError(f"heard no JSON: {text!r}") from error
    if not _is_frame(frame):
        raise UnexpectedError(f"heard no frame: {text!r}")
    return frame  # type: ignore[no-any-return]


def _is_frame(frame: Any) -> bool:
    if not isinstance(frame, list) or len(frame) < _LEAST:
        return False
    if frame[0] == _CALL:
        return len(frame) > _LEAST + 1 and isinstance(frame[2], str)
    return frame[0] not in (_RESULT, _ERROR) or len(frame) > _LEAST


def _compare(pattern: Any, actual: Any) -> None:
    if problem := difference(pattern, actual):
        raise UnexpectedError(problem)
