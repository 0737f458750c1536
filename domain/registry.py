"""The rules of a registry row, the same in every store."""

from dataclasses import replace
from datetime import datetime

from domain.models import ChargePoint, Connection, Proven
from domain.ports import NOTHING_PROVEN, RowChangedError


def connected(
    row: ChargePoint | None, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
) -> ChargePoint:
    """The row with this connection in it, and what the charge point proved.

    Raises:
        RowChangedError: the row is gone, disabled, has other credentials, an epoch that is not older, or a higher
            profile was proven meanwhile.
    """
    if row is None:
        raise RowChangedError("the row is gone")
    if row.disabled:
        raise RowChangedError(f"{row.charge_point_id}: disabled meanwhile")
    if row.credential_version != credential_version:
        raise RowChangedError(f"{row.charge_point_id}: other credentials meanwhile")
    if row.connection is not None and row.connection.epoch >= connection.epoch:
        raise RowChangedError(f"{row.charge_point_id}: epoch {row.connection.epoch} is not older")
    return _proven(row, connection, proven)


def seen(
    row: ChargePoint | None, epoch: int, last_seen: datetime | None, ended_at: datetime | None
) -> ChargePoint | None:
    """The row whose connection of this epoch was seen then, or has ended; None if it has another or had ended."""
    connection = row.connection if row else None
    if row is None or connection is None or connection.epoch != epoch or connection.disconnected_at is not None:
        return None
    last_seen = last_seen or connection.last_seen
    return replace(row, connection=replace(connection, last_seen=last_seen, disconnected_at=ended_at))


def rotated(row: ChargePoint, next_hash: str, *, until_used: bool = False) -> ChargePoint:
    """The row with a second password that counts."""
    version = row.credential_version + 1
    return replace(row, next_password_hash=next_hash, awaits_next_password=until_used, credential_version=version)


def settled(row: ChargePoint, is_accepted: bool | None) -> ChargePoint:
    """The row with the next password, without it, or (None) waiting for it."""
    if is_accepted is None:
        return replace(row, awaits_next_password=True, credential_version=row.credential_version + 1)
    return _pinned(row, row.next_password_hash if is_accepted else row.password_hash)


def expecting(row: ChargePoint, security_profile: int | None) -> ChargePoint:
    """The row that expects this security profile."""
    return replace(row, security_profile=security_profile, credential_version=row.credential_version + 1)


def _proven(row: ChargePoint, connection: Connection, proven: Proven) -> ChargePoint:
    if proven.is_downgrade and not row.allow_downgrade:
        raise RowChangedError(f"{row.charge_point_id}: no leave to downgrade any more")
    if not proven.is_downgrade and proven.profile < row.highest_profile:
        raise RowChangedError(f"{row.charge_point_id}: profile {row.highest_profile} was proven meanwhile")
    may_again = row.allow_downgrade and not proven.is_downgrade
    row = replace(row, connection=connection, highest_profile=proven.profile, allow_downgrade=may_again)
    return row if proven.password_hash is None else _pinned(row, proven.password_hash)


def _pinned(row: ChargePoint, password_hash: str | None) -> ChargePoint:
    version = row.credential_version + 1
    return replace(
        row, password_hash=password_hash, next_password_hash=None, awaits_next_password=False,
        credential_version=version,
    )  # fmt: skip


def is_superseded(row: ChargePoint, new: ChargePoint) -> bool:
    """Whether the row is of an earlier thing of that name, whose deletion we have not heard of yet."""
    if not (row.thing_id and new.thing_id and row.created_at and new.created_at):
        return False
    return row.thing_id != new.thing_id and row.created_at < new.created_at
