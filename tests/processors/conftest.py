"""The tables of the contract tests, for what is shown on DynamoDB too."""

from tests.adapters.stores import dynamodb_client, tables

__all__ = ["dynamodb_client", "tables"]
