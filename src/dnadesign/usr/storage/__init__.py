"""How bytes get to disk and back, crash-safe."""
