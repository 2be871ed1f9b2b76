"""Passwords behind a short option of a command, where no name tells of them: ``mysql -pSECRET``, ``sshpass -p SECRET``."""

from __future__ import annotations

import re

_COMMANDS = (
    re.compile(  # up to the end of the line, which a password in quotes may have any sign of a shell's in
        r"(?<![\w.-])(?P<command>(?:mysql|mariadb|sshpass)[\w-]*+(?:\.exe)?)(?=\s)(?P<rest>[^\n]*+)",
        re.IGNORECASE,
    )
)
_ATTACHED = re.compile(r"(?<=\s)-p(?=\S)(?:'[^'\n]*+'?|\"[^\"\n]*+\"?|[^\s'\"]++)+")
_APART = re.compile(r"(?<=\s)-p(?=\s|\S)\s*+(?:'[^'\n]*+'?|\"[^\"\n]*+\"?|[^\s'\"-][^\s'\"]*+)+")


def password_option(command: str) -> str | None:
    """Which form of ``-p`` gives a command its password: ``attached`` or ``apart`` (either way); None for others."""
    name = re.split(r"[/\\]", command)[-1].lower()
    if name.startswith("sshpass"):
        return "apart"
    return "attached" if name.startswith(("mysql", "mariadb")) else None


def without_passwords(text: str, hidden: str) -> str:
    """A text, such as a shell's line, with ``hidden`` in the place of such passwords."""
    if "-p" not in text:
        return text

    def clean(found: re.Match[str]) -> str:
        apart = password_option(found["command"]) == "apart"
        option, shown = (_APART, f"-p {hidden}") if apart else (_ATTACHED, f"-p{hidden}")
        return found["command"] + option.sub(lambda _: shown, found["rest"])

    return _COMMANDS.sub(clean, text)


def password_items(items: list[object]) -> dict[int, str]:
    """The items of a command's list of arguments that are such passwords: by number, what stands before the password."""
    found: dict[int, str] = {}
    form: str | None = None
    for number, item in enumerate(items):
        if not isinstance(item, str):
            continue
        if item.startswith("-p") and form is not None:
            if item != "-p":
                found[number] = "-p"
            elif form == "apart" and isinstance(next(iter(items[number + 1 :]), None), str):
                found[number + 1] = ""
        elif not item.startswith("-") and len(item) < 256:
            form = password_option(item) or form
    return found
