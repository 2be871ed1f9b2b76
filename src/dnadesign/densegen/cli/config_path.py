"""Which config file a command is about, from what was typed."""

from __future__ import annotations

from pathlib import Path

from dnadesign.densegen.contract.errors import ConfigError, NotFoundError

_USUAL = "config.yaml"
_ENDINGS = {".yaml", ".yml"}


def config_path(argument: Path | None, option: Path | None, *, command: str) -> Path:
    """The config file: as argument or option, itself or its folder.

    Args:
        argument: What was typed behind the command.
        option: What was typed with ``-c``.
        command: The command's name, for what to type instead.

    Raises:
        ConfigError: There is none, or there are two.
        NotFoundError: It is not there.
    """
    if argument is not None and option is not None:
        raise ConfigError(f"two configs: {argument} and {option}", mend=f"dense {command} {option}")
    given = argument or option
    if given is None:
        raise ConfigError(
            "which config file?",
            mend=f"dense {command} {_near(Path()) or 'DIR/' + _USUAL}, as dense init DIR made it",
        )
    path = given / _USUAL if given.is_dir() else given
    if path.exists():
        return path
    near = _near(path.parent)
    what = (
        f"{given}: there is no {_USUAL} in this folder"
        if given.is_dir()
        else f"{given}: there is no such file"
    )
    raise NotFoundError(
        what, mend=f"dense {command} {near}" if near else "make a workspace with: dense init DIR"
    )


def _near(folder: Path) -> Path | None:
    """A file in a folder that looks like a config, the usual name first."""
    if not folder.is_dir():
        return None
    found = sorted(path for path in folder.iterdir() if path.suffix in _ENDINGS)
    return next((path for path in found if path.name == _USUAL), found[0] if found else None)
