"""The steps of a design run: pool, libraries, solving, assembling, recording; one step a file."""
