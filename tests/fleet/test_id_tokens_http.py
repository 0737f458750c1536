"""Id tokens over HTTP."""

from domain.models import IdToken
from tests.fleet.office import Office


def test_an_id_token_is_shown_however_its_letters_are_written() -> None:
    office = Office()
    office.id_tokens.put(IdToken("Card-1", group_id="family"))

    reply = office.ask("GET", "/id-tokens/CARD-1")

    assert (reply.status, reply.body["idToken"], reply.body["groupId"]) == (200, "card-1", "family")


def test_an_id_token_nobody_added_is_a_problem_that_says_so() -> None:
    reply = Office().ask("GET", "/id-tokens/NOBODY")

    assert (reply.status, reply.body["code"]) == (404, "id-token-unknown")
    assert "NOBODY" in reply.body["detail"]
