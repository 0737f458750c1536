"""Authorize (conformance C.2): the token is looked up, and nothing else happens."""

from domain.models import ContractCheck, Revocation
from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import costs, id_tokens
from processors.id_tokens import Presented
from processors.ports import Ports
from processors.routes import Request, on

# What the token is then (C-31); and for which tokens a certificate is good for nothing.
_NOT_TRUSTED = {
    ContractCheck.EXPIRED: "Expired", ContractCheck.REVOKED: "Invalid", ContractCheck.UNTRUSTED: "Invalid",
}  # fmt: skip
_CANCELLED = frozenset({"Blocked", "Expired", "Invalid", "Unknown"})


@on("Authorize", V16)
def authorize_16(request: Request, ports: Ports) -> Payload:
    """Look up the tag; no session, no side effect (C-20, C-24)."""
    verdict = id_tokens.judge(Presented(request.payload["idTag"]), request, ports)
    return {"idTagInfo": id_tokens.id_tag_info(verdict)}


@on("Authorize", V201)
def authorize_201(request: Request, ports: Ports) -> Payload:
    """Look up the token, and the contract certificate if it comes with one."""
    contract = _contract(request, ports)
    if contract in _NOT_TRUSTED:
        return {"idTokenInfo": {"status": _NOT_TRUSTED[contract]}, "certificateStatus": contract.value}
    token = request.payload["idToken"]
    verdict = id_tokens.judge(Presented(token["idToken"], token["type"]), request, ports)
    if contract is not None:
        status = "ContractCancelled" if verdict.status in _CANCELLED else contract.value
        return {"idTokenInfo": id_tokens.id_token_info(verdict), "certificateStatus": status}
    if verdict.status == "Accepted" and _is_taken(token["idToken"], request, ports):
        return {"idTokenInfo": {"status": "NotAtThisTime"}}
    return {"idTokenInfo": id_tokens.id_token_info(verdict) | costs.shown(verdict, request, ports)}


def _contract(request: Request, ports: Ports) -> ContractCheck | None:
    """What a contract certificate is worth; None if there is none."""
    said, hashes = request.payload, request.payload.get("iso15118CertificateHashData")
    if "certificate" not in said:
        # With nothing but hashes it takes somebody who knows the certificate.
        return None if hashes is None else _revocation(hashes, request, ports, unasked=ContractCheck.UNTRUSTED)
    if ports.contracts is None:
        return ContractCheck.UNTRUSTED
    found = ports.contracts.check(said["certificate"], said["idToken"]["idToken"], request.now)
    if found is not ContractCheck.TRUSTED or ports.responders is None:
        return found
    return _revocation(hashes, request, ports, unasked=ContractCheck.TRUSTED)


def _revocation(
    hashes: list[Payload] | None, request: Request, ports: Ports, *, unasked: ContractCheck
) -> ContractCheck:
    """What OCSP responders say of all the certificates of a contract; `unasked` if there are none to ask."""
    if ports.responders is None:
        return unasked
    if hashes is not None:
        asked = [(one, one["responderURL"]) for one in hashes]
    else:
        asked = list(ports.contracts.responders(request.payload["certificate"])) if ports.contracts else []
    found = {ports.responders.judge(one, url, request.now) for one, url in asked}
    if Revocation.REVOKED in found:
        return ContractCheck.REVOKED
    if not found:
        return unasked
    return ContractCheck.TRUSTED if found == {Revocation.GOOD} else ContractCheck.UNTRUSTED


def _is_taken(id_token: str, request: Request, ports: Ports) -> bool:
    """Whether somebody else's transaction runs there without authorisation (P2 C01.FR.24).

    Authorize does not say for which EVSE: only where there is but one, nobody else is turned away.
    """
    evses = {connector.partition(".")[0] for connector in request.charge_point.connectors} - {"0"}
    if len(evses) != 1:
        return False
    running = ports.history.newest(request.charge_point_id, evses.pop(), request.now)
    if running is None or not running.is_open or running.id_token_status in (None, "Accepted"):
        return False
    return (running.id_token or "").lower() != id_token.lower()
