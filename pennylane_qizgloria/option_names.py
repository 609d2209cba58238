"""What is said of options that a device does not have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches


def no_such_option(
    name: str, option: str, known: Collection[str], elsewhere: Mapping[str, str], listed: str
) -> str:
    """A sentence on an option that there is not, and what was meant as far as that can be guessed.

    Args:
        name: of the device.
        option: what was given.
        known: the options that it has.
        elsewhere: what options of other things belong to, as the end of a sentence with "It".
        listed: what to say where there is no guess.

    >>> no_such_option("qizgloria.mixed", "sed", ["seed", "shots"], {}, "")
    "qizgloria.mixed has no option 'sed'. Did you mean 'seed'?"
    """
    if option in elsewhere:
        hint = f"It {elsewhere[option]}."
    elif near := get_close_matches(option, known, n=1):
        hint = f"Did you mean {near[0]!r}?"
    else:
        hint = listed
    return f"{name} has no option {option!r}. {hint}"
