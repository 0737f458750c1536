"""Packs the code of the Lambda functions into one zip: same code, same bytes, same name.

Locally our own packages are enough, since the emulator's Lambdas run on this Python with what it has installed.
For AWS, `wheels` is a directory filled by `pip install --target` with the dependencies for its platform. Bytecode
there is packed, too: without it each cold start compiles everything. It must not depend on the time of its source,
which a zip doesn't keep: `python3.13 -m compileall --invalidation-mode unchecked-hash`.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "ocppj",
    "domain",
    "adapters",
    "web",
    "processors",
    "remote_commands",
    "fleet",
    "telemetry",
    "events",
    "canary",
)
# Of the wheels, what no function needs: some libraries import rich and awscrt where they find them, which takes long.
LEFT_OUT = (
    "aiomqtt", "awscrt", "awsiot", "mqtt5", "paho", "pygments", "rich", "typer", "uvloop",
)  # fmt: skip
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can tell
_READABLE = 0o644 << 16


def pack(wheels: Path | None = None, root: Path = ROOT) -> bytes:
    """The zip with our packages and, if given, everything in `wheels`."""
    files = dict(_ours(root))
    if wheels is not None:
        files = dict(_theirs(wheels)) | files
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def key_of(code: bytes) -> str:
    """The S3 key of a zip: another one for other code, so that CloudFormation sees that it changed."""
    return f"code/{hashlib.sha256(code).hexdigest()[:32]}.zip"


def _ours(root: Path) -> Iterator[tuple[str, Path]]:
    for name in PACKAGES:
        for path in (root / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:  # of this Python, which is not AWS's
                yield path.relative_to(root).as_posix(), path


def _theirs(wheels: Path) -> Iterator[tuple[str, Path]]:
    for path in wheels.rglob("*"):
        name = path.relative_to(wheels)
        if path.is_file() and name.parts[0] not in LEFT_OUT and not name.parts[0].endswith(".dist-info"):
            yield name.as_posix(), path
