"""Claims: 22,363 users x 12,101 items are ranked in under 5 s, equal to a naive reference; and how fast recommendations come in bulk.

The questions are Beauty's test part, or random ones of its shape where the data are missing. Speed: an untrained sasrec, which computes
what a trained one computes; encoding the histories is part of it. Equality: a table of small whole numbers scores every item, so that
sums are exact in any order and many scores are equal; the reference ranks one user at a time, by numpy's argsort. Rival for speed: topk.py,
which multiplies and selects and does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import SEED, THREADS, Failed, Missing, Row, data, emit, lines_of, peak_gib, report, rival, spread

# isort: split
# Above, `common` sets the number of threads, which numpy reads when it is imported.
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import tastelm
from tastelm.bulk import recommend_file
from tastelm.data.features import Sizes
from tastelm.data.sequences import Sequences
from tastelm.data.split import Cases, Part, split
from tastelm.data.vocabulary import Vocabulary
from tastelm.evaluation import evaluate, protocol, rank
from tastelm.recommender import Recommender
from tastelm.systems.base import System
from tastelm.systems.catalogue import system

USERS, ITEMS = 22_363, 12_101
GOAL_SECONDS = 5.0
K = 20


@dataclass(frozen=True)
class Questions:
    """What is asked, the number of items, and how long all default metrics with their intervals take: a function, or None without data."""

    cases: Cases
    n_items: int
    evaluation: Callable[[Any], Any] | None


class WholeNumbers(nn.Module):
    """Scores that single precision holds exactly: products of vectors of small whole numbers."""

    def __init__(self, n_users: int, n_items: int) -> None:
        super().__init__()
        rng = np.random.default_rng(SEED)
        self.of_users, self.of_items = (torch.from_numpy(rng.integers(-3, 4, (count, 64)).astype(np.float32)) for count in (n_users, n_items))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        return self.of_users[torch.from_numpy(users)] @ self.of_items.T


def questions(name: str, *, quick: bool) -> Questions:
    """The test part of the data, or random histories of like length."""
    try:
        with data(name, quick=quick) as file:
            parts = split(tastelm.read(file), "leave-one-out")
        asked = protocol(parts, part=Part.TEST)
        return Questions(asked.cases, len(parts.items), lambda module: evaluate(module, asked))
    except Missing as missing:
        emit(Row("Ranking Beauty's test part", f"random histories of its shape instead: {missing}"))
    rng, users = np.random.default_rng(SEED), USERS // (20 if quick else 1)
    lengths = np.minimum(4 + rng.geometric(0.25, users), 200)
    histories = Sequences.from_lengths(rng.integers(ITEMS, size=int(lengths.sum()), dtype=np.int32), lengths)
    targets = Sequences.of(rng.integers(ITEMS, size=(users, 1)))
    return Questions(Cases(np.arange(users, dtype=np.int32), histories, targets), ITEMS, None)


def repeated(what: str, body: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each repeat, after one that is not counted."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - began)
    report(measured=what, warm_up_s=round(seconds[0], 3), seconds=[round(value, 3) for value in seconds[1:]], peak_gib=round(peak_gib(), 2))
    return seconds[1:]


def rate(seconds: list[float], asked: Questions) -> str:
    """Seconds, and users a second, in words."""
    return f"{spread(seconds, '.2f', ' s')}, {len(asked.cases) / statistics.median(seconds):,.0f} users/s"


def naive(scorer: WholeNumbers, cases: Cases) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Above, level with the target, and the K best scores, one user at a time; seen items set aside."""
    users, items = scorer.of_users.numpy(), scorer.of_items.numpy()
    above, tied, best = np.empty(len(cases), np.int64), np.empty(len(cases), np.int64), np.empty((len(cases), K), np.float32)
    for case, (user, history, target) in enumerate(zip(cases.users, cases.histories, cases.targets, strict=True)):
        scores = np.einsum("nd,d->n", items, users[user])
        scores[history] = -np.inf
        costs = -scores
        order = np.argsort(costs)
        first, last = (np.searchsorted(costs, costs[target[0]], side, sorter=order) for side in ("left", "right"))
        above[case], tied[case], best[case] = first, last - first - 1, scores[order[:K]]
    return above, tied, best


