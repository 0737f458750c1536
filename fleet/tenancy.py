"""Whose things a caller may see and change: partners know nothing of each other's."""

from domain.models import ChargePoint
from fleet.errors import ProblemError
from fleet.ports import Ports
from ocppj import topics
from ocppj.errors import IdentityError
from web import problems
from web.front import Front
from web.problems import InvalidRequestError, Wrong


def own_row(front: Front, ports: Ports, charge_point_id: str, *names: str) -> ChargePoint:
    """The row of a charge point that the caller may see, and do this to.

    Raises:
        ProblemError: there is none, it is another partner's, or no rule of the policy lets it.
    """
    caller = front.caller()
    front.access.check(caller, charge_point_id, *names)
    try:
        topics.unescape(charge_point_id)  # the table holds other items, too
    except IdentityError as error:
        raise ProblemError("charge-point-unknown", str(error)) from error
    row = ports.registry.find(charge_point_id)
    if row is None:
        raise ProblemError("charge-point-unknown", f"{charge_point_id} is not registered")
    front.access.check_row(caller, row, *names)
    return row


def may_see(front: Front, row: ChargePoint) -> bool:
    """Whether the caller may know of it."""
    try:
        front.access.check_row(front.caller(), row)
    except problems.ProblemError:
        return False
    return True


def own_partner(front: Front, given: str | None) -> str | None:
    """Whose things a request is about: the partner's that it names, or the caller's only one; None is the house's.

    Raises:
        ProblemError: the caller has nothing to do with that partner.
        InvalidRequestError: the caller has several, and names none.
    """
    its = front.access.partners(front.caller())
    if its is None or given in its:
        return given
    if given is not None or not its:
        raise ProblemError("not-allowed", f"{front.caller() or 'a caller without a name'} has no partner {given!r}")
    if len(its) > 1:
        raise InvalidRequestError([Wrong("/partner", f"must be one of {', '.join(sorted(its))}")])
    return next(iter(its))


def may_change_tokens(front: Front, partner: str | None) -> None:
    """Let the caller change the id tokens of a partner, or of the house.

    Raises:
        ProblemError: no rule of the policy names the action `id-tokens`.
    """
    front.access.check_action(front.caller(), "id-tokens", partner)
