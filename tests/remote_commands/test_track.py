from domain.models import CommandState
from tests.remote_commands.desk import NOON, Desk

BODY = {"chargePointId": "CP1", "idTag": "ABC"}


def sent_command() -> Desk:
    desk = Desk()
    desk.connect("CP1")
    desk.post("/remote-start-transaction", BODY)
    return desk


def test_a_command_whose_time_is_over_has_timed_out_though_nobody_said_so() -> None:
    desk = sent_command()

    desk.clock.sleep(34.9)
    before = desk.get("/commands/cmd-1").body["state"]
    desk.clock.sleep(0.2)
    after = desk.get("/commands/cmd-1").body["state"]

    assert (before, after) == ("sent", "timeout")


def test_a_time_out_that_was_told_stays_true() -> None:
    desk = sent_command()
    desk.clock.sleep(36)

    told = desk.get("/charge-points/CP1/commands").body["data"][0]["state"]
    moved = desk.commands.move("cmd-1", CommandState.ACCEPTED, answer={"status": "Accepted"})

    assert told == "timeout"
    assert moved is not None
    assert moved.state is CommandState.TIMEOUT


def test_an_answer_in_time_is_told_however_late_somebody_asks() -> None:
    desk = sent_command()
    desk.commands.move("cmd-1", CommandState.REJECTED, answer={"status": "Rejected"}, answered_at=NOON)

    desk.clock.sleep(3600)

    assert desk.get("/commands/cmd-1").body["state"] == "rejected"


def test_a_late_answer_is_shown_beside_the_time_out() -> None:
    desk = sent_command()
    desk.clock.sleep(36)
    desk.get("/commands/cmd-1")

    desk.commands.note("cmd-1", late_answer={"status": "Accepted"})

    body = desk.get("/commands/cmd-1").body
    assert (body["state"], body["answer"], body["lateAnswer"]) == ("timeout", None, {"status": "Accepted"})


def test_who_waits_looks_often_at_first_and_rarely_later() -> None:
    desk = sent_command()

    desk.get("/commands/cmd-1", prefer="wait=25")

    assert desk.clock.slept[0] <= 0.05
    assert 0.3 < max(desk.clock.slept) <= 1
