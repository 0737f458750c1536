import pytest

from charge_point_sim.variables import Kind, Name, Variable, Variables


def _table(**rows: Variable) -> Variables:
    return Variables({Name(key): row for key, row in rows.items()})


def _row(table: Variables, key: str) -> Variable:
    row = table.find(Name(key))
    assert row
    return row


def test_names_are_found_in_any_spelling() -> None:
    table = _table(HeartbeatInterval=Variable("300"))

    assert table.find(Name("heartbeatINTERVAL")) is _row(table, "HeartbeatInterval")
    assert table.find(Name("Heartbeat")) is None


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", "7", "7.5"),
        ("integer", "0", "-1"),
        ("integer", "1", ""),
        ("decimal", "7.5", "nan"),
        ("boolean", "TRUE", "yes"),
        ("OptionList", "a", "c"),
        ("MemberList", "b, a", "a,c"),
        ("MemberList", "", "c"),
        ("SequenceList", "a", "x"),
    ],
)
def test_only_a_value_that_fits_is_written(kind: Kind, good: str, bad: str) -> None:
    table = _table(Key=Variable("a", kind, options=("a", "b")))
    row = _row(table, "Key")

    refused, taken = table.write(row, bad), table.write(row, good)

    assert (refused, taken) == ("Rejected", "Accepted")
    assert row.value == good


def test_a_read_only_value_stays() -> None:
    table = _table(Key=Variable("1", is_writable=False))

    assert table.write(_row(table, "Key"), "2") == "Rejected"
    assert _row(table, "Key").value == "1"


def test_a_value_that_needs_a_reboot_waits_for_it() -> None:
    table = _table(Key=Variable("1", needs_reboot=True))

    outcome = table.write(_row(table, "Key"), "2")
    before = _row(table, "Key").value
    table.apply_after_reboot()

    assert (outcome, before, _row(table, "Key").value) == ("RebootRequired", "1", "2")


def test_two_charge_points_do_not_share_their_values() -> None:
    rows = {Name("Key"): Variable("1")}
    one, other = Variables(rows), Variables(rows)

    one.write(_row(one, "Key"), "2")

    assert _row(other, "Key").value == "1"


def test_ten_thousand_charge_points_have_one_set_of_names() -> None:
    tables = [_table(HeartbeatInterval=Variable("300")) for _ in range(2)]

    (one, row), (other, another_row) = (table.items()[0] for table in tables)

    assert one is other
    assert row is not another_row
