"""Jobs: one command for many charge points. No process owns one: it advances a step with each message of a queue."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from domain.models import ChargePoint
from domain.pages import Ask, Page

QUEUE = "JobSteps"


class JobState(StrEnum):
    """planning = finding its charge points; checking = the canaries are out, the others wait for what they show."""

    PLANNING = "planning"
    RUNNING = "running"
    CHECKING = "checking"
    COMPLETED = "completed"
    STOPPED = "stopped"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobState.COMPLETED, JobState.STOPPED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Job:
    """What is sent to whom, how fast, when to stop, and how far it is.

    `step` counts the messages that were processed: a write is conditional on it. The targets below `cursor` have had
    their command sent, those below `settled` are done with; `walked` is how far planning is. `counts` are the
    outcomes of what is settled, `outcomes` of everything that was sent. With `canary_percent` a job is a campaign:
    its commands must have their effect, and the first of them before the others go.
    """

    job_id: str
    action: str
    payload: dict[str, Any]
    selector: dict[str, Any]
    rate_per_second: float
    state: JobState
    created_at: datetime
    stop_after_failures: int | None = None
    canary_percent: float | None = None
    soak_s: int = 0
    issued_by: str | None = None
    step: int = 0
    walked: str | None = None
    total: int = 0
    cursor: int = 0
    settled: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    is_past_gate: bool = False
    soaks_until: datetime | None = None
    reason: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One charge point of a job: the command it was sent, or the problem why not; and how it was just before."""

    job_id: str
    number: int
    charge_point_id: str
    planned_at: datetime
    command_id: str | None = None
    problem: dict[str, Any] | None = None
    was_healthy: bool | None = None

    @property
    def is_sent(self) -> bool:
        return self.command_id is not None or self.problem is not None


class Jobs(Protocol):
    """Jobs, kept 90 days."""

    def add(self, job: Job) -> None:
        """Store a new job."""

    def find(self, job_id: str) -> Job | None:
        """One job, read consistently."""

    def save(self, job: Job, step: int) -> bool:
        """Replace a job that is at this step; False (and nothing changed) if it is at another."""

    def newest(self, limit: int, after: tuple[datetime, str] | None = None) -> Sequence[Job]:
        """The newest jobs, newest first, after the one that was created then and has this id."""


class Targets(Protocol):
    """The charge points of jobs, in their order."""

    def plan(self, target: Target) -> None:
        """Store a target unless there is one of this number."""

    def note(self, target: Target) -> None:
        """Replace a target."""

    def of_job(self, job_id: str, first: int, count: int) -> Sequence[Target]:
        """So many targets by number, from the first on."""


class JobQueue(Protocol):
    """Where jobs wait for their next step."""

    def send(self, job_id: str, step: int, delay_s: int) -> None:
        """Have this step made in so many seconds, 900 at most."""


class Roster(Protocol):
    """All charge points, page by page (domain.administration)."""

    def page(self, partner: str | None, ask: Ask) -> Page[ChargePoint]:
        """Charge points in the order of their ids; of a partner, or of everybody."""
