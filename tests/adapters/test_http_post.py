"""Posting to a webhook over TLS, with the authorities that the system names."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, names_keys=False)


@pytest.fixture
def url(authority: Authority) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    leaf = authority.issue("localhost", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.certificate, leaf.key)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"https://127.0.0.1:{server.server_port}/"
        server.shutdown()


def posted(url: str, **environment: str) -> str:
    """What a process of its own is answered: the system's authorities are read once."""
    script = "import sys; from adapters.http_post import post; print(post(sys.argv[1], b'{}', {}))"
    ran = subprocess.run(
        [sys.executable, "-c", script, url], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def test_a_receiver_of_a_private_authority_is_posted_to_once_the_system_knows_it(
    authority: Authority, url: str
) -> None:
    assert posted(url, SSL_CERT_FILE=str(authority.certificate)) == "202"


def test_a_receiver_that_nobody_knows_is_not(url: str) -> None:
    assert posted(url) == "0"
