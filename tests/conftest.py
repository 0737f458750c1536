"""Fixtures for every test: see the plugins. With OCPPGW_NO_SKIPS=1, as in CI, a skipped test fails the run."""

import gc
import os
from collections.abc import Generator

import pytest

pytest_plugins = ["tests.brokers", "tests.clouds", "tests.house", "tests.infra.synthesised"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector what thousands of tests are made of, now and while they run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that was told to skip nothing and did."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if skipped and os.environ.get("OCPPGW_NO_SKIPS") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
