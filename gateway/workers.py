"""Many cores: a parent that keeps N gateways on one port, and answers for all of them on its admin port.

Each worker is a gateway with links and a lease of its own, in a process group of its own: a terminal's Ctrl-C reaches
the parent only, which asks its workers to stop. The kernel shares connections out among them (SO_REUSEPORT). A worker
that dies is started again; a parent that dies takes its workers along, for they hear the end of a pipe.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.admin import Admin
from gateway.doors import said_clearly
from gateway.worker_pages import pages_of_all

BACKOFF_S = (0.5, 30.0)
STABLE_S = 10.0  # who ran this long did not die of how it was started

log = structlog.get_logger()


class WorkerError(Exception):
    """A worker can't even start; it has said why itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the parent keeps running; `command` gets `--inherited ADMIN,LIFE`, two file descriptors, on top.

    `ports` are the ports the workers share, by the variables that tell them.
    """

    workers: int
    command: Sequence[str]
    environment: Mapping[str, str]
    host: str
    ports: Mapping[str, int]
    admin_host: str
    admin_port: int


@dataclass(slots=True)
class Worker:
    """One worker; its admin socket outlives its processes."""

    number: int
    admin: socket.socket
    process: asyncio.subprocess.Process | None = None
    has_been_up: bool = False
    failures: int = field(default=0)

    @property
    def admin_port(self) -> int:
        port: int = self.admin.getsockname()[1]
        return port

    @property
    def is_up(self) -> bool:
        """Whether it has a process."""
        return self.process is not None and self.process.returncode is None


class Parent:
    """`run` it, `stop` it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workers: list[Worker] = []
        self._is_stopping = asyncio.Event()
        self._life: tuple[int, int] = (-1, -1)
        self._ports: dict[str, str] = {}

    def stop(self) -> None:
        """Ask every worker to stop; `run` returns when they have."""
        log.info("stopping", workers=len(self._workers))
        self._is_stopping.set()
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End every worker at once."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on."""
        for worker in self._workers:
            if worker.process is not None and worker.is_up:
                worker.process.send_signal(number)

    async def run(self) -> None:
        """Keep the workers running until `stop`.

        Raises:
            CantListenError: a port can't be opened.
            WorkerError: a worker ends as soon as it begins.
        """
        plan = self._plan
        reserved = {}
        for variable, port in plan.ports.items():
            with said_clearly(plan.host, port):
                reserved[variable] = _reserve(plan.host, port)
        self._ports = {variable: str(each.getsockname()[1]) for variable, each in reserved.items()}
        self._life = os.pipe()
        try:
            for number in range(plan.workers):
                self._workers.append(Worker(number, socket.create_server(("127.0.0.1", 0))))
            with said_clearly(plan.admin_host, plan.admin_port):
                admin = Admin(pages_of_all(self._workers))
                server = await asyncio.start_server(admin.serve, plan.admin_host, plan.admin_port)
            try:
                await self._keep_all()
            finally:
                server.close()
        finally:
            for each in reserved.values():
                each.close()
            for end in self._life:
                os.close(end)
            for worker in self._workers:
                worker.admin.close()

    async def _keep_all(self) -> None:
        log.info("starting", workers=len(self._workers), host=self._plan.host, **self._ports)
        try:
            async with asyncio.TaskGroup() as tasks:
                for worker in self._workers:
                    tasks.create_task(self._keep(worker), name=f"worker-{worker.number}")
        except* WorkerError as group:
            # The others were cancelled where they waited for their processes, which still run.
            self._is_stopping.set()
            self.signal(signal.SIGTERM)
            await asyncio.gather(*[worker.process.wait() for worker in self._workers if worker.process])
            raise WorkerError(str(group.exceptions[0])) from None

    async def _keep(self, worker: Worker) -> None:
        now = asyncio.get_running_loop().time
        while not self._is_stopping.is_set():
            began = now()
            worker.process = await self._start(worker)
            if self._is_stopping.is_set():  # while it started
                self.signal(signal.SIGTERM)
            status = await worker.process.wait()
            if self._is_stopping.is_set():
                return
            is_stable = now() - began >= STABLE_S
            if status == 1 and not is_stable and not worker.has_been_up:
                raise WorkerError(f"worker {worker.number} does not start")
            worker.has_been_up = True  # at least once: from now on it is started again, whatever happens
            worker.failures = 1 if is_stable else worker.failures + 1
            pause_s = min(BACKOFF_S[1], BACKOFF_S[0] * 2.0 ** min(worker.failures - 1, 16))
            log.error("worker died", worker=worker.number, status=status, restart_in_s=pause_s)
            await self._pause(pause_s)

    async def _start(self, worker: Worker) -> asyncio.subprocess.Process:
        inherited = (worker.admin.fileno(), self._life[0])
        return await asyncio.create_subprocess_exec(
            *self._plan.command,
            "--inherited",
            ",".join(map(str, inherited)),
            env={**self._plan.environment, **self._ports},
            pass_fds=inherited,
            process_group=0,
        )

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._is_stopping.wait()
        except TimeoutError:
            pass


def _reserve(host: str, port: int) -> socket.socket:
    """Hold the port, without listening: the workers' sockets join it, nobody else's do."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # SO_REUSEPORT would join another house of the same user. Without it a port in use is one.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        address = probe.getsockname()
    reserved = socket.socket(family, kind, protocol)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        reserved.setsockopt(socket.SOL_SOCKET, option, 1)
    reserved.bind(address)
    return reserved
