"""`ocppgw privacy`: what is held of an id token, and its erasure. `fleet/__main__.py` says where it is held."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from fleet import privacy
from fleet.console import fail
from fleet.privacy import Privacy

Token = Annotated[str, typer.Option("--id-token", help="In any case; of all types.")]
Partner = Annotated[str | None, typer.Option(help="At this partner's charge points only.")]


def app_of(house: Callable[[], AbstractContextManager[Privacy]]) -> typer.Typer:
    """The commands; `house` opens the stores, and ends them with a sentence if they can't be reached."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.callback()
    def _privacy() -> None:
        """What is held of an id token, and its erasure (docs/privacy.md). All answers are JSON."""

    @app.command()
    def export(
        id_token: Token,
        partner: Partner = None,
        file: Annotated[Path | None, typer.Option(help="Write it there instead of to stdout.")] = None,
    ) -> None:
        """Show everything that is held of an id token, as one JSON document."""
        _check(id_token)
        with house() as its:
            held = json.dumps(privacy.export(id_token, partner, its))
        if file is None:
            typer.echo(held)
            return
        try:
            file.write_text(held + "\n", encoding="utf-8")
        except OSError as error:
            fail(f"{file} can't be written: {error.strerror}.")

    @app.command()
    def erase(
        id_token: Token,
        partner: Partner = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, and say what would be.")] = False,
    ) -> None:
        """Put a made-up name in the place of an id token everywhere; bills stay. May be run again at any time."""
        _check(id_token)
        with house() as its:
            told = privacy.erase(id_token, partner, its, is_dry=dry_run)
        typer.echo(json.dumps(told))

    return app


def _check(id_token: str) -> None:
    if not id_token.strip():
        fail("--id-token takes an id token, not an empty one.", 2)
