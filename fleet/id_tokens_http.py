"""Id tokens over HTTP."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from domain.models import IdToken
from fleet.errors import ProblemError
from fleet.ports import Ports
from ocppj import timestamps
from web.front import Answer, Front, answer


def routes(front: Front, ports: Ports) -> Mapping[str, Mapping[str, Callable[..., Answer]]]:
    """`/id-tokens/...`."""

    def show(id_token: str) -> Answer:
        found = ports.id_tokens.find(unquote(id_token))
        if found is None:
            raise ProblemError("id-token-unknown", f"there is no id token {unquote(id_token)!r}")
        return answer(200, as_json(found))

    return {"/id-tokens/<id_token>": {"GET": show}}


def as_json(id_token: IdToken) -> dict[str, Any]:
    """An id token as callers see it."""
    return {
        "idToken": id_token.id_token,
        "status": id_token.status,
        "expiresAt": timestamps.write(id_token.expires_at) if id_token.expires_at else None,
        "groupId": id_token.group_id,
        "type": id_token.kind,
        "allowed": list(id_token.allowed),
        "isPrepaid": id_token.is_prepaid,
    }
