"""Makes the generated pages of the documentation, and runs what the others show."""
