"""Requests that are signed with AWS credentials (SigV4).

To Function URLs of AuthType AWS_IAM, to a REST API by its name, and to X-Ray.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError

from adapters import aws

# Hosts that tell service and region.
_HOSTS = {
    "lambda": re.compile(r"\.lambda-url\.([a-z0-9-]+)\.on\.aws$"),
    "xray": re.compile(r"^xray\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$"),
}


def signed(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, str]:
    """The headers with a signature that is good for some minutes, for this request only.

    Raises:
        botocore.exceptions.BotoCoreError: there are no AWS credentials, or they can't be had.
    """
    session, place = aws.session(), urlsplit(url)
    found = session.get_credentials()
    if found is None:
        raise NoCredentialsError
    frozen, host = found.get_frozen_credentials(), place.hostname or ""
    credentials = Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)
    request = AWSRequest(method, url, data=body, headers=dict(headers) | {"Host": place.netloc})
    # What has another name on the network is a name of API Gateway; the emulator and its front are on this machine.
    service, region = "lambda" if place.scheme == "http" else "execute-api", session.region_name
    for its, form in _HOSTS.items():
        if told := form.search(host):
            service, region = its, told[1]
    SigV4Auth(credentials, service, region).add_auth(request)
    return dict(request.headers.items())
