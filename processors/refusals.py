"""Handshakes that gateways refused: kept, so that `ocppgw doctor` can say why a charge point does not get in."""

from typing import Any

from domain.refusals import NAMELESS, REFUSED, STRANGERS, skeleton
from ocppj import timestamps, topics
from processors.ports import Ports


def keep(refused: list[dict[str, Any]], gateway: str, ports: Ports) -> None:
    """Keep each under the time of its first refusal: told again, it has grown and takes its own place."""
    for told in refused:
        identity, at = str(told["identity"]), timestamps.parse(told["lastAt"])
        of = topics.escape(identity) if identity else NAMELESS
        key = f"{told['firstAt']}#{told['reason']}#{gateway}"
        ports.reports.keep(of, REFUSED, key, told, at)
        if told["reason"] == "unknown":
            ports.reports.keep(STRANGERS, REFUSED, f"{skeleton(identity)}#{identity}", told, at)
