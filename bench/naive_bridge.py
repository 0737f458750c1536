"""A straightforward bridge, the shape most are written in: `websockets`' asyncio API, and one aiomqtt client each.

It checks nothing, keeps no state, and is here to be compared with.
"""

import asyncio

import aiomqtt
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol


def run_naive_bridge(port: int, mqtt_port: int) -> None:
    """Serve for ever."""
    uvloop.run(_serve(port, mqtt_port))


async def _serve(port: int, mqtt_port: int) -> None:
    async def bridge(socket: ServerConnection) -> None:
        request = socket.request
        charge_point_id = request.path.rpartition("/")[2] if request else ""
        async with aiomqtt.Client("127.0.0.1", mqtt_port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe(f"{charge_point_id}/out", qos=1)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_to_charge_point(client, socket))
                async for text in socket:
                    await client.publish(f"{charge_point_id}/in", text, qos=1)

    async with serve(
        bridge, "127.0.0.1", port, subprotocols=[Subprotocol("ocpp1.6")], compression=None, ping_interval=None
    ) as server:
        await server.serve_forever()


async def _to_charge_point(client: aiomqtt.Client, socket: ServerConnection) -> None:
    async for message in client.messages:
        await socket.send(bytes(message.payload).decode() if isinstance(message.payload, bytes) else "")
