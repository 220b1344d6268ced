"""TasteLM: recommenders built the language-model way. Everything heavy is imported when it is first used."""

from typing import Any

__version__ = "0.1.0"
