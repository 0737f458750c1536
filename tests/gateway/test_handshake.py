from base64 import b64encode

import pytest

from gateway.handshake import Credentials, identity_of, read
from ocppj.errors import IdentityError
from ocppj.versions import V16, V21, V201


def basic(raw: bytes) -> list[str]:
    return ["Basic " + b64encode(raw).decode()]


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/CP001", "CP001"),
        ("/ocpp/CP001", "CP001"),
        ("/any/prefix/at/all/CP001", "CP001"),
        ("/steve/websocket/CentralSystemService/CP001", "CP001"),
        ("//ocpp//CP001", "CP001"),
        ("/ocpp/CP001?token=a/b", "CP001"),
        ("/ocpp/ocpp", "ocpp"),
    ],
)
def test_a01_a03_the_identity_is_the_last_segment_after_any_prefix(path: str, identity: str) -> None:
    assert identity_of(path) == identity


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/RDAM%20123", "RDAM 123"),
        ("/ocpp/RDAM%7C123", "RDAM|123"),
        ("/ocpp/A%252FB", "A%2FB"),
        ("/ocpp/A%2FB", "A/B"),
        ("/ocpp/A+B", "A+B"),
        ("/ocpp/Z%C3%BCrich", "Zürich"),
        ("/ocpp/100%", "100%"),
    ],
)
def test_a02_the_segment_is_decoded_once_after_splitting(path: str, identity: str) -> None:
    assert identity_of(path) == identity


def test_a06_the_charge_point_id_is_one_legal_topic_level() -> None:
    assert read("/ocpp/CP%2B1%23%2F", [], []).charge_point_id == "CP:2B1:23:2F"


@pytest.mark.parametrize("path", ["/ocpp", "/ocpp/", "/", "", "/a/b/?x", "/ocpp/%FF", "/ocpp/" + "x" * 129])
def test_a08_a_url_without_an_identity_names_no_charge_point(path: str) -> None:
    with pytest.raises(IdentityError):
        read(path, [], [])


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        (["ocpp1.6, ocpp2.0.1"], V16),
        (["ocpp2.0.1,ocpp1.6"], V201),
        (["ocpp0.1 , ocpp1.6"], V16),
        (["ocpp0.1", "ocpp2.1", "ocpp1.6"], V21),
        (["ocpp2.0, ocpp1.6"], V16),
    ],
)
def test_a11_a12_a15_the_first_listed_version_that_is_known_is_taken(lines: list[str], version: object) -> None:
    assert read("/CP1", lines, []).version is version


@pytest.mark.parametrize("lines", [[], [""], ["ocpp0.1"], ["ocpp2.0"], ["ocpp"], ["OCPP1.6"]])
def test_a13_a14_a15_without_a_known_version_there_is_none(lines: list[str]) -> None:
    assert read("/CP1", lines, []).version is None


def test_a05_the_first_colon_ends_the_user_name() -> None:
    assert read("/A", [], basic(b"A:B:pw")).credentials == Credentials(b"A", b"B:pw")


def test_a36_the_password_is_bytes() -> None:
    line = ["Basic QUwxMDAwOgABAgMEBQYH////////////////"]

    found = read("/AL1000", [], line).credentials

    assert found == Credentials(b"AL1000", bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"))


@pytest.mark.parametrize("lines", [[], ["Bearer abc"], ["Basic"], ["Basic ???"], basic(b"no colon"), basic(b"a:b") * 2])
def test_a21_what_is_no_basic_header_is_no_credentials(lines: list[str]) -> None:
    assert read("/A", [], lines).credentials is None


def test_the_scheme_is_read_in_any_case() -> None:
    assert read("/A", [], [basic(b"a:b")[0].replace("Basic", "bAsIc ")]).credentials == Credentials(b"a", b"b")


def test_a40_a_password_is_in_no_repr() -> None:
    assert "secret" not in repr(read("/A", [], basic(b"A:secret")))
