"""AWS for tests: one emulator for the whole run.

    @pytest.mark.e2e
    def test_something(aws):
        aws.client("iot").create_thing(thingName="CP-001")

It is shared and keeps what tests make: use names of your own, or `infra.local.cloud.running(tmp_path)` for one alone.
"""

from collections.abc import Iterator

import pytest

from infra.local.cloud import AWS, running


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    """An empty AWS on free loopback ports."""
    with running(tmp_path_factory.mktemp("aws")) as cloud:
        yield cloud
