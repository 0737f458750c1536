"""`ocppgw watch`: follow the frames of a charge point. `fleet/__main__.py` says where the broker is."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from domain.ports import Message
from fleet.watch import Watcher
from ocppj import topics
from ocppj.errors import IdentityError

# Messages of a charge point's topics, until a ConnectionError; the function is called once they are subscribed.
Subscribe = Callable[[str, list[str], Callable[[], None]], AsyncGenerator[Message, None]]

AGAIN_AFTER_S = 2.0


def app_of(subscribe: Callable[[], Subscribe]) -> typer.Typer:
    """The command; `subscribe` is asked for once it is called, and may end it with a sentence."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    def watch(
        identity: Annotated[str, typer.Argument(help="As the charge point writes it in its URL.")],
        json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
        count: Annotated[int, typer.Option(min=0, help="End after so many frames; 0: never.")] = 0,
    ) -> None:
        """Follow the frames of a charge point, both ways, as they pass the broker. Ctrl-C ends it.

        → comes from the charge point, ← goes to it. Secrets are masked. Heartbeats that the gateway answers itself
        don't pass the broker. With Basic Ingest its gateway shows the others as long as somebody watches.

        Exit code: 0, or 1 if the broker can't be reached.
        """
        try:
            charge_point_id = topics.escape(identity)
        except IdentityError as error:
            _fail(f"{error}.")
        show: Callable[[object], None] = typer.echo if json else Console(highlight=False, soft_wrap=True).print
        following = _follow(charge_point_id, subscribe(), show, as_json=json, count=count)
        with suppress(KeyboardInterrupt):
            try:
                asyncio.run(following)
            except ConnectionError as error:
                _fail(str(error))

    return app


async def _follow(
    charge_point_id: str, subscribe: Subscribe, show: Callable[[object], None], *, as_json: bool, count: int
) -> None:
    watcher, shown = Watcher(), 0
    ours = [topics.inbound(charge_point_id), topics.outbound(charge_point_id)]
    is_watching = False

    def say_so() -> None:
        nonlocal is_watching
        is_watching = True
        typer.echo(f"watching {charge_point_id}", err=True)

    while True:
        try:
            async with aclosing(subscribe(charge_point_id, ours, say_so)) as messages:
                async for message in messages:
                    seen = watcher.read(message.topic, message.payload, message.properties, datetime.now(UTC))
                    show(seen.as_json() if as_json else seen.as_text())
                    shown += 1
                    if shown == count:
                        return
        except ConnectionError as error:
            if not is_watching:
                raise
            typer.echo(f"{error} Trying again.", err=True)
            await asyncio.sleep(AGAIN_AFTER_S)


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
