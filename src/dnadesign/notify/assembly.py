"""Puts adapters and operations together: a destination that is open, a log that is being watched."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dnadesign._streams import is_unread
from dnadesign.notify.adapters.clock import SystemClock
from dnadesign.notify.adapters.secret_sources import fetch_credentials
from dnadesign.notify.adapters.spool_files import SpoolFolder, spool_folder
from dnadesign.notify.adapters.transports import open_transport
from dnadesign.notify.contract.destinations import Credentials, Destination
from dnadesign.notify.contract.errors import FileProblem, InternalError, NotifyError
from dnadesign.notify.contract.file_problems import file_problem
from dnadesign.notify.contract.outcomes import DeliveryPolicy
from dnadesign.notify.contract.ports import Transport
from dnadesign.notify.contract.secrets import Redactor, Secret
from dnadesign.notify.operations.dispatch import Dispatcher

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OpenDestination:
    """A destination with all that it takes to send there."""

    destination: Destination
    credentials: Credentials
    transport: Transport
    spool: SpoolFolder
    redactor: Redactor
    policy: DeliveryPolicy
    clock: SystemClock

    def dispatcher(self, report: Report) -> Dispatcher:
        """Who sends there in order, through the spool where needed."""
        self.spool.prepare(self.destination)
        return Dispatcher(
            destination=self.destination.name,
            transport=self.transport,
            spool=self.spool,
            policy=self.policy,
            clock=self.clock,
            redactor=self.redactor,
            report=lambda text: report(self.redactor.text(text)),
            chance=random.SystemRandom(),
        )


@contextmanager
def open_destination(
    destination: Destination,
    *,
    address: Secret | None,
    policy: DeliveryPolicy,
    state_folder: Path,
    clock: SystemClock,
) -> Iterator[OpenDestination]:
    """A destination with its secrets fetched; its connection is closed at the end. Nothing is written yet.

    Raises:
        NotifyError: A secret is missing or not what it should be.
        FileProblem: The system refused a file inside.
        InternalError: An error that is none of ours was raised inside; its text may have held a secret, this one does not.
    """
    credentials = fetch_credentials(destination, address=address)
    redactor = Redactor(credentials.all())
    spool = spool_folder(state_folder, destination.name)
    transport = open_transport(destination, credentials, timeout=policy.timeout)
    try:
        yield OpenDestination(
            destination=destination,
            credentials=credentials,
            transport=transport,
            spool=spool,
            redactor=redactor,
            policy=policy,
            clock=clock,
        )
    except NotifyError:
        raise
    except Exception as error:  # only here it is known what must not be shown of whatever it is
        if isinstance(error, OSError) and is_unread(error):
            raise
        if isinstance(error, OSError) and (told := file_problem(error)) is not None:
            raise FileProblem(
                redactor.text(told.message), mend=told.mend and redactor.text(told.mend)
            ) from None
        raise InternalError(redactor.text(traceback.format_exc().rstrip())) from None
    finally:
        transport.close()


def known_secrets(destination: Destination, *, address: Secret | None) -> tuple[Secret, ...]:
    """The secrets of a destination as far as they can be had, to keep them out of what is shown."""
    try:
        return fetch_credentials(destination, address=address).all()
    except NotifyError:
        return (address,) if address is not None else ()
