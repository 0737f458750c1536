"""Fixtures for every test: see the plugins."""

pytest_plugins = ["tests.brokers", "tests.clouds", "tests.house"]
