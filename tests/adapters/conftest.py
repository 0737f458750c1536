"""Fixtures of the stores."""

from tests.adapters.stores import dynamodb_client, stores, tables

__all__ = ["dynamodb_client", "stores", "tables"]
