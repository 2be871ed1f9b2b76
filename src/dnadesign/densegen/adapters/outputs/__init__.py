"""Writers of what a design run leaves: designs in a usr dataset, attempts and manifest beside it."""
