"""What a notification is: events, messages, destinations and their rules. No file and no network access."""
