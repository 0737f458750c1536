"""How large the fault tests are: small beside everything else, full-size for `python -m bench.faults`."""

import os
from typing import TypeVar

import structlog

FULL = "OCPPGW_FAULTS_FULL"
CHARGE_POINTS, SECONDS = "OCPPGW_FAULTS_CHARGE_POINTS", "OCPPGW_FAULTS_SECONDS"  # other sizes than these two

Number = TypeVar("Number", int, float)

log = structlog.get_logger()


def is_full() -> bool:
    """Whether these are the full sizes."""
    return bool(os.environ.get(FULL))


def size(small: Number, full: Number) -> Number:
    """The number to use."""
    return full if is_full() else small


def charge_points(small: int, full: int) -> int:
    """How many to use."""
    return int(os.environ.get(CHARGE_POINTS) or size(small, full))


def seconds(small: float, full: float) -> float:
    """How long the fault lasts."""
    return float(os.environ.get(SECONDS) or size(small, full))


def measured(what: str, **figures: object) -> None:
    """Say what a fault cost; pytest shows it with -s."""
    log.info("measured", what=what, **figures)
