"""For tests, ours and those of programs that use usr: a file system that fails on demand, and what always holds.

``SimulatedFileSystem`` stands in for the real one wherever usr takes ``fs=``; ``FILESYSTEM_CHECKS`` is what any
implementation of the seam has to pass; ``DatasetModel`` is a dataset in a few dictionaries, to compare with.
"""

from dnadesign.usr.testing.conformance import FILESYSTEM_CHECKS, FileSystemCheck
from dnadesign.usr.testing.disk import os_error
from dnadesign.usr.testing.model import DatasetModel
from dnadesign.usr.testing.simulated import CHANGING, Fault, Operation, SimulatedFile, SimulatedFileSystem

__all__ = [
    "CHANGING",
    "FILESYSTEM_CHECKS",
    "DatasetModel",
    "Fault",
    "FileSystemCheck",
    "Operation",
    "SimulatedFile",
    "SimulatedFileSystem",
    "os_error",
]
