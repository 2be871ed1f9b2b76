"""Readers of what a design run starts from: its config and its binding sites."""
