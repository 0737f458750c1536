"""Jobs: what a caller may ask for, and what they are told of one. Its steps are in `job_steps`."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from domain import effects, secrets
from domain.jobs import Job, JobQueue, Jobs, JobState, Roster, Target, Targets
from domain.models import ChargePoint, Claim, Connection
from ocppj import schemas, timestamps
from ocppj.versions import VERSIONS, Version
from remote_commands import sending, track
from remote_commands.errors import ProblemError
from remote_commands.guards import KEPT, Key
from remote_commands.issue import Ports
from remote_commands.settings import Settings
from web import problems
from web.access import Access
from web.fields import Strict, Text
from web.problems import InvalidRequestError, Wrong

MAX_IDS = 1000
MAX_RATE = 50

# What is counted as a failure. A charge point that is offline says nothing about the command.
FAILURES = frozenset({"rejected", "error", "timeout", "expired", "refused", "no_effect"})


@dataclass(frozen=True, slots=True)
class JobPorts:
    """What jobs need beside what their commands do."""

    jobs: Jobs
    targets: Targets
    queue: JobQueue
    roster: Roster


class Selector(Strict):
    """Which charge points: exactly one of these."""

    ids: Annotated[list[Text], Field(min_length=1, max_length=MAX_IDS)] | None = None
    model: Text | None = None
    firmware: Text | None = None
    all: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> "Selector":
        if len(self.model_dump(exclude_none=True)) != 1 or self.all is False:
            raise PydanticCustomError("selector", "say one of ids, model, firmware, or all: true")
        return self


class NewJob(Strict):
    """One command for many charge points; with `canaryPercent` a campaign that goes on when the first did well."""

    action: Text
    payload: dict[str, Any] = Field(default_factory=dict)
    selector: Selector
    rate_per_second: Annotated[float, Field(ge=0.01, le=MAX_RATE)] = 5
    stop_after_failures: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    canary_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    soak_seconds: Annotated[int, Field(ge=0, le=7 * 24 * 3600)] = 0


def start(body: NewJob, by: str | None, key: Key | None, access: Access, ports: Ports, work: JobPorts) -> Job:
    """Store a job and have its first step made.

    Raises:
        ProblemError: nobody could be sent this command, or this caller may not send it.
    """
    _refuse_nonsense(body, ports)
    for charge_point_id in body.selector.ids or ():
        access.check(by, charge_point_id, body.action)
    job = Job(
        job_id=ports.new_id(),
        action=body.action,
        payload=body.payload,
        selector=body.selector.model_dump(exclude_none=True),
        rate_per_second=body.rate_per_second,
        state=JobState.PLANNING,
        created_at=ports.now().replace(microsecond=ports.now().microsecond // 1000 * 1000),
        stop_after_failures=body.stop_after_failures,
        canary_percent=body.canary_percent,
        soak_s=body.soak_seconds,
        issued_by=by,
    )
    if key is not None and (earlier := _earlier(job, key, ports, work)) is not None:
        return earlier
    # Sent last: a job without a message is one that was never accepted, a message without a job is nothing.
    work.jobs.add(job)
    work.queue.send(job.job_id, job.step, 0)
    return job


def find(job_id: str, caller: str | None, access: Access, work: JobPorts) -> Job:
    """A job. Where there is a policy, a caller sees their own only.

    Raises:
        ProblemError: there is none they may see.
    """
    job = work.jobs.find(job_id)
    if job is None or not is_seen(job, caller, access):
        raise ProblemError("job-unknown", f"there is no job {job_id!r}")
    return job


def is_seen(job: Job, caller: str | None, access: Access) -> bool:
    """Whether this caller may see the job."""
    return access.policy is None or job.issued_by == caller


def cancel(job: Job, ports: Ports, work: JobPorts) -> Job:
    """End a job; commands that were sent stay sent.

    Raises:
        ProblemError: it has ended already.
    """
    found: Job | None = job
    while found is not None and not found.state.is_final:
        ended = replace(found, state=JobState.CANCELLED, step=found.step + 1, ended_at=ports.now())
        if work.jobs.save(ended, found.step):
            return ended
        found = work.jobs.find(job.job_id)
    raise ProblemError("job-over", f"the job {job.job_id} is over")


def as_json(job: Job) -> dict[str, Any]:
    """The job as a resource."""
    return {
        "jobId": job.job_id,
        "action": job.action,
        "payload": job.payload,
        "selector": job.selector,
        "ratePerSecond": job.rate_per_second,
        "stopAfterFailures": job.stop_after_failures,
        "canaryPercent": job.canary_percent,
        "soakSeconds": job.soak_s,
        "state": job.state.value,
        "reason": job.reason,
        "total": None if job.state is JobState.PLANNING else job.total,
        "sent": job.cursor,
        "outcomes": job.outcomes,
        "issuedBy": job.issued_by,
        "createdAt": timestamps.write(job.created_at),
        "endedAt": None if job.ended_at is None else timestamps.write(job.ended_at),
    }


def result(target: Target, ports: Ports, settings: Settings) -> dict[str, Any]:
    """What became of one charge point of a job."""
    command = ports.commands.find(target.command_id) if target.command_id else None
    command = track.settled(command, ports, settings) if command else None
    refused = "not_connected" if (target.problem or {}).get("code") == "charge-point-offline" else "refused"
    return {
        "chargePointId": target.charge_point_id,
        "state": command.state.value if command else refused if target.is_sent else "waiting",
        "effect": effects.state(command, ports.now()) if command else "none",
        "commandId": target.command_id,
        "problem": target.problem,
    }


def _earlier(job: Job, key: Key, ports: Ports, work: JobPorts) -> Job | None:
    wanted = Claim(job.job_id, key.digest)
    held = ports.guards.claim(key.name, wanted, job.created_at, job.created_at + KEPT)
    if held == wanted:
        return None
    found = work.jobs.find(held.command_id)
    if held.digest != key.digest or found is None:
        raise ProblemError("idempotency-key-reused", "this Idempotency-Key came with another request before")
    return found


def _refuse_nonsense(body: NewJob, ports: Ports) -> None:
    """Say at once what every charge point would be refused for, whatever version it speaks."""
    first: problems.ProblemError | None = None
    is_possible = False
    for version in VERSIONS:
        try:
            is_secret = any(secrets.has_any(payload) for payload in _payloads(body, version, ports))
        except problems.ProblemError as problem:
            # What one version has no words for another may have; a wrong field is told before a missing word.
            first = problem if first is None or isinstance(problem, InvalidRequestError) else first
            continue
        if is_secret:
            raise InvalidRequestError([Wrong("/payload", "a password is set by a command of its own")])
        is_possible = True
    if not is_possible and first is not None:
        raise first


def _payloads(body: NewJob, version: Version, ports: Ports) -> list[dict[str, Any]]:
    anybody = ChargePoint("-", connection=Connection(version, "-", 0, 0, ports.now()))
    wanted, _ = sending.wanted(body.action, body.payload, anybody, ports)
    for each in wanted:
        faults = schemas.faults(version, each.action, each.payload)
        if faults:
            raise InvalidRequestError([Wrong(f"/payload{fault.pointer}", fault.description) for fault in faults])
    return [each.payload for each in wanted]
