"""Id tokens in DynamoDB: IdTokenTable, by the token in lower case."""

from dataclasses import replace
from typing import TYPE_CHECKING

from adapters import dynamodb
from adapters.dynamodb_items import attribute, read, write
from domain.models import IdToken

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoIdTokens:
    """The IdTokens port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.id_tokens

    def find(self, id_token: str) -> IdToken | None:
        if not id_token:  # devices do send it, and no key of DynamoDB may be empty
            return None
        key = {"idToken": attribute(id_token.lower())}
        found = self._client.get_item(TableName=self._table, Key=key)
        return read(IdToken, found["Item"]) if "Item" in found else None

    def put(self, id_token: IdToken) -> None:
        item = write(replace(id_token, id_token=id_token.id_token.lower()))
        self._client.put_item(TableName=self._table, Item=item)
