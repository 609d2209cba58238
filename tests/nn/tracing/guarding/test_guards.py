"""What guards compare."""

from helpers.guards import guard_of


def test_what_is_not_read_is_not_compared():
    """Attributes and globals that the code does not name may change."""
    world = type("World", (), {"used": 1, "unused": 2})()
    world.used, world.unused = 1, [2]
    own = guard_of(lambda: world.used)
    world.unused.append(3)
    world.unused = 5
    assert own.holds()
    world.used = 1.0
    assert not own.holds()
    assert "used" in own.change()


def test_equal_numbers_may_take_the_place_of_others():
    """A float that is computed anew is another object."""
    numbers = [0.1, (0.2, "a"), float("nan")]
    own = guard_of(lambda: numbers)
    numbers[:] = [0.05 + 0.05, (0.1 + 0.1, "".join("a")), float("nan")]
    assert own.holds()
    numbers[0] = -numbers[0]
    assert not own.holds()


def test_checking_takes_microseconds():
    """The check reads each container once: few steps of Python for a module of 100 attributes."""
    world = type("World", (), {})()
    for number in range(100):
        setattr(world, f"a{number}", number)
    own = guard_of(lambda: vars(world))
    assert own.holds()
    assert len(own.containers) < 8
