import gc
from collections.abc import Iterator

import pytest

from gateway.garbage import collect_seldom


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_there_at_the_start_is_never_looked_through_again() -> None:
    there: list[list[int]] = [[] for _ in range(1_000)]

    collect_seldom()

    assert gc.get_freeze_count() >= len(there)
    assert gc.isenabled()
