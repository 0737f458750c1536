"""Where an id token is found in what is said and stored, and where nothing is changed."""

from typing import Any

import pytest

from domain.privacy import Search

ERASED = "erased-0123456789abc"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"idTag": "04a1b2c3"}, {"idTag": ERASED}),
        ({"idTagInfo": {"parentIdTag": "04A1B2C3"}}, {"idTagInfo": {"parentIdTag": ERASED}}),
        (
            {"idToken": {"idToken": "04A1b2C3", "type": "ISO14443"}},
            {"idToken": {"idToken": ERASED, "type": "ISO14443"}},
        ),
        (
            {"groupIdToken": {"idToken": "04A1B2C3", "type": "Central"}},
            {"groupIdToken": {"idToken": ERASED, "type": "Central"}},
        ),
        (
            {"additionalInfo": [{"additionalIdToken": "04A1B2C3", "type": "x"}]},
            {"additionalInfo": [{"additionalIdToken": ERASED, "type": "x"}]},
        ),
        (
            [2, "1", "SendLocalList", {"localAuthorizationList": [{"idTag": "04A1B2C3"}, {"idTag": "OTHER"}]}],
            [2, "1", "SendLocalList", {"localAuthorizationList": [{"idTag": ERASED}, {"idTag": "OTHER"}]}],
        ),
        ({"data": '{"card": "04A1B2C3"}'}, {"data": '{"card": "' + ERASED + '"}'}),
        ({"techInfo": "card 04a1b2c3 refused"}, {"techInfo": f"card {ERASED} refused"}),
    ],
)
def test_a_token_is_found_where_it_stands_in_any_case(said: Any, expected: Any) -> None:
    search = Search("04A1B2C3")

    assert search.replaced(said, ERASED) == expected
    assert search.found == 1
    assert not Search("04A1B2C3").is_in(expected)


@pytest.mark.parametrize(
    ("id_token", "said"),
    [
        ("04A1B2C3", {"idTag": "04A1B2C34"}),
        ("04A1B2C3", {"techInfo": "x04A1B2C3"}),
        ("04A1B2C3", {"transactionId": "04A1B2C3"}),
        ("123456", {"sampledValue": [{"value": "123456"}], "meterStop": 123456}),
        ("charging", {"chargingState": "Charging", "status": "Charging"}),
    ],
)
def test_what_only_looks_like_a_token_stays(id_token: str, said: Any) -> None:
    search = Search(id_token)

    assert (search.replaced(said, ERASED), search.found) == (said, 0)


@pytest.mark.parametrize(
    "value",
    [
        {"value": 'OCMF|{"ID":"04A1B2C3"}|{}', "format": "SignedData"},
        {"signedMeterValue": {"signedMeterData": "ID=04A1B2C3", "encodingMethod": "OCMF"}},
    ],
)
def test_what_a_meter_signed_stays_as_it_is_and_is_counted(value: dict[str, Any]) -> None:
    search = Search("04a1b2c3")

    assert search.replaced({"idTag": "04A1B2C3", "v": value}, ERASED) == {"idTag": ERASED, "v": value}
    assert (search.found, search.signed) == (1, 1)


def test_of_a_local_list_a_person_is_shown_its_own_entries_only() -> None:
    said = {"payload": {"localAuthorizationList": [{"idTag": "04A1B2C3"}, {"idTag": "OTHER"}], "listVersion": 2}}

    own = Search("04A1B2C3").own(said)

    assert own == {"payload": {"localAuthorizationList": [{"idTag": "04A1B2C3"}], "listVersion": 2}}
