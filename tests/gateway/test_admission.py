from base64 import b64encode

import pytest

from domain.credentials import hash_generated, hash_imported, salt_of
from domain.models import ChargePoint
from gateway.admission import Admitted, Policy, admit, unavailable
from gateway.handshake import read
from gateway.refusals import Refusal

PEPPER = b"pepper"
KEY = bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")


def row(secret: bytes | None = None, *, disabled: bool = False) -> ChargePoint:
    stored = hash_generated(secret, PEPPER, b"salt") if secret is not None else None
    return ChargePoint("CP1", password_hash=stored, disabled=disabled)


def ask(
    known: ChargePoint | None,
    user: bytes | None = None,
    password: bytes = b"",
    path: str = "/ocpp/CP1",
    offered: str = "ocpp1.6",
) -> Refusal | None:
    header = [] if user is None else ["Basic " + b64encode(user + b":" + password).decode()]
    verdict = admit(read(path, [offered], header), known, Policy(PEPPER))
    return None if isinstance(verdict, Admitted) else verdict


def status(refusal: Refusal | None) -> int:
    return refusal.status if refusal is not None else 101


def test_a20_an_unknown_charge_point_is_404_and_reads_what_arrived() -> None:
    refusal = ask(None, path="/ocpp/CP%20X")

    assert status(refusal) == 404
    assert refusal is not None
    assert '"CP X"' in refusal.text
    assert "/ocpp/CP%20X" in refusal.text


def test_a_known_one_without_a_password_may_come_in() -> None:
    assert ask(row()) is None
    assert ask(row(), b"anybody", b"anything") is None


def test_a_disabled_one_is_403_whatever_it_knows() -> None:
    assert status(ask(row(b"pw", disabled=True), b"CP1", b"pw")) == 403


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, b""), (b"CP1", b"wrong"), (b"CP2", b"pw"), (b"cp1", b"pw"), (b"CP1", b""), (b"", b"pw")],
)
def test_a07_a21_missing_or_wrong_credentials_are_401_with_a_challenge(user: bytes | None, password: bytes) -> None:
    refusal = ask(row(b"pw"), user, password)

    assert status(refusal) == 401
    assert refusal is not None
    assert dict(refusal.headers)["WWW-Authenticate"].startswith("Basic realm=")


def test_a21_the_right_credentials_may_come_in() -> None:
    assert ask(row(b"pw"), b"CP1", b"pw") is None


def test_a22_credentials_come_before_the_version() -> None:
    assert status(ask(row(b"pw"), b"CP1", b"wrong", offered="ocpp0.1")) == 401
    assert status(ask(row(b"pw"), b"CP1", b"pw", offered="ocpp0.1")) == 400
    assert status(ask(None, offered="ocpp0.1")) == 404


def test_a34_the_user_name_is_the_decoded_identity() -> None:
    known = ChargePoint("RDAM:20123", password_hash=hash_generated(b"pw", PEPPER, b"salt"))

    assert ask(known, b"RDAM 123", b"pw", path="/RDAM%20123") is None
    assert status(ask(known, b"RDAM%20123", b"pw", path="/RDAM%20123")) == 401


@pytest.mark.parametrize("presented", [KEY, KEY.hex().encode(), KEY.hex().upper().encode()])
def test_a36_a37_a_key_is_accepted_raw_or_as_hex_text(presented: bytes) -> None:
    assert ask(row(KEY), b"CP1", presented) is None


@pytest.mark.parametrize("presented", [KEY[:-1], KEY.hex().encode()[:-1], KEY.hex().encode() + b"00", b"\x00:\xff"])
def test_a37_anything_else_is_401(presented: bytes) -> None:
    assert status(ask(row(KEY), b"CP1", presented)) == 401


def test_a35_a_password_of_utf8_with_colons_and_an_imported_one_are_accepted() -> None:
    imported = ChargePoint("CP1", password_hash=hash_imported("pässwörd:1".encode(), b"salt"))

    assert ask(imported, b"CP1", "pässwörd:1".encode()) is None
    assert status(ask(imported, b"CP1", "pässwörd:2".encode())) == 401


def test_a13_a14_no_common_version_is_400_in_plain_words() -> None:
    refusal = ask(row(), offered="ocpp0.1, soap")

    assert status(refusal) == 400
    assert refusal is not None
    assert "ocpp0.1, soap" in refusal.text
    assert "ocpp1.6, ocpp2.0.1, ocpp2.1" in refusal.text
    nothing = ask(row(), offered="")
    assert nothing is not None
    assert "none at all" in nothing.text


@pytest.mark.parametrize(("identity", "expected"), [("x" * 48, 101), ("x" * 49, 400), ("a%20b", 400), ("a%3Ab", 400)])
def test_a04_2x_identities_are_identifier_strings_of_48(identity: str, expected: int) -> None:
    assert status(ask(row(), path=f"/ocpp/{identity}", offered="ocpp2.0.1")) == expected
    assert status(ask(row(), path=f"/ocpp/{identity}", offered="ocpp1.6")) == 101


def test_not_now_says_when_to_come_back() -> None:
    refusal = unavailable("broker_lost", "The message broker can't be reached.", 7)

    assert (refusal.status, dict(refusal.headers)) == (503, {"Retry-After": "7"})


def test_a38_a_fast_hash_keeps_the_salt_that_names_the_command_it_came_from() -> None:
    known = ChargePoint("CP1", next_password_hash=hash_imported(b"pw", b"cmd-1"))
    header = ["Basic " + b64encode(b"CP1:pw").decode()]

    verdict = admit(read("/ocpp/CP1", ["ocpp1.6"], header), known, Policy(PEPPER))

    assert isinstance(verdict, Admitted)
    kept = verdict.proven.password_hash
    assert kept is not None and kept.startswith("hmac-sha256$")
    assert salt_of(kept) == b"cmd-1"
