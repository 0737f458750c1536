"""Authorize, and the judgement of id tokens that transactions share (conformance C.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from domain.models import Command, CommandState
from ocppj import timestamps
from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors.ports import Ports
from processors.routes import Request, on

log = structlog.get_logger(__name__)

# What 1.6 has a word for; everything else 2.x might say of a token is Invalid there (conformance E.2).
_STATUSES_16 = frozenset({"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"})
_MAX_ID_TAG_16 = 20
_MAX_GROUP_ID = 36

_REMOTE_STARTS = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})
_RECENT_COMMANDS = 20
# The charge point never got these, or said no.
_NO_AUTHORISATION = frozenset({
    CommandState.REJECTED, CommandState.ERROR, CommandState.NOT_CONNECTED, CommandState.EXPIRED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we say of an id token, in 2.x words; `expires_at` is only set while it is still to come."""

    status: str
    expires_at: datetime | None = None
    group_id: str | None = None


UNKNOWN = Verdict("Unknown")
ACCEPTED = Verdict("Accepted")


@on("Authorize", V16)
def authorize_16(request: Request, ports: Ports) -> Payload:
    """Look up the tag; nothing else happens (C-20, C-24)."""
    verdict = judge(request.payload["idTag"], request, ports)
    return {"idTagInfo": id_tag_info(verdict)}


@on("Authorize", V201)
def authorize_201(request: Request, ports: Ports) -> Payload:
    """Look up the token; a contract certificate can't be verified here, so it is never accepted (C-31)."""
    if "certificate" in request.payload or "iso15118CertificateHashData" in request.payload:
        return {"idTokenInfo": {"status": "Invalid"}, "certificateStatus": "CertChainError"}
    return {"idTokenInfo": id_token_info(judge_201(request.payload["idToken"], request, ports))}


def judge_201(id_token: dict[str, Any], request: Request, ports: Ports) -> Verdict:
    """Judge a 2.x token; one of type NoAuthorization stands for nobody and is always accepted (C-28)."""
    if id_token["type"] == "NoAuthorization":
        return ACCEPTED
    return judge(id_token["idToken"], request, ports)


def judge(id_token: str, request: Request, ports: Ports) -> Verdict:
    """What we say of a token now, presented at this charge point."""
    found = ports.id_tokens.find(id_token)
    if found is None:
        return _unknown(id_token, request, ports)
    if found.status == "Accepted" and found.expires_at is not None and found.expires_at <= request.now:
        return Verdict("Expired", group_id=found.group_id)
    expires_at = found.expires_at if found.expires_at and found.expires_at > request.now else None
    return Verdict(found.status, expires_at, found.group_id)


def id_tag_info(verdict: Verdict) -> Payload:
    """A verdict as 1.6 says it; an unknown tag is Invalid."""
    info: Payload = {"status": verdict.status if verdict.status in _STATUSES_16 else "Invalid"}
    if verdict.expires_at is not None:
        info["expiryDate"] = timestamps.write(verdict.expires_at)
    if verdict.group_id is not None and len(verdict.group_id) <= _MAX_ID_TAG_16:
        info["parentIdTag"] = verdict.group_id
    return info


def id_token_info(verdict: Verdict) -> Payload:
    """A verdict as 2.x says it; the group is always a Central token (C-26)."""
    info: Payload = {"status": verdict.status}
    if verdict.expires_at is not None:
        info["cacheExpiryDateTime"] = timestamps.write(verdict.expires_at)
    if verdict.group_id is not None and len(verdict.group_id) <= _MAX_GROUP_ID:
        info["groupIdToken"] = {"idToken": verdict.group_id, "type": "Central"}
    return info


def masked(id_token: str | None) -> str | None:
    """An id token for a log: enough to recognise one's own, too little to use it."""
    if id_token is None:
        return None
    return "***" + (id_token[-3:] if len(id_token) > 6 else "")


def _unknown(id_token: str, request: Request, ports: Ports) -> Verdict:
    recent = ports.commands.of_charge_point(request.charge_point_id, _RECENT_COMMANDS)
    since = request.now - timedelta(seconds=ports.settings.remote_start_valid_s)
    if _was_named(id_token, recent, since):
        # The operator's command is the authorisation: with AuthorizeRemoteTxRequests, and in every
        # StartTransaction, the charge point presents the token it was told to start with.
        log.info("accepted as remotely started", charge_point_id=request.charge_point_id, id_token=masked(id_token))
        return ACCEPTED
    return UNKNOWN


def _was_named(id_token: str, commands: Iterable[Command], since: datetime) -> bool:
    return any(
        command.action in _REMOTE_STARTS
        and command.created_at >= since
        and command.state not in _NO_AUTHORISATION
        and _named_in(command.payload).lower() == id_token.lower()
        for command in commands
    )


def _named_in(payload: Payload) -> str:
    id_token = payload.get("idToken")
    named = id_token.get("idToken") if isinstance(id_token, dict) else payload.get("idTag")
    return named if isinstance(named, str) else ""
