"""notify: follows the event log of a dataset and delivers what matters to people and to machines."""
