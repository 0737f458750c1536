"""The addresses of jobs."""

from urllib.parse import unquote

from domain.jobs import Job
from ocppj import timestamps
from remote_commands import guards, jobs
from remote_commands.issue import Ports
from remote_commands.jobs import JobPorts, NewJob
from remote_commands.settings import Settings
from web import fields
from web.front import Answer, Front, answer, page, wrong_cursor

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
MAX_ID = 64


class JobsApi:
    """`POST /jobs` and what can be asked about one."""

    def __init__(self, front: Front, ports: Ports, work: JobPorts, settings: Settings) -> None:
        self.front = front
        self.ports = ports
        self.work = work
        self.settings = settings
        front.serve("/jobs", GET=self.list, POST=self.start)
        front.serve("/jobs/<job_id>", GET=self.show)
        front.serve("/jobs/<job_id>/results", GET=self.results)
        front.serve("/jobs/<job_id>/cancel", POST=self.cancel)

    def start(self) -> Answer:
        body = fields.read(NewJob, self.front.body())
        key = guards.key_of(self.front)
        job = jobs.start(body, self.front.caller(), key, self.front.access, self.ports, self.work)
        return answer(202, jobs.as_json(job), {"Location": f"/jobs/{job.job_id}"})

    def list(self) -> Answer:
        limit = self.front.number("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
        found = self.work.jobs.newest(limit + 1, guards.after(self.front.cursor()))
        caller = self.front.caller()
        shown = [jobs.as_json(job) for job in found[:limit] if jobs.is_seen(job, caller, self.front.access)]
        last = found[limit - 1] if len(found) > limit else None
        return page("/jobs", shown, limit, f"{timestamps.write(last.created_at)} {last.job_id}" if last else None)

    def show(self, job_id: str) -> Answer:
        return answer(200, jobs.as_json(self._job(job_id)))

    def results(self, job_id: str) -> Answer:
        limit = self.front.number("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
        job, first = self._job(job_id), _number(self.front.cursor())
        targets = self.work.targets.of_job(job.job_id, first, min(limit, job.total - first))
        shown = [jobs.result(target, self.ports, self.settings) for target in targets]
        after = str(first + limit) if first + limit < job.total else None
        return page(f"/jobs/{job.job_id}/results", shown, limit, after)

    def cancel(self, job_id: str) -> Answer:
        return answer(200, jobs.as_json(jobs.cancel(self._job(job_id), self.ports, self.work)))

    def _job(self, job_id: str) -> Job:
        return jobs.find(unquote(job_id)[:MAX_ID], self.front.caller(), self.front.access, self.work)


def _number(cursor: str | None) -> int:
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 9):
        raise wrong_cursor()
    return int(cursor or 0)
