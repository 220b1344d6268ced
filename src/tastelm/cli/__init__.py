"""The command line: parse, call, print."""

from tastelm.cli.main import main

__all__ = ["main"]
