"""How bytes get to disk and back, crash-safe; what needs Arrow or NumPy is loaded when it is first used."""

from typing import TYPE_CHECKING

from dnadesign.usr.contract.lazily import modules_of

if TYPE_CHECKING:
    from dnadesign.usr.storage import few_files as few_files
    from dnadesign.usr.storage import key_index as key_index
    from dnadesign.usr.storage import key_state as key_state
    from dnadesign.usr.storage import parquet as parquet
else:
    __getattr__ = modules_of(__name__)
