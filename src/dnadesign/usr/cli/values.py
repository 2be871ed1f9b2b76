"""How values are written as plain JSON: the same on the terminal as in exported files."""

from dnadesign.usr.formats.plain_values import json_text, plain_float, plain_rows

__all__ = ["json_text", "plain_float", "plain_rows"]
