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
    return {"idTokenInfo": id_tokens.id_token_info(verdict) | costs.shown(verdict, request, ports)}
