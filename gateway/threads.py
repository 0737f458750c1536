"""Blocking calls of the gateway: in few threads, bounded, each with an end to the waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class BusyError(Exception):
    """Too many calls wait already, or this one took too long."""


class Threads:
    """A small thread pool that says no instead of collecting work; without workers it just calls what never blocks."""

    def __init__(self, workers: int, max_waiting: int, timeout_s: float) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="registry") if workers else None
        self._room = workers + max_waiting
        self._timeout_s = timeout_s

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it in a thread.

        Raises:
            BusyError: it did not begin, or did not end in time; then it may still end later.
        """
        return await self.call_or_undo(function, lambda _: None, *args, **kwargs)

    async def call_or_undo(
        self, function: Callable[P, T], undo: Callable[[T], None], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run it in a thread; if nobody waits for it any more when it succeeds, `undo` gets the result, on the loop.

        Raises:
            BusyError: as `call`.
        """
        if self._executor is None:
            return function(*args, **kwargs)
        if self._room <= 0:
            raise BusyError("too many calls wait")
        self._room -= 1
        loop = asyncio.get_running_loop()
        future = self._executor.submit(function, *args, **kwargs)
        done = asyncio.wrap_future(future)
        done.add_done_callback(self._make_room)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(done)
        except TimeoutError as error:
            # What has not begun never will: a slow registry must not be kept busy for those who have left.
            if not future.cancel():
                done.add_done_callback(lambda late: _undo(late, undo))
            raise BusyError(f"no result within {self._timeout_s:g} s") from error
        except asyncio.CancelledError:
            if not future.cancel() and not loop.is_closed():
                done.add_done_callback(lambda late: _undo(late, undo))
            raise

    def close(self) -> None:
        """Start nothing any more; what runs ends by itself."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _make_room(self, _: object) -> None:
        self._room += 1


def _undo(late: "asyncio.Future[T] | Future[T]", undo: Callable[[T], None]) -> None:
    if not late.cancelled() and late.exception() is None:
        undo(late.result())
