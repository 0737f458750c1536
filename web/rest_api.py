"""Requests that come by API Gateway's REST API instead of a Function URL: one event made of the other.

Source: AWS Lambda, payload format versions 1.0 and 2.0 of "Working with AWS Lambda proxy integrations for HTTP APIs".
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode


def as_function_url(event: dict[str, Any]) -> dict[str, Any]:
    """The event as a Function URL has it (version 2.0), whichever it was."""
    if "httpMethod" not in event:
        return event
    context = event.get("requestContext") or {}
    caller: Mapping[str, Any] = context.get("identity") or {}
    query: Mapping[str, list[str]] = event.get("multiValueQueryStringParameters") or {}
    headers: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": event["path"],
        "rawQueryString": urlencode(query, doseq=True),
        "headers": {name.lower(): ",".join(values) for name, values in headers.items()},
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "requestContext": {
            "http": {
                "method": event["httpMethod"], "path": event["path"], "sourceIp": caller.get("sourceIp"),
                "userAgent": caller.get("userAgent"), "protocol": context.get("protocol"),
            },
            "authorizer": {"iam": {"userArn": caller.get("userArn"), "accountId": caller.get("accountId")}},
            "domainName": context.get("domainName"),
            "requestId": context.get("requestId"),
            "stage": "$default",
        },
        "body": event.get("body") or "",
        "isBase64Encoded": bool(event.get("isBase64Encoded")),
    }  # fmt: skip
