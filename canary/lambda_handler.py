"""The canary as a Lambda that a schedule calls every minute; its metrics are what the alarm listens to."""

import http.client
import json
import sys
import time
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import structlog

from adapters import aws, logs, metrics, sigv4
from canary import round as rounds
from canary import settings
from canary.round import Canary, CanaryError
from canary.settings import Settings, SettingsError

PATIENCE_S = 25.0

log = structlog.get_logger(__name__)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Make a round: `{"passed", "ms", "why"}`. One that finds something wrong is no error of the function."""
    canary, began, why = _canary(), time.monotonic(), None
    try:
        rounds.go(canary)
    except CanaryError as error:
        why = str(error)
    ms = round((time.monotonic() - began) * 1000)
    metrics.tell_canary(is_well=why is None, ms=ms)
    if why is None:
        log.info("canary", passed=True, ms=ms)
    else:
        log.error("canary", passed=False, ms=ms, why=why)
    return {"passed": why is None, "ms": ms, "why": why}


@cache
def _canary() -> Canary:
    # Made once, when the first round needs it.
    logs.configure()
    try:
        chosen = settings.load()
    except SettingsError as error:
        sys.exit(str(error))

    def ask(method: str, path: str, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        return _ask(chosen.api.rstrip("/"), method, path, body)

    return Canary(chosen.url, chosen.id, _password(chosen), chosen.id_tag, ask, chosen.patience_s)


def _password(chosen: Settings) -> str | None:
    if chosen.secret is not None:
        held = aws.session().client("secretsmanager", config=aws.config()).get_secret_value(SecretId=chosen.secret)
        return str(held["SecretString"])
    return chosen.password.get_secret_value() if chosen.password is not None else None


def _ask(api: str, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"} | ({"Prefer": "wait=20"} if method == "POST" else {})
    content = None if body is None else json.dumps(body).encode()
    where = urlsplit(api)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.netloc, timeout=PATIENCE_S)
    try:
        connection.request(method, path, content, sigv4.signed(method, api + path, headers, content))
        response = connection.getresponse()
        said = json.loads(response.read())
        return response.status, said if isinstance(said, dict) else {"said": said}
    except http.client.HTTPException as error:
        raise OSError(f"{api} answers no HTTP: {error!r}") from error
    except ValueError as error:
        return response.status, {"said": f"no JSON: {error}"}
    finally:
        connection.close()
