"""The whole house on this machine: starts it, watches it, stops it.

Order: emulator, stack, gateway, HTTP front, demo; and back. Everything that is started is a process group of its own.
A child that ends by itself ends the house: half a house puzzles whoever looks at it.
"""

import fcntl
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn

from adapters import aws
from adapters.dynamodb import Tables
from adapters.dynamodb_events import DynamoEvents
from events.feed_server import Feed
from infra.local import cloud, demo
from infra.local.children import Child
from infra.local.cloud import AWS, LOOPBACK
from infra.local.deploy import deploy, gateway_certificate
from infra.local.function_urls import FunctionUrls, serving
from infra.local.settings import Settings, SettingsError, doubts
from web import access
from web.access import AccessError

START_S = 30.0
# What each may take to stop: 9 of the 10 s that all of it may take.
SIMULATORS_STOP_S = 2.0
GATEWAY_STOP_S = 4.0
CLOUD_STOP_S = 3.0
_POLL_S = 0.05
_FED_BY_QUEUES = ("MessagesFunction", "HousekeepingFunction", "TelemetryFunction")
# Who waits, if only for no time, is answered by the function that commands.
_ASKED_BY_HTTP: tuple[tuple[str, dict[str, str]], ...] = (
    ("/commands/warm-up", {"Prefer": "wait=0"}), ("/commands/warm-up", {}), ("/id-tokens/warm-up", {}),
    ("/stations/warm-up", {}),
)  # fmt: skip
_WATCH_S = 0.2


class HouseError(Exception):
    """The house can't go on; the text is a sentence for the console."""


class StoppedError(Exception):
    """Somebody stopped the house while it started."""


