"""Requests to Function URLs of AuthType AWS_IAM, and to a REST API by its name, signed with AWS credentials (SigV4)."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError

from adapters import aws

_REGION = re.compile(r"\.lambda-url\.([a-z0-9-]+)\.on\.aws$")


def signed(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, str]:
    """The headers with a signature that is good for some minutes, for this request only.

    Raises:
        botocore.exceptions.BotoCoreError: there are no AWS credentials, or they can't be had.
    """
    session, place = aws.session(), urlsplit(url)
    found = session.get_credentials()
    if found is None:
        raise NoCredentialsError
    frozen, region = found.get_frozen_credentials(), _REGION.search(place.hostname or "")
    credentials = Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)
    request = AWSRequest(method, url, data=body, headers=dict(headers) | {"Host": place.netloc})
    # What has another name on the network is a name of API Gateway; the emulator and its front are on this machine.
    service = "lambda" if region or place.scheme == "http" else "execute-api"
    SigV4Auth(credentials, service, region[1] if region else session.region_name).add_auth(request)
    return dict(request.headers.items())
