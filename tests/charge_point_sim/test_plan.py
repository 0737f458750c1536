"""What a fleet will do, before it does it."""

from collections import Counter
from itertools import islice, pairwise

import pytest

from charge_point_sim.plan import Plan, PlanError, Scenario, read_duration_s, read_mix
from ocppj.versions import V16, V201


def test_the_same_seed_means_the_same_visits() -> None:
    plan = Plan(50, "rush-hour", seed=7, tokens=("A", "B", "C"))

    visits = [list(islice(plan.visits(number), 20)) for number in range(50)]
    again = [list(islice(Plan(50, "rush-hour", seed=7, tokens=("A", "B", "C")).visits(n), 20)) for n in range(50)]

    assert visits == again


def test_another_seed_means_other_visits() -> None:
    one, other = Plan(1, seed=7), Plan(1, seed=8)

    visits, others = next(one.visits(0)), next(other.visits(0))

    assert visits.at_s != others.at_s


def test_a_charge_point_does_not_depend_on_how_many_there_are() -> None:
    small, large = Plan(10), Plan(10_000)

    assert list(islice(small.visits(3), 5)) == list(islice(large.visits(3), 5))
    assert small.version(3) is large.version(3)


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_the_mix_is_kept_in_any_number_of_charge_points(count: int) -> None:
    plan = Plan(count)

    versions = Counter(plan.version(number) for number in range(count))

    assert abs(versions[V16] - 0.7 * count) <= 2
    assert versions[V16] + versions[V201] == count


def test_at_the_rush_hour_more_drivers_come_than_before_it() -> None:
    plan = Plan(200, "rush-hour", duration_s=3600)

    arrivals = [visit.at_s for number in range(200) for visit in islice(plan.visits(number), 40) if visit.at_s < 3600]

    middle = sum(1500 < at_s < 2100 for at_s in arrivals)
    beginning = sum(at_s < 600 for at_s in arrivals)
    assert middle > 3 * beginning


def test_visits_to_a_charge_point_never_overlap() -> None:
    visits = list(islice(Plan(1).visits(0), 100))

    assert all(one.at_s + one.stay_s <= next_.at_s for one, next_ in pairwise(visits))


@pytest.mark.parametrize(("scenario", "storms"), [("steady", []), ("reconnect-storm", [40, 70])])
def test_a_storm_cuts_every_line_twice(scenario: Scenario, storms: list[float]) -> None:
    assert Plan(1, scenario, duration_s=100).storms_s() == pytest.approx(storms)


def test_a_password_may_contain_the_identity() -> None:
    setup = Plan(2, password="secret-{id}").setup(1)

    assert setup.password == b"secret-SIM-00001"


def test_a_mix_is_read() -> None:
    assert read_mix("1.6:70, 2.0.1:30") == ((V16, 70), (V201, 30))
    assert read_mix("2.0.1") == ((V201, 1),)


@pytest.mark.parametrize("text", ["1.5:3", "1.6:x", "1.6:-1", "1.6:0", "", "1.6:inf"])
def test_a_mix_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(PlanError):
        read_mix(text)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert read_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "ten", "-1", "0", "nan", "inf"])
def test_a_duration_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(PlanError):
        read_duration_s(text)
