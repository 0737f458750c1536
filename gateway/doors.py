"""The ports for charge points: the main one, a second like it, and one without TLS for those that know no better."""

import asyncio
import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gateway.listener import BACKLOG, Before, Listener, listen
from gateway.refusals import Refusal

Make = Callable[[str], asyncio.Protocol]
TurnAway = Callable[[str, Refusal], None]

_PLAIN = 2  # its place among the ports


class CantListenError(OSError):
    """A port can't be opened; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Open ports. `port` is the main one; of the others those are 0 that there are not."""

    port: int
    second_port: int
    plain_port: int
    _servers: tuple[asyncio.Server | Listener, ...]

    async def run(self) -> None:
        """Accept until `close`."""
        async with asyncio.TaskGroup() as tasks:
            for server in self._servers:
                if isinstance(server, Listener):
                    tasks.create_task(server.run(), name="listener")

    def close(self) -> None:
        """Accept nobody any more."""
        for server in self._servers:
            server.close()


async def open_doors(
    host: str, port: int, others: tuple[int | None, int | None], before: Before, make: Make, turn_away: TurnAway
) -> Doors:
    """Open the main port and the `others`: a second one like it, and one without TLS.

    Raises:
        CantListenError: one can't be opened.
    """
    opened: list[asyncio.Server | Listener] = []
    numbers = [0, 0, 0]
    for place, wanted in enumerate((port, *others)):
        if wanted is None:
            continue
        its = before if place < _PLAIN else replace(before, certificates=None)
        try:
            opened.append(await _open(host, wanted, its, make, turn_away))
        except CantListenError:
            for server in opened:
                server.close()
            raise
        numbers[place] = _port(opened[-1])
    return Doors(numbers[0], numbers[1], numbers[2], tuple(opened))


@contextmanager
def said_clearly(host: str, port: int) -> Iterator[None]:
    """Turn what the system says when a port can't be opened into one sentence.

    Raises:
        CantListenError: it can't.
    """
    try:
        yield
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = "it is in use" if is_taken else error.strerror or str(error)
        raise CantListenError(error.errno, f"Can't listen on port {port} of {host}: {why}.") from error


async def _open(host: str, port: int, before: Before, make: Make, turn_away: TurnAway) -> asyncio.Server | Listener:
    with said_clearly(host, port):
        if before.certificates is not None or before.has_proxy:
            return await listen(host, port, before, make, turn_away)
        loop = asyncio.get_running_loop()
        reuse_port = before.reuse_port or None
        return await loop.create_server(lambda: make(""), host, port, backlog=BACKLOG, reuse_port=reuse_port)


def _port(server: asyncio.Server | Listener) -> int:
    return server.port if isinstance(server, Listener) else int(server.sockets[0].getsockname()[1])
