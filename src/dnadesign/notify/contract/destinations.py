"""Where messages go: the provider, where its address is kept, and how it is named."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from urllib.parse import urlsplit

from dnadesign.notify.contract.errors import SecretRefused, StateFileError
from dnadesign.notify.contract.secrets import Secret, SecretRef, parse_secret_ref


class Provider(StrEnum):
    """How a destination wants its messages."""

    GENERIC = "generic"  # a webhook that takes CloudEvents
    SLACK = "slack"
    DISCORD = "discord"
    TEAMS = "teams"
    APPRISE = "apprise"  # whatever Apprise knows: mail, ntfy, Telegram, ...


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination without its secrets, which makes it safe to write down.

    Attributes:
        address: Where its webhook address is kept; None where it was given on the command line.
        signing: Where the signing secrets are kept: none, one, or the new and the old one.
        ca_file: A PEM file of certificate authorities to trust instead of the system's.
    """

    name: str
    provider: Provider
    address: SecretRef | None = None
    signing: tuple[SecretRef, ...] = ()
    ca_file: str | None = None

    def to_dict(self) -> dict[str, object]:
        """The destination as JSON values."""
        return {
            "name": self.name,
            "provider": self.provider.value,
            "address": str(self.address) if self.address else None,
            "signing": [str(ref) for ref in self.signing],
            "ca_file": self.ca_file,
        }


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of one destination, in memory only."""

    address: Secret
    signing: tuple[Secret, ...] = ()

    def all(self) -> tuple[Secret, ...]:
        """Every secret, for a redactor."""
        return (self.address, *self.signing)


def destination_from_dict(raw: Mapping[str, object], *, path: str) -> Destination:
    """The destination that ``to_dict`` wrote.

    Raises:
        StateFileError: The file was changed by hand into something else.
    """
    try:
        address, signing, ca_file = raw["address"], raw["signing"], raw["ca_file"]
        if not isinstance(signing, list):
            raise TypeError("signing is not a list")
        return Destination(
            name=str(raw["name"]),
            provider=Provider(str(raw["provider"])),
            address=parse_secret_ref(str(address)) if address is not None else None,
            signing=tuple(parse_secret_ref(str(ref)) for ref in signing),
            ca_file=str(ca_file) if ca_file is not None else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StateFileError(f"{path} does not describe a destination: {type(error).__name__}") from None


def name_of_reference(ref: SecretRef) -> str:
    """The name of a destination that is only known by where its address is kept.

    The dot keeps it apart from the names of profiles.
    """
    if ref.kind == "env":
        return f"env.{ref.where}"
    stem = re.sub(r"[^A-Za-z0-9_-]", "-", PurePath(ref.where).stem)[:40]
    return f"file.{stem}-{hashlib.sha256(ref.where.encode()).hexdigest()[:8]}"


def name_of_address(address: Secret) -> str:
    """The name of a destination given as a bare address: 48 bits of a hash say which, and not what."""
    return f"url.{hashlib.sha256(address.reveal().encode()).hexdigest()[:12]}"


def check_address(address: Secret, provider: Provider) -> None:
    """Accept an address that a message may be sent to: https, or http on this machine, with a host.

    Raises:
        SecretRefused: Anything else. Apprise has its own schemes and checks them itself.
    """
    text = address.reveal()
    if not text or any(character.isspace() or not character.isprintable() for character in text):
        raise SecretRefused(
            "the webhook address is empty, or has white space or control characters in it",
            mend="copy it again from where it was made",
        )
    if provider is Provider.APPRISE:
        return
    try:
        split = urlsplit(text)
        host, _ = split.hostname, split.port
    except ValueError:
        host, split = None, urlsplit("")
    if split.scheme not in ("http", "https") or not host:
        raise SecretRefused(
            "the webhook address is not an https address with a host",
            mend="copy it again from where it was made; schemes such as mailto: or ntfy: need provider apprise",
        )
    if split.scheme == "http" and not _is_this_machine(host):
        raise SecretRefused(
            "the webhook address is http: everybody on the way could read it, and use it",
            mend="use its https address (http is taken for this machine only)",
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def guess_provider(address: Secret) -> Provider | None:
    """The provider that the host of an address belongs to; None where it could be anybody's."""
    try:
        host = urlsplit(address.reveal()).hostname or ""
    except ValueError:
        return None
    if host in ("hooks.slack.com", "hooks.slack-gov.com"):
        return Provider.SLACK
    if host in ("discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"):
        return Provider.DISCORD
    if host.endswith((".logic.azure.com", ".webhook.office.com", ".powerplatform.com")):
        return Provider.TEAMS
    return None
