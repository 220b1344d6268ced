"""A comparison as one self-contained page."""

from tastelm.report.page import write
from tastelm.report.renewal import renew

__all__ = ["renew", "write"]
