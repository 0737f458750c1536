"""What goes with commands, in memory: the lines they wait in, what guards them, and jobs."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from domain import buckets
from domain.jobs import Job, Target
from domain.models import Claim, Command


class MemoryCommandLines:
    """CommandLines in dicts."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, datetime]] = defaultdict(dict)

    def put(self, line: str, command: Command) -> None:
        self._lines[line][command.command_id] = command.created_at

    def waiting(self, line: str) -> Sequence[str]:
        its = self._lines.get(line, {})
        return sorted(its, key=lambda command_id: its[command_id])

    def take(self, line: str, command_id: str) -> bool:
        return self._lines.get(line, {}).pop(command_id, None) is not None


class MemoryCommandGuards:
    """CommandGuards in dicts."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[Claim, datetime]] = {}
        self._full_at: dict[str, datetime] = {}
        self._lock = Lock()

    def claim(self, key: str, claim: Claim, now: datetime, until: datetime) -> Claim:
        with self._lock:
            if key not in self._claims or self._claims[key][1] <= now:
                self._claims[key] = claim, until
            return self._claims[key][0]

    def spend(self, bucket: str, per_minute: int, now: datetime) -> float:
        with self._lock:
            self._full_at[bucket], wait_s = buckets.spend(self._full_at.get(bucket), per_minute, now)
            return wait_s


class MemoryJobs:
    """Jobs and Targets in dicts."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._targets: dict[tuple[str, int], Target] = {}
        self._lock = Lock()

    def add(self, job: Job) -> None:
        self._jobs.setdefault(job.job_id, job)

    def find(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def save(self, job: Job, step: int) -> bool:
        with self._lock:
            if job.job_id not in self._jobs or self._jobs[job.job_id].step != step:
                return False
            self._jobs[job.job_id] = job
            return True

    def newest(self, limit: int, after: tuple[datetime, str] | None = None) -> Sequence[Job]:
        ordered = sorted(self._jobs.values(), key=_age, reverse=True)
        return [job for job in ordered if after is None or _age(job) < after][:limit]

    def plan(self, target: Target) -> None:
        self._targets.setdefault((target.job_id, target.number), target)

    def note(self, target: Target) -> None:
        self._targets[target.job_id, target.number] = target

    def of_job(self, job_id: str, first: int, count: int) -> Sequence[Target]:
        wanted = ((job_id, number) for number in range(first, first + count))
        return [self._targets[key] for key in wanted if key in self._targets]


class MemoryJobQueue:
    """JobQueue as a list; the first to be due comes first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, int, int]] = []

    def send(self, job_id: str, step: int, delay_s: int) -> None:
        self.waiting.append((job_id, step, delay_s))


def _age(job: Job) -> tuple[datetime, str]:
    return job.created_at, job.job_id
