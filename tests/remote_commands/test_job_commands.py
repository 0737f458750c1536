import json

from ocppj.versions import V16
from remote_commands import job_steps
from remote_commands.settings import Settings
from tests.remote_commands.desk import Desk
from tests.remote_commands.front import serving
from tests.remote_commands.test_main import run
from web.access import Access

JSON = ("--output", "json")


def test_a_job_is_started_shown_listed_and_cancelled() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    with serving(desk) as port:
        started = run(
            port, "job", "start", "reset", '{"type": "force"}', "--id", "CP1", "--rate", "2", "--canary", "10", *JSON
        )
        asked = ("get cmd-1", "list", "results cmd-1", "cancel cmd-1")
        results = [run(port, "job", *rest.split(), *JSON) for rest in asked]

    assert [each.exit_code for each in (started, *results)] == [0] * 5, started.output
    assert json.loads(started.stdout)["canaryPercent"] == 10
    assert [each["jobId"] for each in json.loads(results[1].stdout)["data"]] == ["cmd-1"]
    assert json.loads(results[3].stdout)["state"] == "cancelled"


def test_jobs_are_tables_for_people() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    with serving(desk) as port:
        started = run(port, "job", "start", "reset", "--id", "CP1", "--id", "[CP2]")
        for step in range(3):
            job_steps.run("cmd-1", step, desk.ports, desk.work, Settings(), Access())
        told = [run(port, "job", *rest.split()).stdout for rest in ("get cmd-1", "list", "results cmd-1 --limit 1")]

    assert started.exit_code == 0, started.output
    assert "planning" in started.stdout and "0 of ?" in started.stdout
    assert "running" in told[0] and "2 of 2" in told[0]
    assert "job " in told[1] and "sent 1, refused 1" in told[1]
    assert "CP1" in told[2] and "more with --cursor" in told[2] and "[CP2]" not in told[2]


def test_a_job_nobody_could_do_is_one_sentence_and_1() -> None:
    with serving(Desk()) as port:
        wrong = run(port, "job", "start", "reset", "{")
        refused = run(port, "job", "start", "reset")
        unknown = run(port, "job", "get", "none")

    assert [each.exit_code for each in (wrong, refused, unknown)] == [1, 1, 1]
    assert wrong.stderr.startswith("The payload is not JSON")
    assert refused.stderr.startswith("The request has wrong fields: /selector")
    assert unknown.stderr == "No such job: there is no job 'none'.\n"
    assert "Traceback" not in wrong.output + refused.output + unknown.output
