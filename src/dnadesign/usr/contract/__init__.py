"""What a valid dataset is: pure rules, no file access."""
