"""One command for many charge points, step by step."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.jobs import Job
from domain.models import Boot, ChargePoint, CommandState, Connection, ConnectorState
from ocppj.versions import V16, V201
from remote_commands import job_steps
from remote_commands.job_steps import EarlyStepError
from remote_commands.settings import Settings
from tests.remote_commands.desk import ARN, NOON, Desk
from web.access import Access, Rule

RESET: dict[str, Any] = {"action": "reset", "payload": {"type": "force"}, "ratePerSecond": 2}


class Works(Desk):
    """A desk with charge points CP-0, CP-1, ... and somebody who makes the steps of its jobs."""

    def __init__(self, count: int, access: Access | None = None) -> None:
        super().__init__(access=access)
        self.access = access or Access()
        for number in range(count):
            self.connect(f"CP-{number}", V201 if number % 2 else V16)

    def job(self, **more: Any) -> str:
        reply = self.post("/jobs", RESET | {"selector": {"all": True}} | more)
        assert reply.status == 202, reply.body
        return str(reply.body["jobId"])

    def step(self) -> None:
        job_id, step, delay_s = self.steps.waiting.pop(0)
        self.clock.now += timedelta(seconds=delay_s)
        job_steps.run(job_id, step, self.ports, self.work, Settings(), self.access)

    def work_off(self, answer: CommandState | None = CommandState.ACCEPTED, steps: int = 60) -> None:
        """Make steps until none is left; charge points answer at once, if they do."""
        for _ in range(steps):
            if not self.steps.waiting:
                return
            self.step()
            if answer is not None:
                self.answer(self.sent_to(), answer)

    def answer(self, names: Sequence[str], state: CommandState) -> None:
        for name in names:
            for command in self.commands.of_charge_point(name, 10):
                self.commands.move(command.command_id, state, answer={"status": state.value}, answered_at=NOON)

    def sent_to(self) -> list[str]:
        return [name for name, _ in self.published()]

    def published(self) -> list[tuple[str, str]]:
        return [(each.charge_point_id, each.frame) for each in self.sent.published]

    def told(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/jobs/{job_id}").body

    def stored(self, job_id: str) -> Job:
        job = self.jobs.find(job_id)
        assert job is not None
        return job


def test_a_job_sends_each_charge_point_one_command_at_its_rate() -> None:
    works = Works(5)
    job_id = works.job()

    works.step()
    planned = works.told(job_id)
    works.step()
    first, began = works.sent_to(), works.clock.now
    works.work_off()

    assert (planned["state"], planned["total"], planned["sent"]) == ("running", 5, 0)
    assert first == ["CP-0", "CP-1"]
    assert sorted(works.sent_to()) == [f"CP-{number}" for number in range(5)]
    assert works.clock.now - began >= timedelta(seconds=2)
    assert (works.told(job_id)["state"], works.told(job_id)["outcomes"]) == ("completed", {"accepted": 5})
    assert '"Hard"' in works.published()[0][1]
    assert '"Immediate"' in works.published()[1][1]


def test_less_than_one_a_second_is_one_after_a_longer_pause() -> None:
    works = Works(2)
    works.job(ratePerSecond=0.1)

    works.step()
    works.step()

    assert (works.sent_to(), works.steps.waiting[0][2]) == (["CP-0"], 10)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"all": True}, ["CP-0", "CP-1", "CP-2"]),
        ({"model": "One"}, ["CP-0", "CP-2"]),
        ({"firmware": "1.1"}, ["CP-1", "CP-2"]),
        ({"ids": ["CP-2", "CP-0", "CP-2"]}, ["CP-2", "CP-0"]),
    ],
)
def test_a_selector_chooses_the_charge_points(selector: dict[str, Any], expected: list[str]) -> None:
    works = Works(0)
    for number, (model, firmware) in enumerate([("One", "1.0"), ("Two", "1.1"), ("One", "1.1")]):
        works.connect(f"CP-{number}", boot=Boot("Acme", model, NOON, firmware=firmware))
    works.registry.add(ChargePoint("NEVER"))

    job_id = works.job(selector=selector, ratePerSecond=50)
    works.work_off()

    assert [name for name in works.sent_to() if name != "NEVER"] == expected
    results = works.get(f"/jobs/{job_id}/results").body["data"]
    assert [each["chargePointId"] for each in results if each["chargePointId"] != "NEVER"] == expected


def test_a_step_that_comes_twice_or_after_a_crash_sends_nothing_twice() -> None:
    works = Works(3)
    job_id = works.job()
    works.step()
    message = works.steps.waiting[0]
    before = works.stored(job_id)

    works.step()
    works.jobs.save(before, before.step + 1)  # whoever made the step died before it wrote the job
    works.steps.waiting.insert(0, message)
    works.work_off()
    job_steps.run(message[0], message[1], works.ports, works.work, Settings(), works.access)

    assert sorted(works.sent_to()) == ["CP-0", "CP-1", "CP-2"]
    assert works.told(job_id)["outcomes"] == {"accepted": 3}
    assert works.steps.waiting == []


def test_an_old_message_of_a_running_job_makes_no_step() -> None:
    works = Works(6)
    works.job()
    works.step()
    old = works.steps.waiting[0]
    works.step()

    job_steps.run(old[0], old[1], works.ports, works.work, Settings(), works.access)

    assert (len(works.sent_to()), len(works.steps.waiting)) == (2, 1)


def test_one_that_died_between_sending_and_noting_it_finds_its_command_again() -> None:
    works = Works(1)
    job_id = works.job()
    works.step()
    before, target = works.stored(job_id), works.jobs.of_job(job_id, 0, 1)[0]

    works.step()
    works.jobs.note(target)
    works.jobs.save(before, before.step + 1)
    works.steps.waiting = [(job_id, before.step, 0)]
    works.work_off()

    assert works.sent_to() == ["CP-0"]
    assert works.told(job_id)["outcomes"] == {"accepted": 1}


def test_a_message_that_overtakes_its_own_step_comes_again() -> None:
    works = Works(1)
    job_id = works.job()

    with pytest.raises(EarlyStepError):
        job_steps.run(job_id, 1, works.ports, works.work, Settings(), works.access)

    assert works.stored(job_id).step == 0


def test_a_job_stops_after_so_many_failures() -> None:
    works = Works(10)
    job_id = works.job(stopAfterFailures=3)

    works.work_off(CommandState.REJECTED)

    told = works.told(job_id)
    assert (told["state"], told["reason"], told["sent"]) == ("stopped", "4 failures", 4)
    assert len(works.sent_to()) == 4


def test_charge_points_that_never_answer_are_failures_when_their_time_is_over() -> None:
    works = Works(2)
    job_id = works.job(stopAfterFailures=2)

    works.work_off(None)

    assert works.told(job_id)["reason"] == "2 failures"
    results = works.get(f"/jobs/{job_id}/results").body["data"]
    assert [each["state"] for each in results] == ["timeout", "timeout"]


def test_who_is_offline_or_unknown_is_told_of_and_stops_nothing() -> None:
    works = Works(1)
    works.registry.add(ChargePoint("OFF", connection=Connection(V16, "gone", 1, 1, NOON)))
    job_id = works.job(selector={"ids": ["OFF", "NOBODY", "CP-0"]}, ratePerSecond=50, stopAfterFailures=2)

    works.work_off()

    told, results = works.told(job_id), works.get(f"/jobs/{job_id}/results").body["data"]
    assert told["state"] == "completed"
    assert told["outcomes"] == {"not_connected": 1, "refused": 1, "accepted": 1}
    assert [each["state"] for each in results] == ["not_connected", "refused", "accepted"]
    assert results[1]["problem"]["code"] == "charge-point-unknown"


def test_a_cancelled_job_sends_no_more() -> None:
    works = Works(6)
    job_id = works.job()
    works.step()
    works.step()

    cancelled = works.post(f"/jobs/{job_id}/cancel", {})
    works.work_off()
    again = works.post(f"/jobs/{job_id}/cancel", {})

    assert (cancelled.status, cancelled.body["state"], len(works.sent_to())) == (200, "cancelled", 2)
    assert (again.status, again.body["code"]) == (409, "job-over")
    results = works.get(f"/jobs/{job_id}/results").body["data"]
    assert [each["state"] for each in results] == ["accepted"] * 2 + ["waiting"] * 4


def test_not_more_than_two_hundred_wait_for_their_answer_at_once() -> None:
    works = Works(0)
    for number in range(260):
        works.connect(f"CP-{number:03}")
    works.job(ratePerSecond=50)

    works.step()
    for _ in range(7):
        works.step()
    waiting = len(works.sent_to())
    works.work_off()

    assert (waiting, len(works.sent_to())) == (200, 260)


UPDATE = {
    "action": "update-firmware",
    "payload": {"location": "https://firmware.example/1.2.bin"},
    "selector": {"all": True},
    "ratePerSecond": 50,
    "canaryPercent": 20,
}


def campaign(works: Works, **more: Any) -> str:
    return str(works.post("/jobs", UPDATE | more).body["jobId"])


def confirm(works: Works, name: str, effect: str = "confirmed") -> None:
    for command in works.commands.of_charge_point(name, 1):
        works.commands.note(command.command_id, effect=effect)


def test_a_campaign_waits_for_what_its_canaries_did_then_goes_on() -> None:
    works = Works(10)
    job_id = campaign(works, soakSeconds=60)

    works.work_off(steps=8)
    waiting, canaries = works.told(job_id), works.sent_to()
    for name in canaries:
        confirm(works, name)
    works.step()
    soaking = works.told(job_id)["state"], len(works.sent_to()), works.steps.waiting[0][2]
    works.step()
    works.step()
    passed = len(works.sent_to())
    for name in works.sent_to():
        works.answer([name], CommandState.ACCEPTED)
        confirm(works, name)
    works.work_off()

    assert (waiting["state"], canaries) == ("checking", ["CP-0", "CP-1"])
    assert soaking == ("checking", 2, 60)
    assert passed == 10
    assert (works.told(job_id)["state"], works.told(job_id)["outcomes"]) == ("completed", {"accepted": 10})


def test_a_campaign_whose_canary_fails_goes_no_further() -> None:
    works = Works(10)
    job_id = campaign(works)

    works.work_off(steps=4)
    confirm(works, "CP-0")
    confirm(works, "CP-1", "not_observed")
    works.work_off()

    told = works.told(job_id)
    assert (told["state"], told["reason"], told["sent"]) == ("stopped", "1 of 2 canaries failed", 2)
    assert told["outcomes"] == {"accepted": 1, "no_effect": 1}


@pytest.mark.parametrize("ill", ["faulted", "gone"])
def test_a_campaign_that_leaves_a_canary_worse_than_it_was_goes_no_further(ill: str) -> None:
    works = Works(10)
    job_id = campaign(works)

    works.work_off(steps=4)
    for name in works.sent_to():
        confirm(works, name)
    if ill == "faulted":
        works.registry.connector("CP-1", "1.1", ConnectorState("Faulted", NOON))
    else:
        works.registry.disconnected("CP-1", 1, NOON)
    works.work_off()

    told = works.told(job_id)
    assert (told["state"], told["reason"]) == ("stopped", "1 canaries are worse than before, such as CP-1")


def test_a_campaign_without_a_canary_that_is_there_goes_no_further() -> None:
    works = Works(0)
    for name in ("A", "B"):
        works.registry.add(ChargePoint(name, connection=Connection(V16, "gone", 1, 1, NOON)))
    job_id = campaign(works)

    works.work_off()

    assert works.told(job_id)["reason"] == "no canary was there to show anything"


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (RESET, 422, "invalid-request", "/selector"),
        (RESET | {"selector": {}}, 422, "invalid-request", "/selector"),
        (RESET | {"selector": {"all": False}}, 422, "invalid-request", "/selector"),
        (RESET | {"selector": {"all": True, "model": "One"}}, 422, "invalid-request", "/selector"),
        (RESET | {"selector": {"all": True}, "ratePerSecond": 51}, 422, "invalid-request", "/ratePerSecond"),
        (RESET | {"selector": {"all": True}, "payload": {"type": "x"}}, 422, "invalid-request", "/type"),
        (
            {"action": "Reset", "payload": {"type": 1}, "selector": {"all": True}},
            422,
            "invalid-request",
            "/payload/type",
        ),
        ({"action": "Fly", "selector": {"all": True}}, 404, "action-unknown", None),
        ({"action": "fly", "selector": {"all": True}}, 404, "action-unknown", None),
        (
            {
                "action": "set-configuration",
                "payload": {"values": {"AuthorizationKey": "aa"}},
                "selector": {"all": True},
            },
            422,
            "invalid-request",
            "/payload",
        ),
    ],
)
def test_a_job_that_nobody_could_do_is_refused_at_once(body: Any, status: int, code: str, pointer: str | None) -> None:
    reply = Works(1).post("/jobs", body)

    assert (reply.status, reply.body["code"]) == (status, code)
    assert pointer is None or reply.body["errors"][0]["pointer"] == pointer


def test_a_job_of_an_action_that_one_version_has_is_taken() -> None:
    works = Works(2)
    job_id = works.job(action="GetDiagnostics", payload={"location": "https://x"})

    works.work_off()

    assert works.told(job_id)["outcomes"] == {"accepted": 1, "refused": 1}


def test_the_same_key_is_the_same_job() -> None:
    works = Works(1)
    body = RESET | {"selector": {"all": True}}

    first, again = works.post("/jobs", body, key="k"), works.post("/jobs", body, key="k")
    other = works.post("/jobs", body | {"ratePerSecond": 1}, key="k")

    assert (first.body["jobId"], again.status) == (again.body["jobId"], 202)
    assert (other.status, other.body["code"]) == (422, "idempotency-key-reused")
    assert len(works.steps.waiting) == 1


def test_a_caller_has_jobs_of_their_own_for_their_own_charge_points() -> None:
    rules = [Rule.model_validate({"chargePoints": ["CP-1"], "actions": ["reset"]})]
    works = Works(3, Access(policy={ARN: rules}))

    job_id = works.job()
    works.work_off()
    refused = works.post("/jobs", RESET | {"selector": {"ids": ["CP-0"]}})
    works.jobs.add(replace(works.stored(job_id), job_id="others", issued_by="peter"))

    assert works.sent_to() == ["CP-1"]
    assert (refused.status, refused.body["code"]) == (403, "not-allowed")
    assert works.get("/jobs/others").status == 404
    assert [job["jobId"] for job in works.get("/jobs").body["data"]] == [job_id]


def test_jobs_and_results_come_in_pages_and_nothing_is_skipped() -> None:
    works = Works(5)
    made = [works.job(), works.job(), works.job()]  # all in the same millisecond
    works.step()

    first = works.get("/jobs?limit=2").body
    second = works.get(f"/jobs?limit=2&cursor={first['nextCursor']}").body
    some = works.get(f"/jobs/{made[0]}/results?limit=3").body
    rest = works.get(f"/jobs/{made[0]}/results?limit=3&cursor={some['nextCursor']}").body

    assert sorted(job["jobId"] for job in first["data"] + second["data"]) == sorted(made)
    assert second["nextCursor"] is None
    assert [each["chargePointId"] for each in some["data"] + rest["data"]] == [f"CP-{number}" for number in range(5)]
    assert rest["nextCursor"] is None


@pytest.mark.parametrize("path", ["/jobs?cursor=aGVsbG8=", "/jobs?cursor=!", "/jobs/cmd-1/results?cursor=LTE="])
def test_a_cursor_nobody_wrote_is_422(path: str) -> None:
    works = Works(1)
    works.job()

    assert works.get(path).status == 422
