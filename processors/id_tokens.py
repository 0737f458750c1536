"""What we say of an id token (conformance C.2): for Authorize, and for every transaction it is presented to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from domain import unknown_tokens
from domain.models import Command, CommandState, IdToken
from ocppj import timestamps
from ocppj.frames import Payload
from processors.ports import Ports
from processors.routes import Request

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
class Presented:
    """A token as it is presented: its 2.x type, and the connector (1.6) or EVSE (2.x) it is meant for, if known."""

    id_token: str
    kind: str | None = None
    evse: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we say of an id token, in 2.x words. `cached_until` and `evses` are None where there is no limit."""

    status: str
    cached_until: datetime | None = None
    group_id: str | None = None
    evses: tuple[int, ...] | None = None
    tariff_id: str | None = None


ACCEPTED = Verdict("Accepted")


def judge(presented: Presented, request: Request, ports: Ports) -> Verdict:
    """What we say of a token now, presented at this charge point."""
    if presented.kind == "NoAuthorization":
        return ACCEPTED  # it stands for nobody (C-28)
    found = ports.id_tokens.find(presented.id_token, request.charge_point.partner)
    # In 2.x tokens are the same only if their types are (B-24).
    if found is None or (found.kind and presented.kind and found.kind.lower() != presented.kind.lower()):
        return _unknown(presented, request, ports)
    return _known(found, presented, request)


def judge_start(presented: Presented, transaction_id: str | None, request: Request, ports: Ports) -> Verdict:
    """The same for a transaction that begins: where it is the policy, a token runs one at a time (C-52)."""
    verdict = judge(presented, request, ports)
    if verdict.status != "Accepted" or not ports.settings.one_transaction_per_token:
        return verdict
    for other in ports.history.with_token(presented.id_token):
        is_same = other.charge_point_id == request.charge_point_id and (
            # The same again, or the one before it on this connector, which has ended whether we heard of it or not.
            other.transaction_id == transaction_id or (other.connector or "").partition(".")[0] == presented.evse
        )
        is_its_owners = (
            other.partner == request.charge_point.partner
        )  # elsewhere it is another's, and only looks the same
        if other.is_open and is_its_owners and not is_same:
            return Verdict("ConcurrentTx", group_id=verdict.group_id)
    return verdict


def id_tag_info(verdict: Verdict) -> Payload:
    """A verdict as 1.6 says it; an unknown tag is Invalid."""
    info: Payload = {"status": verdict.status if verdict.status in _STATUSES_16 else "Invalid"}
    if verdict.cached_until is not None:
        info["expiryDate"] = timestamps.write(verdict.cached_until)
    if verdict.group_id is not None and len(verdict.group_id) <= _MAX_ID_TAG_16:
        info["parentIdTag"] = verdict.group_id
    return info


def id_token_info(verdict: Verdict) -> Payload:
    """A verdict as 2.x says it; the group is always a Central token (C-26)."""
    info: Payload = {"status": verdict.status}
    if verdict.cached_until is not None:
        info["cacheExpiryDateTime"] = timestamps.write(verdict.cached_until)
    if verdict.group_id is not None and len(verdict.group_id) <= _MAX_GROUP_ID:
        info["groupIdToken"] = {"idToken": verdict.group_id, "type": "Central"}
    if verdict.evses:
        info["evseId"] = list(verdict.evses)
    return info


def masked(id_token: str | None, kind: str | None = None) -> str | None:
    """An id token for a log: enough to recognise one's own, too little to use it; nothing of a KeyCode (C-28)."""
    if id_token is None:
        return None
    return "***" + (id_token[-3:] if len(id_token) > 6 and kind != "KeyCode" else "")


def _known(found: IdToken, presented: Presented, request: Request) -> Verdict:
    if found.status != "Accepted":
        return Verdict(found.status, group_id=found.group_id)
    if found.expires_at is not None and found.expires_at <= request.now:
        return Verdict("Expired", group_id=found.group_id)
    evses = _evses(found, request.charge_point_id)
    if evses is not None and not _is_among(presented.evse, evses):
        return Verdict("NotAtThisLocation", group_id=found.group_id)
    # A time that has passed already keeps it out of the authorization cache (C-30).
    cached_until = request.now - timedelta(minutes=1) if found.is_prepaid else found.expires_at
    return Verdict("Accepted", cached_until, found.group_id, evses, found.tariff_id)


def _evses(found: IdToken, charge_point_id: str) -> tuple[int, ...] | None:
    """The EVSEs it may be used at here, or None for all of them (C-27)."""
    if not found.allowed or charge_point_id in found.allowed:
        return None
    places = (place.partition("/") for place in found.allowed)
    return tuple(sorted(int(evse) for place, _, evse in places if place == charge_point_id and evse.isdigit()))


def _is_among(evse: str | None, evses: tuple[int, ...]) -> bool:
    return bool(evses) and (evse is None or evse in map(str, evses))


def _unknown(presented: Presented, request: Request, ports: Ports) -> Verdict:
    recent = ports.commands.of_charge_point(request.charge_point_id, _RECENT_COMMANDS)
    since = request.now - timedelta(seconds=ports.settings.remote_start_valid_s)
    if _was_named(presented.id_token, recent, since):
        # The operator's command is the authorisation: with AuthorizeRemoteTxRequests, and in every
        # StartTransaction, the charge point presents the token it was told to start with.
        shown = masked(presented.id_token, presented.kind)
        log.info("accepted as remotely started", charge_point_id=request.charge_point_id, id_token=shown)
        return ACCEPTED
    if presented.kind == "KeyCode":
        return Verdict("Invalid")  # somebody mistyped a code; there is no token to know (P2 C04.FR.02)
    if presented.id_token:
        unknown_tokens.note(
            presented.id_token, presented.kind, request.charge_point, request.received_at, ports.reports
        )
    return Verdict("Unknown")


def _was_named(id_token: str, commands: Iterable[Command], since: datetime) -> bool:
    return any(
        command.action in _REMOTE_STARTS
        and (command.sent_at or command.created_at) >= since  # it may have waited for its charge point
        and command.state not in _NO_AUTHORISATION
        and _named_in(command.payload).lower() == id_token.lower()
        for command in commands
    )


def _named_in(payload: dict[str, Any]) -> str:
    id_token = payload.get("idToken")
    named = id_token.get("idToken") if isinstance(id_token, dict) else payload.get("idTag")
    return named if isinstance(named, str) else ""
