"""Logs: one JSON object a line in production, coloured lines in a terminal; ours and the libraries' alike.

OCPPGW_LOG=json or =console overrides what the terminal decides; OCPPGW_LOG_LEVEL is debug, info (the default),
warning or error. Everything goes to stderr: stdout is for what a command was asked for.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

_STYLES = ("json", "console")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(environment: Mapping[str, str] | None = None, stream: TextIO | None = None) -> None:
    """Set up logging for this process; exits with one sentence if a variable has a value that can't be used."""
    environment, stream = os.environ if environment is None else environment, stream or sys.stderr
    style = _choice("OCPPGW_LOG", environment, _STYLES, "console" if stream.isatty() else "json")
    level = _LEVELS[_choice("OCPPGW_LOG_LEVEL", environment, tuple(_LEVELS), "info")]
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderers = _renderers(style, stream)
    structlog.configure(
        processors=[*common, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    _adopt_standard_logging(common, renderers, stream)


def _choice(name: str, environment: Mapping[str, str], choices: tuple[str, ...], default: str) -> str:
    value = environment.get(name) or default
    if value.lower() not in choices:
        sys.exit(f"{name} is {value!r}: it must be one of {', '.join(choices)}.")
    return value.lower()


def _renderers(style: str, stream: TextIO) -> list[Processor]:
    if style == "console":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]


def _adopt_standard_logging(common: list[Processor], renderers: list[Processor], stream: TextIO) -> None:
    # asyncio and botocore log their troubles the standard way. Their INFO is nothing for operators.
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *common],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
