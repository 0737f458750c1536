"""The zip for AWS: for this platform here, from the same files but for their platform."""

import io
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from infra.package import pack
from infra.wheels import LAMBDA, install

INDEX = "https://pypi.org/simple/pip/"
# Imported only where spans are exported, and without its metadata, which the zip has none of.
SPANS = "from adapters import spans; spans.export({'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT': 'http://127.0.0.1:1/'}, '')"
HANDLERS = ("processors", "remote_commands", "fleet", "telemetry")


def distributions(directory: Path) -> set[str]:
    return {re.sub(r"[-_.]+", "-", path.stem.lower()) for path in directory.glob("*.dist-info")}


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_handlers_run_on_exactly_what_goes_to_aws(tmp_path: Path) -> None:
    try:
        urllib.request.urlopen(INDEX, timeout=10).close()
    except urllib.error.URLError as error:
        pytest.skip(f"{INDEX} can't be reached ({error.reason}): nobody tries what goes to AWS")
    for_aws, here, unpacked = tmp_path / "aws", tmp_path / "here", tmp_path / "unpacked"

    install(for_aws, *LAMBDA)
    install(here)

    assert distributions(for_aws) == distributions(here)
    assert list(for_aws.rglob("*aarch64*.so"))
    assert not list(for_aws.rglob("*x86_64*.so"))
    with zipfile.ZipFile(io.BytesIO(pack(here))) as archive:
        archive.extractall(unpacked)
    handlers = ", ".join(f"{name}.lambda_handler" for name in HANDLERS)
    script = f"import sys; sys.path.insert(0, {str(unpacked)!r}); import {handlers}; {SPANS}"
    # Neither the working tree nor what is installed here: -I -S.
    subprocess.run([sys.executable, "-I", "-S", "-c", script], cwd=tmp_path, check=True)
