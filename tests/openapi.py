"""What tests of OpenAPI documents share: schemathesis calls a WSGI application, our functions take URL events."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from tests.remote_commands.desk import url_event

HTTP = "HTTP_"


def target(environ: Mapping[str, Any]) -> str:
    """Path and query of a WSGI request."""
    query = environ.get("QUERY_STRING")
    path: str = environ["PATH_INFO"]
    return f"{path}?{query}" if query else path


def headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """Its headers, in lower case."""
    return {
        name.removeprefix(HTTP).replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith(HTTP)
    }


def event_of(environ: Mapping[str, Any]) -> dict[str, Any]:
    """The event of a Function URL for it."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode("utf-8", "surrogateescape")
    return url_event(environ["REQUEST_METHOD"], target(environ), body or None, headers(environ))


def respond(answer: Mapping[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """The function's answer as that of a WSGI application."""
    start_response(f"{answer['statusCode']} -", list(answer["headers"].items()))
    return [answer["body"].encode()]


def requests(of_each: int) -> settings:
    """So many generated requests of each operation, always the same."""
    return settings(
        max_examples=of_each, derandomize=True, deadline=None, database=None,
        phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
