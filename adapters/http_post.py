"""Posting to a webhook: one try, nothing followed, nothing read but the status."""

from functools import cache

import urllib3

from adapters.tls import trusting

TIMEOUT_S = 5.0


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post a body; the status, or 0 if there was no answer in time."""
    try:
        answer = _pool().request("POST", url, body=body, headers=headers, redirect=False, preload_content=False)
    except urllib3.exceptions.HTTPError:
        return 0
    answer.release_conn()
    return int(answer.status)


@cache
def _pool() -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=2.0, total=TIMEOUT_S)
    return urllib3.PoolManager(num_pools=8, retries=False, timeout=timeout, ssl_context=trusting())
