"""Charge points put together from their parts."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from uuid import uuid4

from charge_point_sim import commands_v21, v16, v201
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.dialect import Dialect
from charge_point_sim.parts import Setup
from ocppj.versions import V16, V21, V201, Version

DIALECTS: dict[Version, Dialect] = {
    V16: v16.DIALECT,
    V201: v201.DIALECT,
    V21: replace(v201.DIALECT, version=V21, commands=commands_v21.COMMANDS),
}


def charge_point(
    setup: Setup, seed: int | None = None, new_id: Callable[[], str] = lambda: str(uuid4())
) -> ChargePoint:
    """A charge point as it leaves the factory.

    The seed decides what is left to chance, for each identity differently. Ids are new even with the same seed,
    because the CSMS remembers those of an earlier run; pass `new_id` to repeat them too.
    """
    rng = Random() if seed is None else Random(f"{seed}/{setup.identity}")  # noqa: S311  # cars, not secrets
    return ChargePoint(setup, DIALECTS[setup.version], rng, new_id)
