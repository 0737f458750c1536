"""AWS on this machine: the process `python -m infra.local.emulator PORT SAVE_EVERY_S`, see infra/local/cloud.py.

ministack reads its settings from the environment when it is imported, so whoever starts this process sets them.
Seven things are ours: nothing listens beyond the loopback, the state is saved while running, not only at the end,
functions that want large batches of a queue get them and queues may be long (infra/local/batches.py), the broker finds
subscribers by topic (infra/local/subscriptions.py), rules read user properties (infra/local/user_properties.py), an
invocation is over soon after it has answered, and the next look at the queues comes soon.
"""

import asyncio
import logging
import os
import signal
import sys
from asyncio import base_events
from contextlib import nullcontext
from typing import Any

from infra.local.batches import bear_long_queues, hand_out_whole_batches
from infra.local.subscriptions import find_subscribers_by_topic
from infra.local.user_properties import let_rules_read_user_properties

LOG_STREAMS = 500  # of each function
SHUTDOWN_S = 4.0
LOOPBACK = "127.0.0.1"
_EVERYWHERE = (None, "", "0.0.0.0", "::")  # noqa: S104  what we refuse to bind
# Log streams, one for every invocation of a Lambda, would outgrow everything else.
_NOT_SAVED = frozenset({"cloudwatch_logs", "cloudtrail"})

logger = logging.getLogger("infra.local.emulator")


def bind_to_loopback_only() -> None:
    """Make every server of this process that would listen everywhere listen on 127.0.0.1.

    ministack's MQTT listener has 0.0.0.0 hard-coded.
    """
    create_server = base_events.BaseEventLoop.create_server

    async def on_loopback(
        self: base_events.BaseEventLoop, factory: Any, host: Any = None, port: Any = None, **more: Any
    ) -> Any:
        if more.get("sock") is None and host in _EVERYWHERE:
            host = LOOPBACK
        return await create_server(self, factory, host, port, **more)

    base_events.BaseEventLoop.create_server = on_loopback  # type: ignore[method-assign,assignment]


def wait_briefly_for_last_words() -> None:
    """Wait 10 ms instead of 50 for what a Lambda that logged nothing may still log.

    A queue has two invocations at a time here: 400 records a second were the most it could get rid of.
    """
    from ministack.core.lambda_runtime import Worker

    # Private, too: first_line_wait, idle_confirm, hard_cap.
    Worker._drain_stderr_bounded.__defaults__ = (0.010, 0.005, 0.250)


def look_again_soon() -> None:
    """Wait 5 ms instead of 50 before the next look at the queues, if there was nothing to hand out at the last.

    There is nothing while both invocations of a queue are under way, and every message that comes is a reason to look.
    """
    from ministack.services import lambda_svc

    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = 0.005  # private, too


def keep_out_of_the_state(names: frozenset[str]) -> None:
    """Leave these services out of what is saved, also by ministack's own save at a clean shutdown."""
    import ministack.app

    # Private, hence the pinned version and a test of a restart.
    everything = ministack.app._build_persistence_save_dict
    ministack.app._build_persistence_save_dict = lambda: {
        name: state for name, state in everything().items() if name not in names
    }


def save() -> None:
    """Write the state of every service that was used to the state directory; each file is replaced as a whole."""
    import ministack.app
    from ministack.core import persistence

    persistence.save_all(ministack.app._build_persistence_save_dict())


def forget_old_logs() -> None:
    """Keep the newest log streams of every group: there is one for each invocation of a Lambda."""
    logs = sys.modules.get("ministack.services.cloudwatch_logs")
    groups = [] if logs is None else list(logs._log_groups._data.values())
    for streams in (group["streams"] for group in groups):
        for name in list(streams)[:-LOG_STREAMS]:
            del streams[name]


async def _save_regularly(every_s: float) -> None:
    # On the loop: a request that changes a dict in the middle of its being written would fail the write.
    while True:
        await asyncio.sleep(every_s)
        save()
        forget_old_logs()


async def serve(port: int, save_every_s: float) -> None:
    """Serve until SIGTERM or SIGINT, and don't return."""
    import ministack.app
    from uvicorn import Config, Server

    # Not ministack's hypercorn, which parses HTTP in Python: that was more work than all that was asked of AWS.
    config = Config(
        ministack.app.app, LOOPBACK, port, http="httptools", ws="websockets-sansio", lifespan="on", log_config=None,
        access_log=False, server_header=False, date_header=False, timeout_keep_alive=75,
        timeout_graceful_shutdown=1,  # long polls don't end by themselves
    )  # fmt: skip
    server = Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    saving = asyncio.create_task(_save_regularly(save_every_s), name="save")
    serving = asyncio.create_task(server.serve(), name="serve")
    serving.add_done_callback(lambda _: stop.set())
    await stop.wait()
    saving.cancel()
    save()  # first of all: whoever stops us may not be patient
    server.should_exit = True
    await asyncio.wait([serving], timeout=SHUTDOWN_S)
    logging.shutdown()
    # Not a plain return: asyncio would wait for threads in the middle of a 20 s long poll or a Lambda's work.
    os._exit(0)


def main() -> None:
    """Run the emulator: its port and the seconds between two saves are the arguments."""
    bind_to_loopback_only()
    # What Lambdas log is INFO to the emulator, and all that we hear of them.
    logging.getLogger("lambda").setLevel(logging.INFO)
    keep_out_of_the_state(_NOT_SAVED)
    hand_out_whole_batches()
    find_subscribers_by_topic()
    bear_long_queues()
    let_rules_read_user_properties()
    wait_briefly_for_last_words()
    look_again_soon()
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))


if __name__ == "__main__":
    main()
