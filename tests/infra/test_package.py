"""The zip with the functions' code."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.package import LEFT_OUT, PACKAGES, ROOT, key_of, pack

# Each of these is 5 % of a cold start or more (`python -m bench.cold_start`).
NEEDLESS = {
    "aws_lambda_powertools", "boto3", "cryptography", "domain.tariffs", "jsonschema", "prometheus_client", "pydantic",
    "pydantic_settings", "s3transfer",
}  # fmt: skip

IMPORT_HANDLERS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import processors.lambda_handler, remote_commands.lambda_handler, fleet.lambda_handler, telemetry.lambda_handler
import canary.lambda_handler
files = {name: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
print(json.dumps([name for name, file in files.items() if file.startswith(sys.argv[2])]))
"""


def names(code: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        return archive.namelist()


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_handlers_of_the_template_are_in_the_zip() -> None:
    inside = names(pack())

    assert {
        "processors/lambda_handler.py",
        "remote_commands/lambda_handler.py",
        "fleet/lambda_handler.py",
        "telemetry/lambda_handler.py",
        "ocppj/frames.py",
        "web/front.py",
    } <= set(inside)
    assert not [name for name in inside if name.startswith(("gateway/", "infra/", "tests/")) or "__pycache__" in name]


def test_the_same_code_is_the_same_zip_whenever_it_is_packed(tmp_path: Path) -> None:
    root = write(tmp_path, **{"ocppj/frames": "1"})
    first = pack(root=root)
    (root / "ocppj" / "frames.py").touch()
    (root / "ocppj" / "__pycache__").mkdir()
    (root / "ocppj" / "__pycache__" / "frames.pyc").write_text("compiled")

    second = pack(root=root)

    assert first == second


def test_other_code_has_another_key(tmp_path: Path) -> None:
    root = write(tmp_path, **{"ocppj/frames": "1"})
    before = key_of(pack(root=root))
    write(root, **{"ocppj/frames": "2"})

    after = key_of(pack(root=root))

    assert before != after


def test_wheels_are_packed_beside_our_packages_and_never_over_them(tmp_path: Path) -> None:
    root = write(tmp_path / "ours", **{"ocppj/frames": "ours"})
    wheels = write(tmp_path / "wheels", **{"orjson/__init__": "theirs", "ocppj/frames": "theirs"})

    code = pack(wheels, root)

    assert names(code) == ["ocppj/frames.py", "orjson/__init__.py"]
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        assert archive.read("ocppj/frames.py") == b"ours"


def test_bytecode_of_the_wheels_is_packed_and_what_no_function_needs_is_not(tmp_path: Path) -> None:
    root = write(tmp_path / "ours", **{"ocppj/frames": "1", "ocppj/__pycache__/frames": "1"})
    wheels = write(
        tmp_path / "wheels",
        **{"orjson/__init__": "1", "orjson/__pycache__/__init__": "1", "rich/__init__": "1", "orjson.dist-info/x": "1"},
    )

    inside = names(pack(wheels, root))

    assert inside == ["ocppj/frames.py", "orjson/__init__.py", "orjson/__pycache__/__init__.py"]


def test_the_functions_do_without_what_is_left_out_of_the_zip() -> None:
    handlers = [f"{name}.lambda_handler" for name in ("processors", "remote_commands", "fleet", "telemetry")]
    script = f"import sys; sys.modules.update(dict.fromkeys({LEFT_OUT!r})); import {', '.join(handlers)}"

    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_a_cold_start_of_the_processors_imports_nothing_slow_that_it_does_not_need() -> None:
    script = "import sys, processors.lambda_handler; print(*sys.modules)"

    imported = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)

    assert not NEEDLESS & set(imported.stdout.split())


@pytest.mark.e2e
def test_the_handlers_need_nothing_of_ours_that_is_not_in_the_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(pack())) as archive:
        archive.extractall(tmp_path)

    command = [sys.executable, "-I", "-c", IMPORT_HANDLERS, str(tmp_path), str(ROOT)]
    imported = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    # The working tree is importable too, and would serve what is missing in the zip.
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert not [name for name in json.loads(imported) if name.partition(".")[0] in packages]


def test_everything_that_is_installed_gets_into_the_image() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} - {"bench", "tests"}

    assert packages | {"cli.py", "pyproject.toml", "requirements.lock"} <= allowed
    assert set(PACKAGES) <= packages
