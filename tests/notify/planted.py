"""The secrets that the tests plant, and the search for them in everything that comes out."""

import base64
from pathlib import Path

TOKEN = "pl4nted-t0ken-8c1f0e7a9b"
PASSWORD = "pl4nted-passw0rd"
KEY = "whsec_" + base64.b64encode(b"planted signing key number one!!").decode()
OTHER_KEY = "whsec_" + base64.b64encode(b"planted signing key number two!!").decode()

SECRETS = (TOKEN, PASSWORD, KEY.removeprefix("whsec_"), OTHER_KEY.removeprefix("whsec_"))


def found_in_text(text: str) -> list[str]:
    """The planted secrets that a text holds."""
    return [secret for secret in SECRETS if secret in text]


def found_in_files(folder: Path, *, but: frozenset[Path] = frozenset()) -> list[Path]:
    """The files below a folder that hold a planted secret, in their name or in their content."""
    files = [path for path in folder.rglob("*") if path.is_file() and path not in but]
    return [path for path in files if found_in_text(str(path) + path.read_bytes().decode("utf-8", "replace"))]
