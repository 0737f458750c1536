"""Packs the code of the Lambda functions into one zip: same code, same bytes, same name.

Locally our own packages are enough, since the emulator's Lambdas run on this Python with what it has installed.
For AWS, `wheels` is a directory filled by `pip install --target` with the dependencies for its platform.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("ocppj", "domain", "adapters", "web", "processors", "remote_commands", "fleet", "telemetry")
_SKIPPED = ("__pycache__", ".dist-info")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can tell
_READABLE = 0o644 << 16


def pack(wheels: Path | None = None, root: Path = ROOT) -> bytes:
    """The zip with our packages and, if given, everything in `wheels`."""
    files = {path.relative_to(root).as_posix(): path for name in PACKAGES for path in _files(root / name)}
    if wheels is not None:
        files = {path.relative_to(wheels).as_posix(): path for path in _files(wheels)} | files
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


def _files(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        if path.is_file() and not any(skipped in str(path) for skipped in _SKIPPED):
            yield path
