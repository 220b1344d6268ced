"""Metrics of rankings and lists, and how sure their differences are."""

from tastelm.metrics import lists as _lists  # noqa: F401  entering the list metrics in the table
from tastelm.metrics import ranking as _ranking  # noqa: F401  entering the ranking metrics in the table
from tastelm.metrics.base import Declaration, Lists, Metric, declare, declared_metrics, parse_metrics
from tastelm.metrics.ranks import Ranks, resolve_ties
from tastelm.metrics.sampled import SampledRank, estimate_sampled
from tastelm.metrics.significance import Comparison, bootstrap_ci, compare_systems, holm, paired_test, ratio_ci, stratified_ci

__all__ = [
    "Comparison",
    "Declaration",
    "Lists",
    "Metric",
    "Ranks",
    "SampledRank",
    "bootstrap_ci",
    "compare_systems",
    "declare",
    "declared_metrics",
    "estimate_sampled",
    "holm",
    "paired_test",
    "parse_metrics",
    "ratio_ci",
    "resolve_ties",
    "stratified_ci",
]
