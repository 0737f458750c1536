"""How large the fault tests are: small beside everything else, full-size for `python -m bench.faults`."""

import os
from typing import TypeVar

import structlog

FULL = "OCPPGW_FAULTS_FULL"

Number = TypeVar("Number", int, float)

log = structlog.get_logger()


def is_full() -> bool:
    """Whether these are the full sizes."""
    return bool(os.environ.get(FULL))


def size(small: Number, full: Number) -> Number:
    """The number to use."""
    return full if is_full() else small


def measured(what: str, **figures: object) -> None:
    """Say what a fault cost; pytest shows it with -s."""
    log.info("measured", what=what, **figures)
