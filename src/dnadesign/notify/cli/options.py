"""Options that several commands share, and what they mean together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dnadesign.notify.adapters.folders import config_folder
from dnadesign.notify.adapters.profile_files import read_profile
from dnadesign.notify.adapters.secret_sources import fetch_secret
from dnadesign.notify.contract.destinations import (
    Destination,
    Provider,
    guess_provider,
    name_of_address,
    name_of_reference,
)
from dnadesign.notify.contract.errors import UsageProblem
from dnadesign.notify.contract.profile import Profile
from dnadesign.notify.contract.secrets import Redactor, Secret, SecretRef, parse_secret_ref
from dnadesign.notify.contract.signing import MOST_SECRETS

ProfileOption = Annotated[
    str | None, typer.Option("--profile", "-p", metavar="NAME", help="Name of a profile.")
]
ProviderOption = Annotated[
    Provider | None,
    typer.Option("--provider", help="How the destination wants messages [default: by its host]"),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Webhook address. Everybody on the machine can see it in the process list: prefer --url-env.",
    ),
]
UrlEnvOption = Annotated[
    str | None,
    typer.Option("--url-env", metavar="NAME", help="Environment variable that holds the webhook address."),
]
SecretRefOption = Annotated[
    str | None,
    typer.Option(
        "--secret-ref",
        metavar="REF",
        help="Where the webhook address is kept: env:NAME or file:PATH (mode 0600).",
    ),
]
SigningOption = Annotated[
    list[str] | None,
    typer.Option(
        "--signing-ref",
        metavar="REF",
        help="Where a signing secret is kept: env:NAME or file:PATH. Twice to rotate.",
    ),
]
CaFileOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="PEM file of certificate authorities to trust instead of the system's.",
    ),
]
StateDirOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        help="Where cursors and spools are kept [default: XDG_STATE_HOME/dnadesign/notify]",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")]


class Format(StrEnum):
    """How a list is printed."""

    TEXT = "text"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The destination that the options name.

    Attributes:
        address: The webhook address, where it was given as it is.
    """

    destination: Destination
    address: Secret | None = None
    profile: Profile | None = None


def choose_destination(
    *,
    profile: str | None,
    provider: Provider | None,
    url: str | None,
    url_env: str | None,
    secret_ref: str | None,
    signing_ref: Sequence[str] | None,
    ca_file: Path | None,
) -> Chosen:
    """The one destination that the options name.

    Raises:
        UsageProblem: None is named, or more than one.
        NotFound: The profile or variable is not there.
    """
    given = [
        name
        for name, value in (("--url", url), ("--url-env", url_env), ("--secret-ref", secret_ref))
        if value
    ]
    if profile is not None:
        also = [*given, *(["--provider"] if provider else []), *(["--signing-ref"] if signing_ref else [])]
        also.extend(["--ca-file"] if ca_file else [])
        if also:
            raise UsageProblem(f"--profile says where to send already; leave out {', '.join(also)}")
        found = read_profile(config_folder(), profile)
        return Chosen(found.destination(profile), profile=found)
    if len(given) != 1:
        raise UsageProblem(
            f"exactly one of --profile, --url-env, --secret-ref and --url is needed (given: {', '.join(given) or 'none'})"
        )
    ref = reference_of(url_env=url_env, secret_ref=secret_ref)
    address = Secret(url) if url else None
    provider = provider or _guess(address or fetch_secret(_needed(ref)))
    destination = Destination(
        name=name_of_reference(ref) if ref else name_of_address(_needed(address)),
        provider=provider,
        address=ref,
        signing=_signing(signing_ref, provider),
        ca_file=str(ca_file.absolute()) if ca_file else None,
    )
    return Chosen(destination, address=address)


def examples(*lines: str) -> str:
    """Examples for the end of a command's help, its lines kept as they are."""
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def report_line(text: str) -> None:
    """Say something about what goes on, on stderr, without secrets."""
    print(f"notify: {Redactor().text(text)}", file=sys.stderr, flush=True)


def split_words(values: Sequence[str] | None) -> frozenset[str]:
    """The words of a repeatable option whose values may be lists with commas."""
    return frozenset(word.strip() for value in values or () for word in value.split(",") if word.strip())


def reference_of(*, url_env: str | None, secret_ref: str | None) -> SecretRef | None:
    """Where the address is kept, as the two options say; None where neither is given."""
    if url_env is not None:
        return parse_secret_ref(f"env:{url_env}")
    if secret_ref is None:
        return None
    ref = parse_secret_ref(secret_ref)
    if ref.kind == "file":
        # The spool is drained from other folders than this one.
        return SecretRef("file", str(Path(ref.where).expanduser().absolute()))
    return ref


def _guess(address: Secret) -> Provider:
    return guess_provider(address) or Provider.GENERIC


def _signing(refs: Sequence[str] | None, provider: Provider) -> tuple[SecretRef, ...]:
    if refs and provider is not Provider.GENERIC:
        raise UsageProblem(
            f"--signing-ref is for provider generic; {provider.value} does not verify signatures"
        )
    if len(refs or ()) > MOST_SECRETS:
        raise UsageProblem(f"--signing-ref can be given {MOST_SECRETS} times: for the new and the old secret")
    return tuple(parse_secret_ref(ref) for ref in refs or ())


def _needed[T](value: T | None) -> T:
    if value is None:
        raise UsageProblem("the destination has no address")
    return value
