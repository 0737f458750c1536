"""An API behind a Function URL: addresses to functions, bodies and callers in, answers and problems out.

    front = Front(access)
    front.serve("/things/<thing_id>", GET=show)      # show(thing_id: str) -> Answer
    front.resolver.resolve(event, context)           # in the Lambda

Everybody is asked who they are before anything else; what a function raises becomes a problem (`web.problems`).
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import structlog
from aws_lambda_powertools.event_handler import CORSConfig, LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from web.access import Access
from web.problems import InvalidRequestError, ProblemError, Wrong

log = structlog.get_logger(__name__)

_LONG = re.compile(r"\d{19}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
SPARE_S = 2  # of the Lambda's time, for the answer itself

Answer = Response[str]


class Front:
    """What every API of the house does alike; `resolver` is fed Function URL events (payload version 2.0)."""

    def __init__(self, access: Access, cors: CORSConfig | None = None, *, only_reads: bool = False) -> None:
        self.resolver = LambdaFunctionUrlResolver(cors=cors)
        # With CORS the resolver answers preflights itself.
        self._methods = [method for method in METHODS if cors is None or method != "OPTIONS"]
        self._only_reads = only_reads
        self.access = access
        self.resolver.exception_handler(ProblemError)(self.refuse)
        self.resolver.exception_handler(NotFoundError)(self._nothing_here)
        self.resolver.exception_handler(Exception)(self._broken)

    def serve(self, rule: str, **functions: Callable[..., Answer]) -> None:
        """Serve an address by the functions of its methods: `serve("/jobs", GET=list_jobs, POST=add_job)`.

        Of a front that only reads nothing but GET is served.
        """
        functions = {method: each for method, each in functions.items() if method == "GET" or not self._only_reads}
        if not functions:
            return
        allowed = ", ".join(functions)

        def refuse(**_: str) -> Answer:
            answer = self.refuse(ProblemError("method-not-allowed", f"this address knows {allowed} only"))
            answer.headers["Allow"] = allowed
            return answer

        for method, function in functions.items():
            self.resolver.route(rule, method=method)(self._known(function))
        self.resolver.route(rule, method=[other for other in self._methods if other not in functions])(refuse)

    def _known(self, function: Callable[..., Answer]) -> Callable[..., Answer]:
        def known(**path: str) -> Answer:
            self.caller()  # strangers are told nothing, not even what is wrong with their request
            return function(**path)

        return known

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the request; names in any case."""
        return self.resolver.current_event.headers

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters."""
        return self.resolver.current_event.query_string_parameters

    @property
    def path(self) -> str:
        """The path of the request."""
        return self.resolver.current_event.path

    def caller(self) -> str | None:
        """Who is calling.

        Raises:
            ProblemError: somebody without a token where tokens are wanted.
        """
        context = self.resolver.current_event.get("requestContext") or {}
        iam = (context.get("authorizer") or {}).get("iam") or {}
        return self.access.caller(self.headers, iam.get("userArn"))

    def body(self, empty: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object in the body; `empty` is what no body means.

        Raises:
            ProblemError: it is no JSON, or no object, or has a number in it that nobody could pass on as it is.
        """
        try:
            text = self.resolver.current_event.decoded_body
            body = empty if empty is not None and not text else _read(text or "")
        except (orjson.JSONDecodeError, binascii.Error, UnicodeDecodeError) as error:
            raise ProblemError("bad-json", f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise InvalidRequestError([Wrong("", "must be a JSON object")])
        return body

    def number(self, name: str, least: int, most: int, default: int) -> int:
        """A number in the query.

        Raises:
            InvalidRequestError: it is none, or out of its range.
        """
        text = self.query.get(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise InvalidRequestError([Wrong(name, f"must be a number from {least} to {most}", in_query=True)])
        return int(text)

    def flag(self, name: str) -> bool:
        """A yes or no in the query; no if it isn't there.

        Raises:
            InvalidRequestError: it is neither.
        """
        text = self.query.get(name, "false")
        if text not in ("true", "false"):
            raise InvalidRequestError([Wrong(name, "must be true or false", in_query=True)])
        return text == "true"

    def cursor(self) -> str | None:
        """What `page` wrote into the address of this page; None is the first page.

        Raises:
            InvalidRequestError: nobody wrote this.
        """
        given = self.query.get("cursor")
        if not given:
            return None
        try:
            return base64.b64decode(given.encode(), altchars=b"-_", validate=True).decode()
        except ValueError as error:  # not base64, or not UTF-8
            raise wrong_cursor() from error

    def wait_s(self, longest: float) -> float | None:
        """How long this caller's `Prefer: wait=N` (RFC 7240) lets us wait; None if it doesn't ask."""
        wanted = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\b", self.headers.get("prefer", ""))
        if wanted is None:
            return None
        left = self.resolver.lambda_context.get_remaining_time_in_millis() / 1000 - SPARE_S
        return max(0.0, min(float(wanted[1]), longest, left))

    def refuse(self, problem: ProblemError) -> Answer:
        """The answer to a request that is refused."""
        headers = {} if problem.retry_after_s is None else {"Retry-After": str(problem.retry_after_s)}
        if problem.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return answer(problem.status, problem.as_json(self.path), headers, kind="application/problem+json")

    def _nothing_here(self, _: NotFoundError) -> Answer:
        return self.refuse(ProblemError("not-found", f"there is nothing at {self.path}"))

    # The outermost loop: whatever nobody expected ends here, in the log with its traceback and not at the caller.
    def _broken(self, _: Exception) -> Answer:
        log.exception("a request failed", path=self.path)
        return self.refuse(ProblemError("internal-error", "the request failed; the log of the service says why"))


def _read(text: str) -> Any:
    found = orjson.loads(text)
    if _LONG.search(text):
        # What is beyond 64 bits was read as a float, and has lost its digits.
        json.loads(text, parse_int=_in_64_bits)
    return found


def _in_64_bits(digits: str) -> int:
    number = int(digits[:40])
    if not -(2**63) <= number < 2**64:
        raise InvalidRequestError([Wrong("", f"{digits[:40]} has more than 64 bits: it would lose digits on its way")])
    return number


def answer(
    status: int, body: Mapping[str, Any], headers: dict[str, str] | None = None, kind: str = "application/json"
) -> Answer:
    """An answer with a JSON body."""
    return Response(status, content_type=kind, body=orjson.dumps(body).decode(), headers=headers)


def page(path: str, shown: list[dict[str, Any]], limit: int, after: str | None) -> Answer:
    """A page of a list, and where the next one is: after what `after` names; None is the last page."""
    cursor = None if after is None else base64.urlsafe_b64encode(after.encode()).decode()
    headers = {"Link": f'<{path}?limit={limit}&cursor={cursor}>; rel="next"'} if cursor else {}
    return answer(200, {"data": shown, "nextCursor": cursor}, headers)


def wrong_cursor() -> InvalidRequestError:
    """The problem of a cursor that nobody wrote."""
    return InvalidRequestError([Wrong("cursor", "must be the nextCursor of a page before", in_query=True)])
