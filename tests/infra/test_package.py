"""The zip with the functions' code."""

import io
import zipfile
from pathlib import Path

from infra.package import key_of, pack


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

    assert {"processors/lambda_handler.py", "remote_commands/lambda_handler.py", "ocppj/frames.py"} <= set(inside)
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
