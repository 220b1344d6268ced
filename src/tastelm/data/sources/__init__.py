"""Readers: files, folders, packages and frames to a Dataset."""

from tastelm.data.sources.reader import read

__all__ = ["read"]
