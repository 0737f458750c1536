"""Run a test on asyncio's own event loop and on uvloop: they differ where TLS and raw sockets meet."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Decorate an asynchronous test."""

    def run(event_loop: str, **fixtures: Any) -> None:
        with asyncio.Runner(loop_factory=LOOPS[event_loop]) as runner:
            runner.run(test(**fixtures))

    signature = inspect.signature(test)
    first = inspect.Parameter("event_loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = signature.replace(parameters=[first, *signature.parameters.values()])  # type: ignore[attr-defined]
    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    run.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined]
    decorated: Callable[..., None] = pytest.mark.parametrize("event_loop", LOOPS)(run)
    return decorated
