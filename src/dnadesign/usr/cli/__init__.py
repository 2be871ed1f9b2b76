"""The ``usr`` command: one noun a file, each calling the facade and handing objects to the output."""
