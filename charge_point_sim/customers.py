"""What a 2.x charging station knows of a customer, told and forgotten on request (part 2 N09, N10)."""

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from ocppj.frames import Payload

MOST_TEXT = 512  # characters in one NotifyCustomerInformation
NOTHING = "no data"
_WHO = ("customerCertificate", "customerIdentifier", "idToken")


def information(cp: ChargePoint, payload: Payload) -> Payload:
    """CustomerInformation: Invalid unless it names exactly one customer, Rejected if nothing is to be done."""
    named = [payload[key] for key in _WHO if key in payload]
    if len(named) != 1:
        return {"status": "Invalid"}
    if not payload["report"] and not payload["clear"]:
        return {"status": "Rejected"}
    token = named[0].get("idToken", "") if isinstance(named[0], dict) else named[0]
    if payload["report"]:
        _tell(cp, payload["requestId"], _known(cp, token) or NOTHING)
    if payload["clear"]:
        cp.accepted_tokens.discard(token)
        cp.local_list.pop(token, None)
    return {"status": "Accepted"}


def _known(cp: ChargePoint, token: str) -> str:
    lines = [f"authorization cache: {token} Accepted"] if token in cp.accepted_tokens else []
    lines += [f"local list: {token} {cp.local_list[token]}"] if token in cp.local_list else []
    lines += [
        f"transaction: {each.session.transaction_id}"
        for each in cp.connectors
        if each.session and each.session.token.text == token
    ]
    return "\n".join(lines)


def _tell(cp: ChargePoint, request_id: int, text: str) -> None:
    generated_at = cp.stamp()
    for seq_no, first in enumerate(range(0, len(text), MOST_TEXT)):
        part = {
            "requestId": request_id,
            "generatedAt": generated_at,
            "seqNo": seq_no,
            "tbc": first + MOST_TEXT < len(text),
            "data": text[first : first + MOST_TEXT],
        }
        cp.exchange.put(Message("NotifyCustomerInformation", part, is_early=True))
