"""Data in: tables, sequences, splits, and the readers that make them."""

from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.vocabulary import Vocabulary

__all__ = ["Dataset", "Sequences", "Vocabulary"]
