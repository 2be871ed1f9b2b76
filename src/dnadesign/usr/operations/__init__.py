"""The verbs on a dataset, one a file."""
