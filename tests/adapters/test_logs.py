"""Logs as operators find them: in a process of its own, because there is one logging per process."""

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from adapters import logs
logs.configure()
log = structlog.get_logger("x")
log.debug("frame", charge_point_id="CP-1")
log.info("connected", charge_point_id="CP-1", version=object, at={1: 2})
logging.getLogger("asyncio").error("slow %s", "callback")
logging.getLogger("botocore").info("nothing for operators")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("record not processed")
"""


def run(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_every_line_is_a_json_object_on_stderr() -> None:
    done = run()

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.stdout == ""
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "connected"),
        ("error", "slow callback"),
        ("error", "record not processed"),
    ]
    assert (lines[0]["charge_point_id"], lines[1]["logger"]) == ("CP-1", "asyncio")
    assert lines[0]["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in lines[2]["exception"]


def test_a_person_may_ask_for_readable_lines_and_for_frames() -> None:
    done = run(OCPPGW_LOG="console", OCPPGW_LOG_LEVEL="debug")

    assert "frame" in done.stderr
    assert "charge_point_id=CP-1" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_style_that_does_not_exist_stops_the_start_with_one_sentence() -> None:
    done = run(OCPPGW_LOG="xml")

    assert (done.returncode, done.stderr) == (1, "OCPPGW_LOG is 'xml': it must be one of json, console.\n")
