"""The secrets that the tests plant, and the search for them in everything that comes out."""

import base64
from pathlib import Path
from urllib.parse import quote

TOKEN = "pl4nted-t0ken-8c1f0e7a9b"
PASSWORD = "pl4nted-passw0rd"
KEY = "whsec_" + base64.b64encode(b"planted signing key number one!!").decode()
OTHER_KEY = "whsec_" + base64.b64encode(b"planted signing key number two!!").decode()

SECRETS = (TOKEN, PASSWORD, KEY.removeprefix("whsec_"), OTHER_KEY.removeprefix("whsec_"))
# As they stand, in an address, in a header, and as a key is used.
_FORMS = {
    form.lower()
    for secret in SECRETS
    for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("="))
} | {"planted signing key number"}


def found_in_text(text: str) -> list[str]:
    """The planted secrets that a text holds, in whatever form and case."""
    lower = text.lower()
    return [form for form in _FORMS if form in lower]


def found_in_files(folder: Path, *, but: frozenset[Path] = frozenset()) -> list[Path]:
    """The files below a folder that hold a planted secret, in their name or in their content."""
    files = [path for path in folder.rglob("*") if path.is_file() and path not in but]
    return [path for path in files if found_in_text(str(path) + path.read_bytes().decode("utf-8", "replace"))]


def found_in_error(error: BaseException | None) -> list[str]:
    """The planted secrets in an error, and in all that stands behind it, shown or not."""
    found: list[str] = []
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            found += found_in_text(f"{one} {one!r} {one.args} {getattr(one, '__notes__', '')}")
            waiting += [one.__cause__, one.__context__]
    return found
