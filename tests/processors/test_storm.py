"""Whatever a queue does, deliver late, twice or in any order, what is left is what an orderly day leaves."""

from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.adapters.stores import on_dynamodb
from tests.processors import storm
from tests.processors.house import House

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from adapters.dynamodb import Tables


@cache
def orderly() -> dict[str, Any]:
    house = House()
    day = storm.begin(house)
    for told in storm.DAY:
        day.process(told)
    return day.left(house.transactions.find)


class Storm(RuleBasedStateMachine):
    """Records come in any order and again; in the end all of them have come."""

    def __init__(self, suffix: str = "", **stores: Any) -> None:
        super().__init__()
        self.day = storm.begin(House(), suffix, **stores)
        self.waiting = list(storm.DAY)
        self.delivered: list[storm.Told] = []

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def comes(self, data: st.DataObject) -> None:
        told = data.draw(st.sampled_from([each for each in self.waiting if self.day.can(each)]))
        self.waiting.remove(told)
        self._process(told)

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        self.day.process(data.draw(st.sampled_from(self.delivered)))

    def teardown(self) -> None:
        while self.waiting:
            told = next(each for each in reversed(self.waiting) if self.day.can(each))
            self.waiting.remove(told)
            self._process(told)

        assert self.day.left(self.day.ports.transactions.find) == orderly()

    def _process(self, told: storm.Told) -> None:
        self.day.process(told)
        self.delivered.append(told)


Storm.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAStormLeavesWhatAnOrderlyDayLeaves = Storm.TestCase


def test_an_orderly_day_leaves_what_it_should() -> None:
    left = orderly()

    bills = {key: (each.billed_wh, each.rules) for key, each in left["transactions"].items()}
    assert bills == {
        (storm.OLD, "0"): (300, ("left_open",)),
        (storm.OLD, "1"): (500, ()),
        (storm.OLD, "2"): (500, ()),
        (storm.NEW, "tx-1"): (200, ("left_open",)),
        (storm.NEW, "tx-2"): (300, ()),
    }
    assert left["rows"][storm.OLD][1]["1"].status == "Available"
    assert len(left["reports"][storm.NEW]["NotifyReport.complete"]) == 1


@pytest.mark.e2e
def test_a_storm_over_dynamodb_leaves_the_same(dynamodb_client: "DynamoDBClient", tables: "Tables") -> None:
    stores, numbers = on_dynamodb(dynamodb_client, tables), count()

    def machine() -> Storm:
        # Other charge points each time: what an earlier storm left is not looked at.
        return Storm(
            f"-storm{next(numbers)}", registry=stores.registry, observations=stores.registry, reports=stores.reports,
            transactions=stores.transactions, history=stores.transactions, id_tokens=stores.id_tokens,
        )  # fmt: skip

    few = settings(Storm.TestCase.settings, max_examples=3, phases=[Phase.explicit, Phase.generate])
    run_state_machine_as_test(machine, settings=few)  # type: ignore[arg-type]  # a function is as good as the class
