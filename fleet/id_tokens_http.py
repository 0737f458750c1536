"""Id tokens over HTTP. Tokens are a partner's: `?partner=` says whose, none is the house's own or the caller's."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import quote, unquote

from domain import pages
from domain.models import IdToken
from domain.pages import Ask, CursorError
from fleet import id_tokens
from fleet.errors import ProblemError
from fleet.id_tokens import Add, Settings, UnknownTokenError, as_json
from fleet.ports import Ports
from fleet.tenancy import may_change_tokens, own_partner
from web import fields
from web.front import Answer, Front, answer
from web.problems import InvalidRequestError, Wrong

RECENT_DAYS = 7


def routes(front: Front, ports: Ports) -> Mapping[str, Mapping[str, Callable[..., Answer]]]:
    """`/id-tokens` and what is done to one."""
    its = _IdTokens(front, ports)
    return {
        "/id-tokens": {"GET": its.list, "POST": its.add},
        "/id-tokens/<id_token>": {"GET": its.show, "PATCH": its.set, "DELETE": its.remove},
        "/unknown-id-tokens": {"GET": its.unknown},
    }


class _IdTokens:
    def __init__(self, front: Front, ports: Ports) -> None:
        self.front = front
        self.ports = ports

    def list(self) -> Answer:
        limit, cursor = self.front.number("limit", 1, pages.MOST, pages.LIMIT), self.front.query.get("cursor") or None
        partner = self._partner()
        try:
            page = self.ports.id_tokens.page(partner, Ask(limit, cursor))
        except CursorError as error:
            raise InvalidRequestError([Wrong("cursor", str(error), in_query=True)]) from error
        whose = f"&partner={quote(partner)}" if partner else ""
        after = page.cursor and f'</id-tokens?limit={limit}&cursor={page.cursor}{whose}>; rel="next"'
        shown = [as_json(found) for found in page.items]
        return answer(200, {"data": shown, "nextCursor": page.cursor}, {"Link": after} if after else {})

    def add(self) -> Answer:
        body = fields.read(Add, self.front.body())
        partner = own_partner(self.front, body.partner)
        may_change_tokens(self.front, partner)
        new = body.model_copy(update={"partner": partner}).token()
        is_new = self.ports.id_tokens.find(new.id_token, partner) is None
        self.ports.id_tokens.put(new)
        where = {"Location": f"/id-tokens/{quote(new.id_token, safe='')}"}
        return answer(201 if is_new else 200, as_json(new), where)

    def show(self, id_token: str) -> Answer:
        return answer(200, as_json(self._found(id_token)))

    def set(self, id_token: str) -> Answer:
        body = fields.read(Settings, self.front.body())
        found = self._found(id_token)
        may_change_tokens(self.front, found.partner)
        changed = body.on(found)
        self.ports.id_tokens.put(changed)
        return answer(200, as_json(changed))

    def remove(self, id_token: str) -> Answer:
        its, partner = unquote(id_token), self._partner()
        may_change_tokens(self.front, partner)
        try:
            id_tokens.remove(its, partner, self.ports)
        except UnknownTokenError as error:
            raise ProblemError("id-token-unknown", str(error)) from error
        return answer(200, {"idToken": its.lower(), "deleted": True})

    def unknown(self) -> Answer:
        since = self.ports.now() - timedelta(days=RECENT_DAYS)
        return answer(200, {"data": id_tokens.unknown(self._partner(), since, self.ports), "nextCursor": None})

    def _found(self, id_token: str) -> IdToken:
        its = unquote(id_token)
        found = self.ports.id_tokens.find(its, self._partner())
        if found is None:
            raise ProblemError("id-token-unknown", f"there is no id token {its!r}")
        return found

    def _partner(self) -> str | None:
        return own_partner(self.front, self.front.query.get("partner"))
