"""TasteLM: recommenders built the language-model way.

    import tastelm as tl

    data = tl.read("log.csv")
    model = tl.fit("sasrec", data)
    model.recommend(["id1", "id2"], k=10)

The names below are all a user needs; they take the words of the command line. Everything heavy is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name -> the module that holds it.
_PUBLIC = {
    "read": "tastelm.data.sources",
    "Dataset": "tastelm.data.dataset",
    "split": "tastelm.data.split",
    "fit": "tastelm.api",
    "load": "tastelm.runs",
    "evaluate": "tastelm.api",
    "compare": "tastelm.api",
    "compare_over_time": "tastelm.api",
    "write_report": "tastelm.api",
    "tune": "tastelm.api",
    "transfer_curve": "tastelm.api",
    "relative_improvement": "tastelm.improvement",
    "show_prompt": "tastelm.api",
    "probe_search": "tastelm.probing",
    "probe_genres": "tastelm.probing",
    "taxonomy": "tastelm.api",
    "settings_of": "tastelm.api",
    "Recommender": "tastelm.recommender",
    "TasteLMError": "tastelm.errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tastelm' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from tastelm.api import compare as compare
    from tastelm.api import compare_over_time as compare_over_time
    from tastelm.api import evaluate as evaluate
    from tastelm.api import fit as fit
    from tastelm.api import settings_of as settings_of
    from tastelm.api import show_prompt as show_prompt
    from tastelm.api import taxonomy as taxonomy
    from tastelm.api import transfer_curve as transfer_curve
    from tastelm.api import tune as tune
    from tastelm.api import write_report as write_report
    from tastelm.data.dataset import Dataset as Dataset
    from tastelm.data.sources import read as read
    from tastelm.data.split import split as split
    from tastelm.errors import TasteLMError as TasteLMError
    from tastelm.improvement import relative_improvement as relative_improvement
    from tastelm.probing import probe_genres as probe_genres
    from tastelm.probing import probe_search as probe_search
    from tastelm.recommender import Recommender as Recommender
    from tastelm.runs import load as load
