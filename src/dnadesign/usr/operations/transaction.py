"""Several changes as one: base rows and parts of several namespaces become visible together, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dnadesign.usr import operations as _ops  # loaded when a transaction ends
from dnadesign.usr.contract.actor import Actor
from dnadesign.usr.contract.errors import SequencesError, ValidationError
from dnadesign.usr.storage.store import Store

if TYPE_CHECKING:  # only a name in signatures
    from dnadesign.usr.operations._mutation import Step


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """What a transaction committed.

    Attributes:
        txid: Its id, which all its events carry.
        batch_id: The name it was given, or None.
        replayed: Whether that batch had been committed before, so that nothing was done now.
        results: The result of each recorded change, in order.
    """

    txid: str
    batch_id: str | None
    replayed: bool
    results: tuple[Any, ...]

    def to_dict(self) -> dict[str, Any]:
        """The result for machine-readable output."""
        return {
            "txid": self.txid,
            "batch_id": self.batch_id,
            "replayed": self.replayed,
            "results": [r.to_dict() for r in self.results],
        }


class Transaction:
    """Changes that are recorded inside a ``with`` block and committed together at its end.

    Nothing is checked or written before the end of the block; an exception inside it commits nothing.
    """

    def __init__(self, store: Store, *, batch_id: str | None, actor: Actor | None) -> None:
        self._store = store
        self._batch_id = batch_id
        self._actor = actor
        self._steps: list[Step[Any]] = []
        self._open = False
        self._result: TransactionResult | None = None

    def record(self, step: Step[Any]) -> None:
        """Add a change.

        Raises:
            ValidationError: The block has ended, or has not begun.
        """
        self.check_open()
        self._steps.append(step)

    def check_open(self) -> None:
        """Refuse to record outside the block.

        Raises:
            ValidationError: The block has ended, or has not begun.
        """
        if not self._open:
            raise ValidationError(
                "the transaction is not open",
                mend="use its methods inside 'with dataset.transaction() as tx:'",
            )

    def check_complete(self) -> None:
        """Refuse to commit what is not whole; there is nothing here that could be otherwise."""

    @property
    def result(self) -> TransactionResult:
        """What was committed.

        Raises:
            SequencesError: The block has not ended yet, or failed.
        """
        if self._result is None:
            raise SequencesError("the transaction has no result", mend="read it after the 'with' block")
        return self._result

    def __enter__(self) -> Self:
        """Begin to record."""
        if self._open or self._result is not None:
            raise ValidationError(
                "a transaction can be used once", mend="make another: dataset.transaction()"
            )
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what was recorded, unless the block failed."""
        self._open = False
        if kind is None:
            self.check_complete()
            self._result = self._commit(self._steps)

    def _commit(self, steps: Sequence[Step[Any]]) -> TransactionResult:
        if not steps:
            if self._batch_id is not None:
                raise ValidationError(
                    f"batch {self._batch_id!r} is empty, so no event could tell that it is committed",
                    mend="record a change, or leave the batch out",
                )
            return TransactionResult("", None, replayed=False, results=())
        txid, replayed, results = _ops._mutation.run(
            self._store, steps, actor=self._actor, batch_id=self._batch_id
        )
        return TransactionResult(txid, self._batch_id, replayed, tuple(results))
