"""The doors to the outside: event logs, HTTP, Apprise, state files, secrets, profiles."""