def equality(asked: Questions) -> tuple[bool, float, float]:
    """Whether every rank and every list is the reference's; our seconds, and the reference's. Equal scores may stand in any order in a list."""
    scorer = WholeNumbers(int(asked.cases.users.max()) + 1, asked.n_items)
    began = time.perf_counter()
    ranks, lists = rank(scorer, asked.cases, asked.n_items, mask_seen=True, k=K)
    ours = time.perf_counter() - began
    above, tied, best = naive(scorer, asked.cases)
    theirs = time.perf_counter() - began - ours
    listed = np.einsum("cd,ckd->ck", scorer.of_users.numpy()[asked.cases.users], scorer.of_items.numpy()[lists])
    seen = {(case, int(item)) for case, history in enumerate(asked.cases.histories) for item in history}
    same = {
        "above": int((ranks.above == above).sum()), "tied": int((ranks.tied == tied).sum()), "lists": int((listed == best).all(1).sum()),
        "lists_without_repeats": int((np.diff(np.sort(lists, 1), axis=1) > 0).all(1).sum()),
        "lists_without_seen": sum(all((case, int(item)) not in seen for item in row) for case, row in enumerate(lists)),
    }  # fmt: skip
    report(measured="equality", cases=len(asked.cases), same=same, cases_with_ties=int((tied > 0).sum()), seconds=round(ours, 2), naive_s=round(theirs, 2))
    return all(count == len(asked.cases) for count in same.values()), ours, theirs


def bulk(asked: Questions, made: System[Any], module: nn.Module, repeats: int) -> None:
    """Recommendations in memory, and from a file to a file."""
    items = Vocabulary((str(code) for code in range(asked.n_items)), ordered=True)
    model = Recommender(made, module, items, Vocabulary([]))
    histories = asked.cases.histories
    memory = repeated("Recommender.rank, k 10", lambda: model.rank(histories, 10), repeats)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "users.csv", Path(folder) / "recommendations.parquet"
        rows = {"user": [str(user) for user in asked.cases.users], "history": [" ".join(items.decode(history)) for history in histories]}
        pl.DataFrame(rows).write_csv(source)
        files = repeated("bulk.recommend_file, csv to parquet, k 10", lambda: recommend_file(model, source, target, k=10), repeats)
    what = f"Bulk: 10 of {asked.n_items:,} items for each of {len(histories):,} histories"
    for claim, seconds in ((f"{what}, in memory", memory), (f"{what}, from CSV to Parquet", files)):
        emit(Row(claim, rate(seconds, asked)))


def select_alone(users: int, items: int) -> tuple[str, float]:
    """The rival in words, and its seconds (not a number where it is missing)."""
    try:
        line = lines_of(rival("bare", "topk.py", "--users", users, "--items", items, "--k", K, "--chunks", 256))[-1]
    except (Missing, Failed) as problem:
        return f"topk.py: {problem}", float("nan")
    report(who="topk.py", **line)
    return f"product and top-{K} alone: {spread(line['seconds'], '.2f', ' s')}", statistics.median(line["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="Beauty", help="a file of s3rec/ (Beauty)")
    parser.add_argument("--repeats", type=int, default=3, help="measured, after one that is not (3)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few users, one repeat")
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    asked, repeats = questions(args.data, quick=args.quick), 1 if args.quick else args.repeats
    torch.manual_seed(SEED)
    made = system("sasrec").create({"max_len": 50})
    module: Any = made.build(Sizes(asked.n_items)).eval()
    sizes = f"{len(asked.cases):,} users x {asked.n_items:,} items"

    seconds = repeated("evaluate.rank", lambda: rank(module, asked.cases, asked.n_items, mask_seen=True, k=K), repeats)
    words, alone = select_alone(len(asked.cases), asked.n_items)
    median = statistics.median(seconds)
    ratio = "-" if alone != alone else f"{median / alone:.1f}x"
    goal, held = f"under {GOAL_SECONDS:g} s", median < GOAL_SECONDS
    emit(Row(f"Ranking {sizes}", rate(seconds, asked), words, ratio, goal, held))
    equal, ours, theirs = equality(asked)
    what = f"{'every rank and list the same' if equal else 'NOT the same; see bench.json'}, {ours:.1f} s"
    words = f"naive argsort, a user at a time: {theirs:.1f} s"
    emit(Row(f"Ranks and lists of {sizes}, a table of whole numbers, many ties", what, words, f"{theirs / ours:.0f}x faster", "equal", equal))
    if asked.evaluation is not None:
        whole = repeated("evaluate.evaluate", lambda: asked.evaluation(module), repeats)  # type: ignore[misc]
        emit(Row("Evaluation: the same with all default metrics and 95 % intervals", rate(whole, asked)))
    bulk(asked, made, module, repeats)


if __name__ == "__main__":
    main()
