import json

from ocppj.versions import V16
from tests.remote_commands.desk import Desk
from tests.remote_commands.front import serving
from tests.remote_commands.test_main import run


def test_a_job_is_started_shown_listed_and_cancelled() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    with serving(desk) as port:
        started = run(
            port, "job", "start", "reset", '{"type": "force"}', "--id", "CP1", "--rate", "2", "--canary", "10"
        )
        results = [run(port, "job", *rest.split()) for rest in ("get cmd-1", "list", "results cmd-1", "cancel cmd-1")]

    assert [each.exit_code for each in (started, *results)] == [0] * 5, started.output
    assert json.loads(started.stdout)["canaryPercent"] == 10
    assert [each["jobId"] for each in json.loads(results[1].stdout)["data"]] == ["cmd-1"]
    assert json.loads(results[3].stdout)["state"] == "cancelled"


def test_a_job_nobody_could_do_is_one_sentence_and_1() -> None:
    with serving(Desk()) as port:
        wrong = run(port, "job", "start", "reset", "{")
        refused = run(port, "job", "start", "reset")
        unknown = run(port, "job", "get", "none")

    assert [each.exit_code for each in (wrong, refused, unknown)] == [1, 1, 1]
    assert wrong.stderr.startswith("The payload is not JSON")
    assert "Traceback" not in wrong.output + refused.output + unknown.output
