"""The fleet API behind a Function URL: one table of addresses, filled by the modules that serve them."""

from collections.abc import Callable, Mapping

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response

from fleet import charge_points_http, id_tokens_http, openapi, reading_http
from fleet.ports import Ports
from web.access import Access
from web.front import Answer, Front

# address -> method -> function
Routes = Mapping[str, Mapping[str, Callable[..., Answer]]]


def _document(_: Front, __: Ports) -> Routes:
    return {"/fleet/openapi.json": {"GET": lambda: Response(200, "application/json", openapi.text())}}


# Each says what it serves, given the front and the ports; several may serve methods of the same address.
MODULES: tuple[Callable[[Front, Ports], Routes], ...] = (
    charge_points_http.routes,
    id_tokens_http.routes,
    reading_http.routes,
    _document,
)


def resolver(ports: Ports, access: Access | None = None) -> LambdaFunctionUrlResolver:
    """The API, ready to be fed Function URL events (payload version 2.0)."""
    front = Front(access or Access())
    table: dict[str, dict[str, Callable[..., Answer]]] = {}
    for routes in MODULES:
        for address, functions in routes(front, ports).items():
            table.setdefault(address, {}).update(functions)
    for address, functions in table.items():
        front.serve(address, **functions)
    return front.resolver
