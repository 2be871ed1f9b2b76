"""Fetches secrets from where they are kept, and refuses those that others could have read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dnadesign.notify.adapters.durable_files import CONFIG_MEND, make_private_folder
from dnadesign.notify.contract.destinations import Credentials, Destination, check_address
from dnadesign.notify.contract.errors import NotFound, SecretRefused, UsageProblem
from dnadesign.notify.contract.secrets import Secret, SecretRef
from dnadesign.notify.contract.signing import check_signing_secret

_MOST_BYTES = 16 * 1024


def fetch_secret(ref: SecretRef) -> Secret:
    """The secret that a reference names.

    Raises:
        NotFound: No such variable or file.
        SecretRefused: A file that others can read, or one that does not hold one line.
    """
    return _from_environment(ref.where) if ref.kind == "env" else _from_file(Path(ref.where).expanduser())


def fetch_credentials(destination: Destination, *, address: Secret | None = None) -> Credentials:
    """The secrets of a destination, checked; ``address`` stands in for one that is kept nowhere.

    Raises:
        UsageProblem: The address is kept nowhere and not given.
        NotFound: A variable or file is missing.
        SecretRefused: A secret is readable by others, or is not what it should be.
    """
    if destination.address is not None:
        address = fetch_secret(destination.address)
    if address is None:
        raise UsageProblem(
            f"the address of destination {destination.name} is kept nowhere",
            mend="keep it in a variable or a private file, and name that: --url-env or --secret-ref (spool: --url-ref)",
        )
    check_address(address, destination.provider)
    signing = tuple(fetch_secret(ref) for ref in destination.signing)
    for secret in signing:
        check_signing_secret(secret)
    return Credentials(address=address, signing=signing)


def store_secret(path: Path, secret: Secret) -> None:
    """Keep a secret in a new file of mode 0600.

    Raises:
        SecretRefused: There is a file already.
    """
    make_private_folder(path.parent, mend=CONFIG_MEND)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise SecretRefused(
            f"{path} is there already", mend="remove it first if it is to be replaced"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret.reveal() + "\n")
        file.flush()
        os.fsync(file.fileno())


def _from_environment(name: str) -> Secret:
    value = os.environ.get(name, "").strip()
    if not value:
        raise NotFound(
            f"the environment variable {name} is not set, or empty",
            mend=f"set it where notify runs, without showing it: read -rs {name}; export {name}",
        )
    return Secret(value)


def _from_file(path: Path) -> Secret:
    try:
        # Opened first and looked at through the descriptor, so that nobody can change it in between.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(
            f"the secret file {path} is not there",
            mend=f"write it, unseen by others: (umask 077; cat > {path})",
        ) from None
    except OSError as error:
        raise SecretRefused(f"the secret file {path} cannot be read: {error.strerror}") from None
    try:
        _refuse_if_not_private(os.fstat(descriptor), path)
        data = os.read(descriptor, _MOST_BYTES)
    except OSError as error:
        raise SecretRefused(f"the secret file {path} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    lines = data.decode("utf-8", "replace").split()
    if len(lines) != 1:
        raise SecretRefused(
            f"the secret file {path} must hold one secret and nothing else",
            mend=f"write it anew, in one line: (umask 077; cat > {path})",
        )
    return Secret(lines[0])


def _refuse_if_not_private(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretRefused(f"{path} is not a file", mend="name the file that holds the secret")
    if status.st_uid not in (os.geteuid(), 0):
        raise SecretRefused(
            f"the secret file {path} belongs to somebody else", mend="keep the secret in a file of your own"
        )
    if status.st_mode & 0o077:
        raise SecretRefused(
            f"the secret file {path} can be read or changed by others (mode {stat.S_IMODE(status.st_mode):04o})",
            mend=f"chmod 600 {path}",
        )
