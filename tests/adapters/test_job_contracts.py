"""What the stores of jobs promise: a job is written by whoever read it last, targets keep their order."""

from dataclasses import replace
from datetime import timedelta

from domain.jobs import Job, JobState, Target
from tests.adapters.stores import NOON, SECOND, Stores


def job(job_id: str, created_at: timedelta = timedelta()) -> Job:
    at = NOON + created_at
    return Job(job_id, "reset", {"type": "force"}, {"ids": ["A", "B"]}, 0.5, JobState.PLANNING, at, canary_percent=2.5)


def test_a_job_comes_back_as_it_was_stored(stores: Stores) -> None:
    made = replace(job(stores.name), counts={"accepted": 1}, soaks_until=NOON, is_past_gate=True, reason="r")

    stores.jobs.add(made)
    stores.jobs.add(replace(made, step=7))

    assert stores.jobs.find(stores.name) == made
    assert stores.jobs.find(f"{stores.name}-none") is None


def test_a_job_is_saved_at_the_step_it_was_read_at_only(stores: Stores) -> None:
    stores.jobs.add(job(stores.name))

    saved = stores.jobs.save(replace(job(stores.name), step=1, total=4), 0)
    late = stores.jobs.save(replace(job(stores.name), step=1, total=9), 0)
    none = stores.jobs.save(job(f"{stores.name}-none"), 0)

    found = stores.jobs.find(stores.name)
    assert (saved, late, none) == (True, False, False)
    assert found is not None and (found.step, found.total) == (1, 4)


def test_jobs_are_listed_newest_first_and_none_is_skipped(stores: Stores) -> None:
    # Later than any other test's, and three of them in the same millisecond.
    made = [job(f"{stores.name}-{number}", 1000 * SECOND) for number in range(3)]
    made.append(job(f"{stores.name}-3", 1001 * SECOND))
    for each in made:
        stores.jobs.add(each)

    pages = [list(stores.jobs.newest(1))]
    for _ in range(3):
        last = pages[-1][-1]
        pages.append(list(stores.jobs.newest(1, (last.created_at, last.job_id))))

    found = [each.job_id for page in pages for each in page]
    assert found[0] == f"{stores.name}-3"
    assert sorted(found) == sorted(each.job_id for each in made)


def test_targets_are_planned_once_and_keep_their_order(stores: Stores) -> None:
    for number in (10, 2, 1):
        stores.jobs.plan(Target(stores.name, number, f"CP-{number}", NOON))
    sent = Target(stores.name, 2, "CP-2", NOON, "c", {"code": "x", "detail": "y"}, was_healthy=False)
    stores.jobs.note(sent)
    stores.jobs.plan(Target(stores.name, 2, "OTHER", NOON))

    found = stores.jobs.of_job(stores.name, 2, 9)

    assert [target.charge_point_id for target in found] == ["CP-2", "CP-10"]
    assert found[0] == sent
    assert list(stores.jobs.of_job(stores.name, 0, 0)) == []
