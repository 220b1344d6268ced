"""Choosing settings on the validation part: what is tried next, what was tried, and what came of it."""

from tastelm.tuning.search import Deaf, Effort, Listener, Tuning, ranks, tune
from tastelm.tuning.study import Study, Trial

__all__ = ["Deaf", "Effort", "Listener", "Study", "Trial", "Tuning", "ranks", "tune"]
