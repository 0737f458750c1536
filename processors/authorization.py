"""Authorize (conformance C.2): the token is looked up, and nothing else happens."""

from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import costs, id_tokens
from processors.id_tokens import Presented
from processors.ports import Ports
from processors.routes import Request, on


@on("Authorize", V16)
def authorize_16(request: Request, ports: Ports) -> Payload:
    """Look up the tag; no session, no side effect (C-20, C-24)."""
    verdict = id_tokens.judge(Presented(request.payload["idTag"]), request, ports)
    return {"idTagInfo": id_tokens.id_tag_info(verdict)}


@on("Authorize", V201)
def authorize_201(request: Request, ports: Ports) -> Payload:
    """Look up the token; a contract certificate can't be verified here, so it is never accepted (C-31)."""
    if "certificate" in request.payload or "iso15118CertificateHashData" in request.payload:
        return {"idTokenInfo": {"status": "Invalid"}, "certificateStatus": "CertChainError"}
    token = request.payload["idToken"]
    verdict = id_tokens.judge(Presented(token["idToken"], token["type"]), request, ports)
    if verdict.status == "Accepted" and _is_taken(token["idToken"], request, ports):
        return {"idTokenInfo": {"status": "NotAtThisTime"}}
    return {"idTokenInfo": id_tokens.id_token_info(verdict) | costs.shown(verdict, request, ports)}


def _is_taken(id_token: str, request: Request, ports: Ports) -> bool:
    """Whether somebody else's transaction runs there without authorisation (P2 C01.FR.24).

    Authorize does not say for which EVSE: only where there is but one, nobody else is turned away.
    """
    evses = {connector.partition(".")[0] for connector in request.charge_point.connectors}
    if len(evses) != 1:
        return False
    running = ports.history.newest(request.charge_point_id, evses.pop(), request.now)
    if running is None or not running.is_open or running.id_token_status in (None, "Accepted"):
        return False
    return (running.id_token or "").lower() != id_token.lower()