class House:
    """One house; `run` is its life."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.aws = AWS(settings.aws_port, settings.mqtt_port, settings.state_dir.absolute(), settings.region)
        self._say = say
        self._stop = threading.Event()
        self._children: list[Child] = []

    def stop(self) -> None:
        """Ask the house to stop; may be called from a signal handler."""
        self._stop.set()

    def kill(self) -> None:
        """End every child at once."""
        for child in self._children:
            child.kill()

    def run(self, ready: Callable[[], None]) -> None:
        """Start everything, call `ready`, and stay until `stop`.

        Raises:
            HouseError: a part of it did not start, or died.
            CloudError: the emulator or the stack did not start.
            SettingsError: another house has the same state.
        """
        with _only_house(self.aws.state), ExitStack() as stopping:
            try:
                self._start(stopping)
                ready()
                while not self._stop.wait(_WATCH_S):
                    self._see_that_all_live()
            except StoppedError:
                return
            except aws.FAILURES as error:
                self._blame(error)
            finally:
                self._stop.set()

    def _blame(self, error: Exception) -> NoReturn:
        """Say that AWS did not do what was asked, or rather that it is gone."""
        with suppress(StoppedError):
            self._see_that_all_live()
        raise HouseError(f"AWS on this machine does not do its part: {error}; see {self.aws.logs}.") from error

    def _start(self, stopping: ExitStack) -> None:
        for doubt in doubts(self.settings):
            self._repeat(doubt)
        self._children.append(emulator := cloud.start(self.aws, self._repeat))
        stopping.callback(stop_together, [emulator], CLOUD_STOP_S)
        outputs = deploy(self.aws, disconnect_delay_s=self.settings.disconnect_delay_s)
        self._see_that_all_live()
        demo.add_tokens(self.aws)
        gateway = self._child("gateway", self._gateway(outputs["GatewayPolicyName"]))
        stopping.callback(stop_together, [gateway], GATEWAY_STOP_S)
        functions = FunctionUrls(self.aws, outputs)
        self._warm_up(outputs, functions)
        self._wait_until("the gateway", self._gateway_is_ready)
        stopping.enter_context(serving(self.settings.http_port, functions, self._feed()))
        if self.settings.demo:
            self._start_demo(stopping)

    def _feed(self) -> Feed:
        try:
            callers = access.load(self.settings.api_tokens, self.settings.policy)
        except AccessError as error:
            raise HouseError(str(error)) from error
        return Feed(DynamoEvents(self.aws.client("dynamodb"), Tables()), callers)

    def _start_demo(self, stopping: ExitStack) -> None:
        demo.add_charge_points(self.aws, self._wait_until)
        url = f"ws://{LOOPBACK}:{self.settings.ws_port}/ocpp"
        simulators: list[Child] = []
        stopping.callback(stop_together, simulators, SIMULATORS_STOP_S)
        for fleet in demo.FLEETS:
            simulators.append(self._child(f"charge-points-{fleet.version}", fleet.command(url)))

    def _child(self, name: str, command: Sequence[str]) -> Child:
        log = self.aws.logs / f"{name}.log"
        child = Child(name, command, self.aws.environment(), log, self._repeat)
        self._children.append(child)
        return child

    def _gateway(self, policy: str) -> list[str]:
        certificate = gateway_certificate(self.aws, policy)
        options = {
            "--registry": "dynamodb",
            "--port": str(self.settings.ws_port),
            "--admin-port": str(self.settings.admin_port),
            "--mqtt": self.aws.mqtt_url,
            "--mqtt-ca": str(self.aws.ca),
            "--mqtt-cert": str(certificate.certificate),
            "--mqtt-key": str(certificate.key),
        }
        return [sys.executable, "-m", "gateway", *(part for option in options.items() for part in option)]

    def _warm_up(self, outputs: dict[str, str], functions: FunctionUrls) -> None:
        """Have every function start its process now: the first charge point shall not wait for it.

        Two at a time: each start is a second of one core.
        """
        client = self.aws.client("lambda")

        def invoke(name: str) -> str | None:
            answer = client.invoke(FunctionName=outputs[f"{name}Name"], Payload=json.dumps({"Records": []}))
            return f"{name} fails: {answer['Payload'].read().decode()}" if "FunctionError" in answer else None

        def ask(path: str, headers: dict[str, str]) -> str | None:
            asked = functions.forward("GET", path, headers, b"")
            failed = asked.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            return f"The function of {path} fails: {asked.body.decode()}" if failed else None

        pool = ThreadPoolExecutor(2)
        try:
            starts = [pool.submit(invoke, name) for name in _FED_BY_QUEUES]
            starts += [pool.submit(ask, path, headers) for path, headers in _ASKED_BY_HTTP]
            for start in as_completed(starts):
                if (failure := start.result()) is not None:
                    raise HouseError(f"{failure}; see {self.aws.logs}.")
                self._see_that_all_live()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _gateway_is_ready(self) -> bool:
        return cloud.answers(f"http://{LOOPBACK}:{self.settings.admin_port}/readyz")

    def _wait_until(self, what: str, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not is_so():
            self._see_that_all_live()
            if time.monotonic() > deadline:
                raise HouseError(f"Waited {START_S:.0f} s for {what}; see {self.aws.logs}.")
            time.sleep(_POLL_S)

    def _see_that_all_live(self) -> None:
        if self._stop.is_set():
            raise StoppedError
        for child in self._children:
            if (code := child.exit_code()) is not None:
                raise HouseError(f"{child.name} ended with code {code}; see {child.log}.")

    def _repeat(self, line: str) -> None:
        # While it stops, the house hears only how its parts miss each other.
        if not self._stop.is_set():
            self._say(line)


def stop_together(children: Sequence[Child], patience_s: float) -> None:
    """Ask all of them to stop, and end those that have not after `patience_s`."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + patience_s
    for child in children:
        child.stop(max(0.0, deadline - time.monotonic()))


@contextmanager
def _only_house(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"Another house runs on {state}: stop it, or set OCPPGW_STATE_DIR to another directory."
            raise SettingsError(message) from error
        yield
