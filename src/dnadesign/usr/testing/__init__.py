"""For tests, ours and those of programs that use usr: a file system that fails on demand, and what always holds.

``SimulatedFileSystem`` stands in for the real one wherever usr takes ``fs=``; ``FILESYSTEM_CHECKS`` is what any
implementation of the seam has to pass; ``DatasetModel`` is a dataset in a few dictionaries, to compare with.
"""
