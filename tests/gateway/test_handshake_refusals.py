"""Requests that are none: answered so that an installer can read it, and kept."""

import asyncio
from typing import Any

import orjson
import pytest

from tests.conformance.wire import request
from tests.gateway.house import PATIENCE_S, House, get, house


async def exchange(here: House, sent: bytes) -> str:
    """All that is answered, until the gateway closes."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        writer.write(sent)
        answer = (await reader.read()).decode()
        writer.close()
    return answer


async def kept(here: House, query: str = "") -> list[dict[str, Any]]:
    _, body = await get(here.gateway.admin_port, f"/refusals{query}")
    found: list[dict[str, Any]] = orjson.loads(body)["data"]
    return found


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"nonsense\r\n\r\n", "invalid HTTP request line"),
        (b"GET /ocpp/CP1\r\n\r\n", "invalid HTTP request line"),
        (b"GET /ocpp/CP1 HTTP/2\r\n\r\n", "unsupported protocol"),
        (b"GET /ocpp/CP1 HTTP/1.1\r\nAuthorization Basic c2VjcmV0\r\n\r\n", "invalid HTTP header line"),
        (b"GET /ocpp/CP1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "unsupported request body"),
    ],
)
async def test_a55_what_is_no_request_is_400_and_kept(sent: bytes, words: str) -> None:
    async with house() as here:
        answer = await exchange(here, sent)
        (refusal,) = await kept(here)

        assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
        assert words in answer
        assert "c2VjcmV0" not in answer + str(refusal)
        assert (refusal["status"], refusal["reason"], refusal["path"]) == (400, "bad_request", "")
        assert words in refusal["text"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_a02_a_url_that_is_not_percent_encoded_is_400_and_kept_with_its_path(encoding: str) -> None:
    async with house() as here:
        answer = await exchange(here, "GET /ocpp/Säule HTTP/1.1\r\n\r\n".encode(encoding))
        (refusal,) = await kept(here)

        assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
        assert "percent-encoded" in answer
        assert refusal["path"] == ("/ocpp/Säule" if encoding == "utf-8" else "/ocpp/S�ule")
        assert refusal["identity"] == refusal["path"].removeprefix("/ocpp/")


async def test_a55_a_head_that_never_ends_is_431_and_kept() -> None:
    async with house() as here:
        answer = await exchange(here, b"GET /ocpp/CP1 HTTP/1.1\r\nX: " + b"x" * 9_000 + b"\r\n\r\n")
        (refusal,) = await kept(here)

        assert answer.startswith("HTTP/1.1 431 ")
        assert (refusal["status"], refusal["reason"]) == (431, "bad_request")


async def test_who_leaves_before_the_request_is_no_refusal() -> None:
    async with house() as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        writer.write(b"GET /oc")
        writer.close()
        await writer.wait_closed()
        await exchange(here, b"nonsense\r\n\r\n")

        assert len(await kept(here)) == 1


@pytest.mark.parametrize(
    ("headers", "status"), [({"Sec_WebSocket_Version": "8"}, 426), ({"Sec_WebSocket_Key": None}, 400)]
)
async def test_a55_a_request_that_is_no_websocket_is_kept_by_its_identity(headers: dict[str, Any], status: int) -> None:
    async with house() as here:
        answer = await exchange(here, request(**headers))
        (identity,) = {refusal["identity"] for refusal in await kept(here)}
        (refusal,) = await kept(here, f"?identity={identity}")

        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert "Sec-WebSocket-Version: 13\r\n" in answer
        assert (refusal["status"], refusal["reason"]) == (status, "no_websocket")
        assert refusal["text"]


async def test_a55_another_version_of_websocket_is_told_which_one_is_spoken() -> None:
    async with house() as here:
        answer = await exchange(here, request(Sec_WebSocket_Version="8"))

        assert "Upgrade: websocket\r\n" in answer
        assert "Version 8 of WebSocket is not spoken here, only version 13." in answer
