"""The ``dense`` command."""
