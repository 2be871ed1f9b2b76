"""What holds for every test: the same examples each time, and nothing taken from the caller's environment."""

import os

from hypothesis import HealthCheck, settings

# A test that fails must fail again, so examples are derived from the test alone. To look further afield:
# HYPOTHESIS_PROFILE=explore make pytest
settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,  # the machine may be busy; no test asserts seconds
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

OURS = ("USR_", "DENSE_", "DENSEGEN_", "NOTIFY_", "DNADESIGN_")
COLOURS = frozenset({"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES"})


def pytest_configure() -> None:
    """Keep settings of the person who runs the tests from them, and from the programs they start."""
    for name in list(os.environ):
        if name.startswith(OURS) or name in COLOURS:
            del os.environ[name]
    os.environ["TERM"] = "dumb"
