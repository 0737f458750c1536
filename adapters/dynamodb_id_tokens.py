"""Id tokens in DynamoDB: IdTokenTable, by whose it is and the token in lower case."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, read, text, write
from domain import pages
from domain.models import IdToken
from domain.pages import Ask, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INDEX = "byOwner"


class DynamoIdTokens:
    """The IdTokens and IdTokenLists ports."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.id_tokens

    def find(self, id_token: str, partner: str | None = None) -> IdToken | None:
        if not id_token:  # devices do send it, and no key of DynamoDB may be empty
            return None
        found = self._client.get_item(TableName=self._table, Key=_key(id_token, partner))
        return _id_token(found["Item"]) if "Item" in found else None

    def put(self, id_token: IdToken) -> None:
        key = _key(id_token.id_token, id_token.partner)
        owner = {"owner": attribute(_owner(id_token.partner))}
        self._client.put_item(TableName=self._table, Item=write(id_token, "id_token") | key | owner)

    def remove(self, id_token: str, partner: str | None = None) -> bool:
        key = _key(id_token, partner)
        removed = self._client.delete_item(TableName=self._table, Key=key, ReturnValues="ALL_OLD")
        return "Attributes" in removed

    def page(self, partner: str | None, ask: Ask) -> Page[IdToken]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": _INDEX,
            "KeyConditionExpression": "#owner = :its",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":its": attribute(_owner(partner))},
            "Limit": ask.limit + 1,
        }
        if ask.cursor:
            (after,) = pages.decode(ask.cursor, 1)
            request["ExclusiveStartKey"] = {"owner": attribute(_owner(partner)), **_key(after, partner)}
        found = [_id_token(item) for item in self._client.query(**request)["Items"]]
        return pages.cut(found, ask.limit, lambda its: pages.encode(its.id_token))


def _key(id_token: str, partner: str | None) -> Item:
    return {"idToken": attribute(_prefix(partner) + id_token.lower())}


def _prefix(partner: str | None) -> str:
    # Tokens are lower case: none of the house's own begins with a capital P.
    return f"P:{partner}:" if partner else ""


def _owner(partner: str | None) -> str:
    return f"P:{partner}" if partner else "-"


def _id_token(item: Any) -> IdToken:
    found = read(IdToken, item)
    return replace(found, id_token=text(item["idToken"]).removeprefix(_prefix(found.partner)))
