"""The command line of notify."""
