"""The steps of a job: find its charge points, send a few commands, look at the answers, decide whether to go on.

Each step comes as a message {"jobId", "step"} and sends the next one before it writes the job, conditionally on the
step it read. So whoever dies, wherever: the message comes again and the step is made again. Commands are not: each has
an idempotency key of the job and the charge point. A message that is older than the job is dropped; one that overtook
the write of its own step waits.
"""

from dataclasses import replace
from datetime import timedelta
from math import ceil

import structlog

from domain import effects, evidence
from domain.jobs import Job, JobState, Target
from domain.models import ChargePoint, CommandState
from domain.pages import Ask
from remote_commands import issue, sending, track
from remote_commands.guards import Key
from remote_commands.issue import Asked, Ports
from remote_commands.jobs import FAILURES, JobPorts
from remote_commands.settings import Settings
from web.access import Access
from web.problems import ProblemError

log = structlog.get_logger(__name__)

PAGE = 500  # charge points looked at in one step of planning
MAX_OPEN = 200  # commands of a job that may wait for their answer (in a campaign: their effect) at once
BETWEEN_S = 1
IDLE_S = 5  # between looks, when there is nothing to send

Outcomes = dict[str, int]


class EarlyStepError(Exception):
    """The message of a step came before the step ahead of it was written; it must come again."""


def run(job_id: str, step: int, ports: Ports, work: JobPorts, settings: Settings, access: Access) -> None:
    """Make a step of a job, and have the next one made.

    Raises:
        EarlyStepError: it is not this step's turn yet.
    """
    job = work.jobs.find(job_id)
    if job is None or job.state.is_final or step < job.step:
        log.info("step of a job dropped", job_id=job_id, step=step)
        return
    if step > job.step:
        raise EarlyStepError(f"job {job_id} is at step {job.step}, not {step}")
    made, delay_s = _Step(job, ports, work, settings, access).make()
    if not made.state.is_final:
        work.queue.send(job_id, step + 1, delay_s)
    if work.jobs.save(replace(made, step=step + 1), step) and made.state.is_final:
        log.info("job over", job_id=job_id, state=made.state, reason=made.reason, outcomes=made.outcomes)


