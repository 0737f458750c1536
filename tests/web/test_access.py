from pathlib import Path

import pytest

from web import access
from web.access import AccessError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokens", "{"),
        ("tokens", '{"olga": 7}'),
        ("policy", '{"olga": [{"chargePoints": "*"}]}'),
        ("policy", None),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence_that_names_the_variable(
    tmp_path: Path, name: str, content: str | None
) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(AccessError) as caught:
        access.load(**{"tokens": None, "policy": None, name: path})

    assert str(caught.value).startswith(f"OCPPGW_{'API_TOKENS' if name == 'tokens' else 'POLICY'} names {path}, which ")
    assert "\n" not in str(caught.value)
