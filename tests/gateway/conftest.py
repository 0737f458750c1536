"""An authority, and the certificate of a server that it issued."""

from pathlib import Path

import pytest

from tests.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> tuple[Path, Path]:
    leaf = authority.issue("localhost", server=True)
    return leaf.certificate, leaf.key
