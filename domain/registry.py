"""The rules of a registry row, the same in every store."""

from dataclasses import replace

from domain.models import ChargePoint, Connection
from domain.ports import RowChangedError


def connected(row: ChargePoint | None, connection: Connection, credential_version: int) -> ChargePoint:
    """The row with this connection in it.

    Raises:
        RowChangedError: the row is gone, disabled, has other credentials or an epoch that is not older.
    """
    if row is None:
        raise RowChangedError("the row is gone")
    if row.disabled:
        raise RowChangedError(f"{row.charge_point_id}: disabled meanwhile")
    if row.credential_version != credential_version:
        raise RowChangedError(f"{row.charge_point_id}: other credentials meanwhile")
    if row.connection is not None and row.connection.epoch >= connection.epoch:
        raise RowChangedError(f"{row.charge_point_id}: epoch {row.connection.epoch} is not older")
    return replace(row, connection=connection)
