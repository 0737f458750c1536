"""Why a handshake was refused, and what to do about it, in an installer's words. Pure: reason -> sentence, advice.

`{id}` is the identity as the charge point wrote it, `{offered}` what it offered, `{peer}` where it came from, `{text}`
what the gateway answered. Every reason that a gateway gives has its line here; a test compares the two.
"""

from collections.abc import Mapping
from typing import Any

from ocppj.versions import VERSIONS

SPOKEN = ", ".join(version.name for version in VERSIONS)
_BOTH = "Set its password again, here (`ocppgw fleet rotate-password {id}`) and in the charge point."
_WAIT = "It tries again by itself. If that goes on, look at the gateway (docs/operate.md)."
_OURS = "This is ours to repair: see the gateway's log, and docs/operate.md."

# reason -> (what is wrong, what to do)
WORDS: dict[str, tuple[str, str]] = {
    # Who it is.
    "unknown": ("unknown id `{id}`", "Correct it in the charge point, or register it: `ocppgw fleet register {id}`."),
    "no_identity": (
        "{peer} connects without an id, to {path}",
        "The URL in the charge point must end in its id, as in wss://your.host/ocpp/CP001.",
    ),
    "bad_identity": ("its id can't be used: {text}", "Give it another id, here and in the charge point."),
    "disabled": ("it is disabled here", "If it should connect: `ocppgw fleet enable {id}`."),
    # What it proves.
    "no_credentials": ("sends no password", _BOTH),
    "wrong_credentials": ("wrong password", _BOTH + " The user name must be its id."),
    "downgrade": ("comes with less security than before: {text}", "Set its security profile in the charge point."),
    "wrong_profile": (
        "comes with another security profile than expected: {text}",
        "Set the profile in the charge point, or here: `ocppgw fleet set {id} --profile N`.",
    ),
    "below_min_profile": ("comes with too little security: {text}", "Give it a password, or a certificate, and wss://."),
    "no_certificate": ("sends no client certificate", "Issue one: `ocppgw fleet issue-certificate {id}`."),
    "wrong_certificate": (
        "its client certificate is another's: {text}",
        "Install the one issued to it: `ocppgw fleet issue-certificate {id}`.",
    ),
    "wrong_organization": ("its client certificate is another organisation's: {text}", "Install one of ours."),
    "bad_certificate": (
        "{peer} sends a client certificate that is not valid: {text}",
        "Look at its dates, its authority and the charge point's clock; issue a new one.",
    ),
    # What it speaks.
    "no_common_subprotocol": (
        "offers {offered}, we speak " + SPOKEN,
        "Set its OCPP version (the WebSocket subprotocol) in the charge point.",
    ),
    "no_websocket": (
        "asks for something else than a WebSocket: {text}",
        "Its URL may be an API's or a website's, or a proxy between here and there cuts the Upgrade header.",
    ),
    "bad_request": ("{peer} sends no HTTP that can be read: {text}", "See what it is: perhaps no charge point at all."),
    "tls_alert": (
        "{peer} does not go on with TLS: {text}",
        "Install the authority of our certificate in the charge point, and look at its clock.",
    ),
    # It came at a bad time.
    "too_many_handshakes": ("its address {peer} tries too often", "See what else connects from there. " + _WAIT),
    "full": ("the gateway is full", "Start another gateway, or raise OCPPGW_MAX_CONNECTIONS."),
    "storm": ("too many charge points connect at once", _WAIT),
    "draining": ("the gateway is going away, for a deploy perhaps", _WAIT),
    "left": ("it left before it was let in", "Its own time-out may be too short, or its line is bad."),
    "replaced": ("another connection with this id was faster", "If that goes on, two charge points have the same id."),
    "evicted": ("it was told to go while it connected", "It was disabled just then, or is connected elsewhere."),
    "row_changes": ("its record keeps changing", "See who changes it: two charge points may have the same id."),
    "backend_slow": ("charge points are answered too slowly", _OURS),
    "broker_lost": ("the message broker can't be reached", _OURS),
    "broker_slow": ("the message broker does not answer", _OURS),
    "registry_busy": ("the registry does not answer", _OURS),
    "error": ("the registry can't be asked", _OURS),
}  # fmt: skip
_ELSE = ("{reason}: {text}", "See the gateway's log.")


def words(refused: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong and what to do, of a refusal as `processors` keep it."""
    told = {
        "id": refused["identity"],
        "offered": ", ".join(refused["offered"]) or "no OCPP version",
        "peer": str(refused["peer"]).rpartition(":")[0],
        "path": refused["path"],
        "text": str(refused["text"]).strip().removesuffix("."),
        "reason": refused["reason"],
    }
    wrong, advice = WORDS.get(str(refused["reason"]), _ELSE)
    return wrong.format_map(told), advice.format_map(told)
