"""Password hashes: what matches, what doesn't, what is damaged."""

import base64

import pytest

from domain import credentials
from domain.credentials import HashFormatError

SALT = b"0123456789abcdef"


def test_a_generated_secret_matches_its_hash_and_nothing_else() -> None:
    stored = credentials.hash_generated(b"\x00\xffsecret", b"pepper", SALT)

    assert credentials.matches(stored, b"\x00\xffsecret", b"pepper")
    assert not credentials.matches(stored, b"\x00\xffSecret", b"pepper")
    assert not credentials.matches(stored, b"", b"pepper")


def test_a_stolen_table_is_worth_nothing_without_the_pepper() -> None:
    stored = credentials.hash_generated(b"secret", b"pepper", SALT)

    assert not credentials.matches(stored, b"secret", b"")


def test_an_imported_password_matches_whatever_the_pepper() -> None:
    stored = credentials.hash_imported(b"hunter2", SALT)

    assert credentials.matches(stored, b"hunter2", b"pepper")
    assert not credentials.matches(stored, b"hunter3", b"pepper")
    assert (credentials.is_slow(stored), stored.split("$")[:4]) == (True, ["scrypt", "16384", "8", "1"])


def test_the_same_secret_with_another_salt_has_another_hash() -> None:
    hashes = {credentials.hash_generated(b"secret", b"", salt) for salt in (b"a" * 16, b"b" * 16)}

    assert len(hashes) == 2


def test_the_format_is_the_published_one() -> None:
    # RFC 4231 test case 2: key "Jefe", data "what do ya want for nothing?".
    digest = bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")

    stored = credentials.hash_generated(b"ya want for nothing?", b"Jefe", b"what do ")

    assert stored == f"hmac-sha256${base64.b64encode(b'what do ').decode()}${base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain",
        "md5$YQ==$YQ==",
        "hmac-sha256$YQ==",
        "hmac-sha256$$YQ==",
        "hmac-sha256$not base64$YQ==",
        "scrypt$x$8$1$YQ==$YQ==",
        "scrypt$16383$8$1$YQ==$YQ==",
        "scrypt$1073741824$8$1$YQ==$YQ==",
    ],
)
def test_a_damaged_hash_is_said_to_be_damaged(stored: str) -> None:
    with pytest.raises(HashFormatError, match="password hash"):
        credentials.check(stored)
