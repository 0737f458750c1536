"""Requests by a REST API are answered as those by a Function URL are."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from web.access import Access
from web.front import Front
from web.rest_api import as_function_url

ARN = "arn:aws:iam::123456789012:user/operator"


def by_rest_api(method: str, path: str, body: str | None = None, **query: list[str]) -> dict[str, Any]:
    """An event of API Gateway, payload version 1.0."""
    return {
        "resource": "/things/{proxy+}", "path": path, "httpMethod": method,
        "headers": {"Content-Type": "application/json", "X-Two": "b"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "X-Two": ["a", "b"]},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {
            "identity": {"userArn": ARN, "accountId": "123456789012", "sourceIp": "203.0.113.7"},
            "httpMethod": method, "requestId": "r1", "domainName": "api.example.com", "stage": "api",
        },
        "body": body, "isBase64Encoded": False,
    }  # fmt: skip


def told(front: Front) -> Response[str]:
    said = {"path": front.path, "query": dict(front.query), "two": front.headers.get("x-two"), "body": front.body({})}
    context = front.resolver.current_event["requestContext"]["authorizer"]["iam"]["userArn"]
    return Response(200, "application/json", json.dumps(said | {"caller": context}))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_has_path_query_headers_body_and_caller(method: str) -> None:
    front = Front(Access())
    front.serve("/things/<thing_id>", GET=lambda thing_id: told(front), POST=lambda thing_id: told(front))
    body = json.dumps({"n": 1}) if method == "POST" else None

    answer = front.resolver.resolve(
        as_function_url(by_rest_api(method, "/things/CP:2F1", body, at=["a b"])), LambdaContext()
    )

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {
        "path": "/things/CP:2F1", "query": {"at": "a b"}, "two": "a,b", "body": {"n": 1} if body else {}, "caller": ARN,
    }  # fmt: skip


def test_what_came_by_a_function_url_stays_as_it_is() -> None:
    event = {"version": "2.0", "rawPath": "/things/1"}

    assert as_function_url(event) is event
