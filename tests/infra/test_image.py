"""The image: what its Dockerfile promises, and what its commands make."""

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from infra.local.cloud import free_port
from tests.brokers import Mosquitto
from tests.infra.dockerfile import ROOT, Stage, build, command, environment, stages
from tests.infra.processes import wait_until

INDEX = "https://pypi.org/simple/pip/"


@pytest.fixture
def build_stage() -> Stage:
    return stages()[0]


@pytest.fixture
def image() -> Stage:
    return stages()[-1]


def locked() -> dict[str, str]:
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in pins}


def test_hadolint_has_nothing_to_say() -> None:
    said = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True
    )

    assert (said.returncode, said.stdout) == (0, "")


def test_both_stages_have_the_same_slim_python(build_stage: Stage, image: Stage) -> None:
    assert build_stage.base == image.base
    assert re.fullmatch(r"python:3\.\d+-slim(-\w+)?(@sha256:[0-9a-f]{64})?", image.base)


def test_the_image_only_takes_what_was_built_and_is_nobody_special(image: Stage) -> None:
    assert image.all("RUN") == []
    assert image.all("COPY") == ["--from=build /venv /venv"]
    assert image.only("USER") == "10001:10001"


def test_everything_that_is_installed_is_pinned(build_stage: Stage) -> None:
    installs = [step for step in build_stage.all("RUN") if "pip install" in step]

    assert all("--constraint requirements.lock" in step or "--no-deps ." in step for step in installs)
    assert re.search(r'^requires = \["setuptools==[\d.]+"\]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_commands_of_the_dockerfile_make_a_gateway_that_says_how_it_is(
    tmp_path: Path, build_stage: Stage, image: Stage, mosquitto: Mosquitto
) -> None:
    try:
        urllib.request.urlopen(INDEX, timeout=10).close()
    except urllib.error.URLError as error:
        pytest.skip(f"{INDEX} can't be reached ({error.reason}): nobody tries what the image is made of")

    venv = build(build_stage, tmp_path)

    listed = subprocess.run([venv / "bin/pip", "list", "--format=freeze"], check=True, capture_output=True, text=True)
    installed = dict(line.lower().replace("_", "-").split("==") for line in listed.stdout.splitlines())
    ours = installed.keys() - {"pip", "setuptools", "ocpp-gateway"}  # setuptools comes with the venv before 3.12
    assert {name: installed[name] for name in ours} == {name: locked().get(name) for name in ours}
    assert not ours & {"pytest", "mypy", "ministack", "aws-cdk-lib", "boto3-stubs"}
    admin_port = free_port()
    settings = {"OCPPGW_ADMIN_PORT": str(admin_port), "OCPPGW_WS_PORT": str(free_port()), "OCPPGW_OPEN_TO_NETWORK": "1"}
    variables = environment(image, venv) | settings
    entry, *arguments = command(image.only("ENTRYPOINT"))
    start = [*arguments, "gateway", "--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}", "--registry", "open"]
    gateway = subprocess.Popen([venv / "bin" / entry, *start], env=variables, cwd=tmp_path, stderr=subprocess.DEVNULL)
    check = [word.replace("/proc/1/", f"/proc/{gateway.pid}/") for word in command(image.only("HEALTHCHECK"))]

    def is_healthy() -> bool:
        program = venv / "bin" / check[0]
        return subprocess.run([program, *check[1:]], env=variables, stderr=subprocess.DEVNULL).returncode == 0

    try:
        wait_until(is_healthy)
        gateway.send_signal(signal.SIGSTOP)  # it is there, and does not answer
        assert not is_healthy()
    finally:
        gateway.kill()
        gateway.wait()
