"""How many examples a test takes: few each time, or as many as the profile of whoever looks further afield says."""

from hypothesis import settings

REPEATABLE = "repeatable"


def examples(few: int, *, share: float = 1.0) -> int:
    """The number for ``max_examples``.

    Args:
        few: How many under the profile of every day.
        share: The part of another profile's number, smaller where each example takes long.
    """
    if settings.get_current_profile_name() == REPEATABLE:
        return few
    return max(few, round(share * settings().max_examples))
