"""Posting to a webhook: one try, nothing followed, nothing read but the status."""

import urllib3

TIMEOUT_S = 5.0

_pool = urllib3.PoolManager(num_pools=8, retries=False, timeout=urllib3.Timeout(connect=2.0, total=TIMEOUT_S))


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post a body; the status, or 0 if there was no answer in time."""
    try:
        answer = _pool.request("POST", url, body=body, headers=headers, redirect=False, preload_content=False)
    except urllib3.exceptions.HTTPError:
        return 0
    answer.release_conn()
    return int(answer.status)
