"""The doors of densegen to the world outside: input files, the solver, the usr store."""
