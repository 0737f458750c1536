"""What somebody sends who sends much at once, bite by bite."""

from gateway.bites import BITE, MANY_FRAMES, SMALLEST_BITE, Bites

MUCH = bytes(range(256)) * 40


def sizes(bites: Bites, frames: int, count: int) -> list[int]:
    """Of so many bites, each with so many frames in it."""
    found = []
    for _ in range(count):
        found.append(len(bites.bite()))
        bites.weigh(frames)
    return found


def test_everything_comes_once_and_in_order_also_what_is_sent_meanwhile() -> None:
    bites, taken = Bites(), b""
    bites.add(MUCH)
    taken += bites.bite()
    bites.add(MUCH)
    while bites:
        taken += bites.bite()

    assert taken == MUCH + MUCH


def test_the_rest_is_what_was_not_taken() -> None:
    bites = Bites()
    bites.add(MUCH)
    first = bites.bite()

    assert first + bites.rest() == MUCH
    assert not bites
    bites.add(b"more")
    assert bites.bite() == b"more"


def test_who_sends_many_small_frames_gets_smaller_bites_until_they_are_few() -> None:
    bites = Bites()
    bites.add(MUCH * 10)

    assert sizes(bites, MANY_FRAMES + 1, 5) == [BITE, BITE // 2, BITE // 4, SMALLEST_BITE, SMALLEST_BITE]
    assert sizes(bites, MANY_FRAMES, 4) == [SMALLEST_BITE, 2 * SMALLEST_BITE, 4 * SMALLEST_BITE, BITE]
