"""User properties of MQTT 5 in rules, as AWS has them: `get(get_user_properties('epoch'),0)`.

The emulator hands them to subscribers, and its rules know neither function.
"""

from contextvars import ContextVar
from typing import Any

_published: ContextVar[bytes] = ContextVar("published_properties", default=b"")


def let_rules_read_user_properties() -> None:
    """Make the emulator of this process do so."""
    from ministack.services import iot

    # Private but for the first, hence the pinned version and a test.
    publish, function = iot.broker_publish, iot._eval_select_function

    async def remembering(*message: Any, properties: bytes = b"", **more: Any) -> None:
        token = _published.set(properties)
        try:
            await publish(*message, properties=properties, **more)
        finally:
            _published.reset(token)

    def knowing(name: str, args: list[str], *message: Any) -> Any:
        if name == "get_user_properties" and len(args) == 1:
            return _values(iot, args[0].strip().strip("'"))
        if name == "get" and len(args) == 2:
            values = iot._eval_select_expr(args[0], *message)
            place = int(args[1])
            return values[place] if isinstance(values, list) and place < len(values) else iot._MISSING
        return function(name, args, *message)

    iot.broker_publish, iot._eval_select_function = remembering, knowing
    iot._IMPLEMENTED_SQL_FUNCS |= {"get", "get_user_properties"}


def _values(iot: Any, name: str) -> list[str]:
    block = _published.get()
    pairs = iot._decode_properties(block, 0)[0] if block else []
    return [pair[1] for kind, pair in pairs if kind == iot.PROP_USER_PROPERTY and pair[0] == name]
