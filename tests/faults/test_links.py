"""A link is lost for longer than its keepalive: nobody says offline of those whose sockets are open."""

from collections.abc import Callable

import pytest

from tests.e2e.operator import Operator
from tests.faults.chargers import connected
from tests.faults.scene import Site, Watch, links_back, links_up, time_passes, until, until_told
from tests.faults.sizes import measured, size
from tests.faults.wires import wires_to
from tests.gateway.test_main import Process

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

CONTROL, FIRST = 0, 1


async def test_links_that_are_lost_for_long_leave_row_shadow_and_commands_as_they_were(
    start_in_house: Callable[..., Process], site: Site
) -> None:
    """The control link and one of two others, 40 charge points, 8 s; the full size is 1,000 and 90 s.

    The last will comes at once, for the connections are reset: no need to wait for the keepalive of 30 s.
    """
    operator = Operator(site.house)
    ids = site.register("cut", size(40, 1_000))
    async with wires_to(site.aws.mqtt_port) as wires:
        process = start_in_house(
            "--charge-points-per-link", str(len(ids) // 2), mqtt=f"mqtts://localhost:{wires.port}"
        )  # fmt: skip
        await process.ready()

        async with connected(f"ws://127.0.0.1:{process.port}", ids, size(5.0, 60.0)) as chargers:
            await until_told(lambda: len(site.online_shadows(ids)) == len(ids), size(60, 600))
            links = await links_up(process)
            async with Watch(lambda: site.offline_rows(ids) | site.offline_shadows(ids[:20])) as watch:
                wires.cut(CONTROL, FIRST)
                await time_passes(1)
                while_cut = await links_up(process)
                replies = [
                    await operator.post_async(f"/charge-points/{charge_point_id}/commands/ClearCache", {})
                    for charge_point_id in ids[:10]
                ]
                await time_passes(size(7.0, 89.0))
                wires.is_open = True
                back_s = await links_back(process, links)
                answered = {charger: charger.answered_at for charger in chargers}
                await until(lambda: all(each.answered_at > answered[each] for each in chargers), size(60, 180))

    measured("links cut", charge_points=len(ids), links=links, links_back_s=round(back_s, 2), looks=watch.looks)
    assert (links, while_cut) == (3, 1)
    assert watch.looks > 1
    assert watch.seen == set()
    assert {reply.status for reply in replies} == {202}
    assert not any(charger.closes for charger in chargers)