class _Step:
    def __init__(self, job: Job, ports: Ports, work: JobPorts, settings: Settings, access: Access) -> None:
        self.job = job
        self.ports = ports
        self.work = work
        self.settings = settings
        self.access = access

    def make(self) -> tuple[Job, int]:
        """The job after this step, and how long until the next."""
        if self.job.state is JobState.PLANNING:
            return self._plan(), BETWEEN_S
        self._look()
        return self._decide()

    def _plan(self) -> Job:
        names, walked = self._page()
        for number, name in enumerate(names, start=self.job.total):
            self.work.targets.plan(Target(self.job.job_id, number, name, self.job.created_at))
        state = JobState.RUNNING if walked is None else JobState.PLANNING
        return replace(self.job, total=self.job.total + len(names), walked=walked, state=state)

    def _page(self) -> tuple[list[str], str | None]:
        wanted = self.job.selector
        if "ids" in wanted:
            return list(dict.fromkeys(wanted["ids"])), None
        page = self.work.roster.page(None, Ask(PAGE, self.job.walked))
        return [row.charge_point_id for row in page.items if _fits(row, wanted) and self._may(row)], page.cursor

    def _may(self, row: ChargePoint) -> bool:
        try:
            self.access.check_row(self.job.issued_by, row, self.job.action)
        except ProblemError:
            return False
        return True

    def _look(self) -> None:
        """Bring the outcomes up to date; what is done without a gap needs no looking at again."""
        job = self.job
        seen = self.work.targets.of_job(job.job_id, job.settled, job.cursor - job.settled)
        counts, outcomes, settled = dict(job.counts), dict(job.counts), job.settled
        for target in seen:
            outcome, is_done = self._outcome(target)
            _add(outcomes, outcome)
            if is_done and target.number == settled:
                settled += 1
                _add(counts, outcome)
        self.job = replace(job, counts=counts, outcomes=outcomes, settled=settled)

    def _outcome(self, target: Target) -> tuple[str, bool]:
        command = self.ports.commands.find(target.command_id) if target.command_id else None
        if command is None:
            is_offline = (target.problem or {}).get("code") == "charge-point-offline"
            return ("not_connected" if is_offline else "refused"), True
        command = track.settled(command, self.ports, self.settings)
        if not command.state.is_final:
            # What waits for its charge point to connect may wait for days.
            return command.state.value, track.is_waiting(command) and command.part_before is None
        if self.job.canary_percent is not None and command.state is CommandState.ACCEPTED:
            effect = effects.state(command, self.ports.now())
            if effect in (effects.PENDING, evidence.NOT_OBSERVED):
                return ("no_effect" if effect == evidence.NOT_OBSERVED else "accepted"), effect != effects.PENDING
        return command.state.value, True

    def _decide(self) -> tuple[Job, int]:
        job = self.job
        failures = sum(count for outcome, count in job.outcomes.items() if outcome in FAILURES)
        if job.stop_after_failures is not None and failures >= job.stop_after_failures:
            return self._ended(JobState.STOPPED, f"{failures} failures"), 0
        until = job.total if job.is_past_gate else self._canaries()
        if job.cursor < until:
            return self._send(until)
        if job.settled < until:
            return job, IDLE_S
        if job.canary_percent is not None and not job.is_past_gate:
            return self._gate(failures)
        return self._ended(JobState.COMPLETED, None), 0

    def _canaries(self) -> int:
        percent = self.job.canary_percent
        return self.job.total if percent is None else ceil(self.job.total * percent / 100)

    def _gate(self, failures: int) -> tuple[Job, int]:
        """Go on when every canary that was there did well, and is as well as it was before."""
        job, now = self.job, self.ports.now()
        if failures:
            return self._ended(JobState.STOPPED, f"{failures} of {job.cursor} canaries failed"), 0
        if job.total and not job.outcomes.get(CommandState.ACCEPTED.value):
            return self._ended(JobState.STOPPED, "no canary was there to show anything"), 0
        until = job.soaks_until or now + timedelta(seconds=job.soak_s)
        if now < until:
            left_s = ceil((until - now).total_seconds())
            return replace(job, state=JobState.CHECKING, soaks_until=until), min(60, max(BETWEEN_S, left_s))
        ill = [name for name in self._were_healthy() if not self._is_healthy(name)]
        if ill:
            return self._ended(JobState.STOPPED, f"{len(ill)} canaries are worse than before, such as {ill[0]}"), 0
        return replace(job, state=JobState.RUNNING, is_past_gate=True), BETWEEN_S

    def _were_healthy(self) -> list[str]:
        canaries = self.work.targets.of_job(self.job.job_id, 0, self.job.cursor)
        return [target.charge_point_id for target in canaries if target.was_healthy]

    def _send(self, until: int) -> tuple[Job, int]:
        job = self.job
        count = max(1, round(job.rate_per_second * BETWEEN_S))
        room = MAX_OPEN - (job.cursor - job.settled)
        last = min(job.cursor + min(count, room), until)
        for target in self.work.targets.of_job(job.job_id, job.cursor, last - job.cursor):
            if not target.is_sent:
                self.work.targets.note(self._sent(target))
        # Answers change what they are waited for with: a canary run is checking as soon as all are out.
        is_out = last == until and job.canary_percent is not None and not job.is_past_gate
        state = JobState.CHECKING if is_out else JobState.RUNNING
        return replace(job, cursor=last, state=state), max(BETWEEN_S, ceil(count / job.rate_per_second))

    def _sent(self, target: Target) -> Target:
        job, name = self.job, target.charge_point_id
        try:
            self.access.check(job.issued_by, name, job.action)
            row = issue.charge_point(name, self.ports)
            self.access.check_row(job.issued_by, row, job.action)
            wanted, ttl = sending.wanted(job.action, job.payload, row, self.ports)
            was_healthy = self._is_healthy(name)
            asked = Asked(job.issued_by, ttl, Key(f"job {job.job_id} {name}", job.job_id))
            command = issue.issue(row, wanted, asked, self.ports, self.settings)
        except ProblemError as problem:
            told = {"code": problem.code, "detail": problem.detail}
            return replace(target, command_id=problem.members.get("commandId"), problem=told)
        return replace(target, command_id=command.command_id, was_healthy=was_healthy)

    def _is_healthy(self, charge_point_id: str) -> bool:
        row = self.ports.registry.find_many([charge_point_id]).get(charge_point_id)
        is_there = row is not None and issue.route_of(row, self.ports) is not None
        return is_there and row is not None and all(state.status != "Faulted" for state in row.connectors.values())

    def _ended(self, state: JobState, reason: str | None) -> Job:
        return replace(self.job, state=state, reason=reason, ended_at=self.ports.now())


def _fits(row: ChargePoint, wanted: dict[str, object]) -> bool:
    told = {"all": True, "model": row.boot and row.boot.model, "firmware": row.boot and row.boot.firmware}
    return all(told[name] == value for name, value in wanted.items())


def _add(outcomes: Outcomes, outcome: str) -> None:
    outcomes[outcome] = outcomes.get(outcome, 0) + 1
