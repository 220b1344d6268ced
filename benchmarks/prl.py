"""Does asking for reward bring reward? prl beside its backbone, in a shop of which the best policy is known.

    python benchmarks/prl.py              # a row that is there is not trained again
    python benchmarks/prl.py --encoders gru4rec,sasrec --arms plain,sqn,sac    # some of them
    python benchmarks/prl.py --table      # write the table of what is there

The shop: after each item it shows another, and a user of one of two hidden tastes buys it, clicks on it, or does nothing, which leaves no
trace. After every item there is a bait, which is shown most of the time, often clicked on and hardly bought, and an item for each taste
that is seldom shown, often bought by who has the taste and now and then by who has not. So the next item of the log is mostly the bait,
also where purchases weigh five times as much, and the best policy given the last item is never the bait.

Arms, for each encoder: the plain backbone, the same with purchases weighing 5:1 (and the mixing layer of prl), prl asked for the reward of the
next event, prl asked for that of the whole rest of a session, as in the paper, prl without weights, and prl with shuffled rewards; and of the
paper's rivals SQN and SAC, which learn from a critic beside the next item. How much is asked for, in multiples of what is usual, is chosen for
each arm of prl by the purchases of the validation sessions. Judged on sessions that nothing was trained on: HR@5 and NDCG@5 of the next item,
purchases and clicks apart, one prediction an event and the whole catalogue ranked, and the expected reward of the first recommendation, which the
shop knows. Intervals are bootstrapped over sessions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from common import HERE, THREADS, command  # sets the threads, before torch is imported
from numpy.typing import NDArray

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.files import write_json, write_text
from tastelm.fitting import fit_system
from tastelm.jobs import Job
from tastelm.metrics.significance import ratio_ci
from tastelm.systems.catalogue import system
from tastelm.threads import use_threads
from tastelm.train.budget import Budget

RESULTS = HERE / "results" / "prl"
SEED, SESSIONS, ITEMS, TASTES = 0, 3000, 80, 2
CLICK, PURCHASE = 0.2, 1.0
REWARDS = f"click={CLICK:g},purchase={PURCHASE:g}"
ENCODERS = ("gru4rec", "sasrec", "nextitnet")
SAME = {"dim": 32, "layers": 1, "dropout": 0.3, "batch": 512, "tied": False}
# Of the rivals that are prl itself: no prompt and no weights would be the first again. An encoder alone is a system of its own name.
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("", {}),
    "weighted": ("prl", {"reward": "none"}),
    "sqn": ("sqn", {}),
    "sac": ("sqn", {"critic": "weighs"}),
    "prl": ("prl", {"horizon": 1}),
    "prl-whole": ("prl", {}),
    "prl-unweighted": ("prl", {"horizon": 1, "weight": "none"}),
    "prl-shuffled": ("prl", {"horizon": 1, "reward": "shuffled"}),
}
WORDS = {
    "plain": "backbone, plain", "weighted": "backbone, purchases weigh 5:1", "sqn": "critic beside (SQN)", "sac": "critic as weight (SAC)",
    "prl": "prl, next event",
    "prl-whole": "prl, whole rest", "prl-unweighted": "prl, all weigh the same",
    "prl-shuffled": "prl, rewards shuffled",
}  # fmt: skip
ASKS = (0.5, 1.0, 2.0, 3.0, 5.0)
K = 5


@dataclass(frozen=True)
class Shop:
    """buys, clicks  (Z, N, N) probability that a user of a taste, after an item, buys or clicks on another that is shown; shown  (N, N) how
    often the shop shows the other. An item is never shown after itself."""

    buys: NDArray[np.float64]
    clicks: NDArray[np.float64]
    shown: NDArray[np.float64]

    @classmethod
    def drawn(cls, seed: int) -> Shop:
        rng = np.random.default_rng(seed)
        buys, clicks = np.full((TASTES, ITEMS, ITEMS), 0.01), np.full((TASTES, ITEMS, ITEMS), 0.05)
        shown = np.full((ITEMS, ITEMS), 0.43 / (ITEMS - 1))
        for last in range(ITEMS):
            bait, *wanted = rng.permutation(np.delete(np.arange(ITEMS), last))[: 1 + TASTES]
            shown[last, bait], shown[last, wanted], shown[last, last] = 0.45, 0.06, 0.0
            buys[:, last, bait], clicks[:, last, bait] = 0.02, 0.6
            for taste, item in enumerate(wanted):
                buys[:, last, item], clicks[:, last, item] = 0.1, 0.1
                buys[taste, last, item] = 0.5
        return cls(buys, clicks, shown)

    @property
    def worth(self) -> NDArray[np.float64]:
        """(Z, N, N) expected reward of an item that is shown."""
        return PURCHASE * self.buys + CLICK * self.clicks

    def policies(self, taste: NDArray[np.int64], last: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Expected reward of three policies in states (n,): who knows the taste, who knows the last item alone, and chance."""
        by_last = self.worth.mean(0).argmax(1)
        return {
            "best, taste known": self.worth.max(2)[taste, last],
            "best, given the last item": self.worth[taste, last, by_last[last]],
            "random": self.worth.mean(2)[taste, last],
        }


@dataclass(frozen=True)
class Log:
    """S sessions: the taste of each, how many events it has, and what was met and bought, (S, longest)."""

    taste: NDArray[np.int64]
    length: NDArray[np.int64]
    item: NDArray[np.int64]
    bought: NDArray[np.bool_]

    @classmethod
    def of(cls, shop: Shop, sessions: int, seed: int) -> Log:
        """Sessions of 6 to 14 events; what is shown and left alone is no event."""
        rng = np.random.default_rng((seed, 1))
        taste, length = rng.integers(TASTES, size=sessions), rng.integers(6, 15, size=sessions)
        likely = np.concatenate([shop.shown * shop.buys, shop.shown * shop.clicks], 2)
        cumulated = np.cumsum(likely, 2) / likely.sum(2, keepdims=True)
        item, bought = np.empty((sessions, 14), np.int64), np.zeros((sessions, 14), bool)
        item[:, 0] = rng.integers(ITEMS, size=sessions)
        for at in range(1, 14):
            drawn = (cumulated[taste, item[:, at - 1]] < rng.random(sessions)[:, None]).sum(1).clip(max=2 * ITEMS - 1)
            item[:, at], bought[:, at] = drawn % ITEMS, drawn < ITEMS
        return cls(taste, length, item, bought)

    def dataset(self) -> Dataset:
        session, at = np.nonzero(np.arange(self.item.shape[1]) < self.length[:, None])
        event = np.where(self.bought[session, at], "purchase", "click")
        columns = {
            "user": [f"s{number}" for number in session],
            "item": [f"i{item}" for item in self.item[session, at]],
            "time": at.astype(float),
            "event": event,
        }
        return Dataset.build(pl.DataFrame(columns), name="shop")


@dataclass(frozen=True)
class Questions:
    """n predictions, one for each event of some sessions but the first: the history as codes, what followed, and whose it is."""

    histories: Sequences
    target: NDArray[np.int64]
    bought: NDArray[np.bool_]
    taste: NDArray[np.int64]
    last: NDArray[np.int64]
    session: NDArray[np.int64]

    @classmethod
    def of(cls, log: Log, split: Split, part: Part) -> Questions:
        """Of the sessions that `part` asks about."""
        chosen = np.array([int(user[1:]) for user in split.users.decode(split.cases(part).users)])
        code = split.items.encode([f"i{item}" for item in range(ITEMS)])
        asked = [(session, at) for session in chosen for at in range(1, log.length[session])]
        session, at = np.array(asked).T
        histories = Sequences.of([code[log.item[number, :count]] for number, count in asked])
        return cls(histories, code[log.item[session, at]].astype(np.int64), log.bought[session, at], log.taste[session], log.item[session, at - 1], session)

    def sums(self, values: NDArray[np.float64]) -> list[float]:
        """Of values (n,), the sum of each session."""
        _, owner = np.unique(self.session, return_inverse=True)
        return np.bincount(owner, values).tolist()


@torch.inference_mode()
def judged(module: Any, questions: Questions, shop: Shop, split: Split) -> dict[str, list[float]]:
    """By session: events of each kind, the hits and gains among them, and the expected reward of the first recommendations."""
    scores = module.eval().item_scores(questions.histories, np.full(len(questions.histories), -1, np.int32)).numpy()
    gold = scores[np.arange(len(scores)), questions.target][:, None]
    place = (scores > gold).sum(1) + ((scores == gold).sum(1) - 1) / 2
    hit, gain = place < K, np.where(place < K, 1 / np.log2(place + 2), 0.0)
    item = np.array([int(name[1:]) for name in split.items.ids])[scores.argmax(1)]
    found = {"events": questions.sums(np.ones(len(scores))), "reward": questions.sums(shop.worth[questions.taste, questions.last, item])}
    for kind, those in (("purchases", questions.bought), ("clicks", ~questions.bought)):
        found |= {kind: questions.sums(those.astype(float)), f"hr {kind}": questions.sums(hit * those), f"ndcg {kind}": questions.sums(gain * those)}
    return found


def measure(args: argparse.Namespace) -> None:
    """Train what is not there yet, a row a file."""
    shop = Shop.drawn(SEED)
    log = Log.of(shop, args.sessions, SEED)
    split = tl.split(log.dataset(), "cold-users:0.1")
    test, valid = (Questions.of(log, split, part) for part in (Part.TEST, Part.VALID))
    bounds = {name: test.sums(values) for name, values in shop.policies(test.taste, test.last).items()}
    write_json(args.out / "bounds.json", {"rewards": bounds, "events": test.sums(np.ones(len(test.target)))})
    for seed in map(int, args.seeds.split(",")):
        for encoder in args.encoders.split(","):
            for arm in args.arms.split(","):
                made = _system(encoder, arm)
                job = Job(made, split, args.budget, seed)
                place = args.out / f"{encoder}-{arm}-{seed}.json"
                if place.is_file() and json.loads(place.read_bytes())["key"] == job.key:
                    continue
                fitted = fit_system(made, split, budget=Budget.parse(args.budget), seed=seed)
                module: Any = fitted.recommender.module
                row = {"encoder": encoder, "arm": arm, "seed": seed, "key": job.key, "seconds": fitted.seconds, "stages": fitted.history()}
                row |= {"settings": vars(fitted.recommender.system.config), "budget": args.budget, "fingerprint": split.fingerprint}
                row |= {"command": command(), "version": tl.__version__}
                row |= {"machine": f"{os.cpu_count()} cores, Python {platform.python_version()}"}
                if ARMS[arm][0] == "prl" and arm != "weighted":
                    row["valid"] = {}
                    for module.wanted in ASKS:
                        row["valid"][f"{module.wanted:g}"] = judged(module, valid, shop, split)
                    row["ask"] = module.wanted = max(ASKS, key=lambda ask: sum(row["valid"][f"{ask:g}"][CHOSEN_BY]))
                row["test"] = judged(module, test, shop, split)
                write_json(place, row)
                means = {name: round(sum(row["test"][name]) / sum(row["test"][over]), 3) for name, over in MEASURES}
                print(place.stem, means, f"{fitted.seconds:.0f} s", flush=True)


def _system(encoder: str, arm: str) -> Any:
    name, settings = ARMS[arm]
    if not name:
        return system(encoder).create(SAME | ({"heads": 1} if encoder == "sasrec" else {}))
    return system(name).create(SAME | {"encoder": encoder, "rewards": REWARDS} | settings)


CHOSEN_BY = "ndcg purchases"
# What is measured, and over what it is a mean.
MEASURES = (("reward", "events"), ("hr purchases", "purchases"), ("ndcg purchases", "purchases"), ("hr clicks", "clicks"), ("ndcg clicks", "clicks"))


def table(folder: Path) -> str:
    """Bounds, every arm, and the sweep."""
    lines = ["# Asking for reward, in a shop that is known", ""]
    rows = [json.loads(place.read_bytes()) for place in sorted(folder.glob("*-*.json"))]
    if not rows:
        return "\n".join([*lines, "No row is there yet.", ""])
    bounds = json.loads((folder / "bounds.json").read_bytes())
    lines += [
        f"{len(bounds['events'])} test sessions; a session counts with its mean over the seeds of a row, and beside the plain backbone over those of both. "
        "In brackets 95 % intervals, bootstrapped over sessions. Reward: expected, of the first recommendation. "
        f"{sum(row['seconds'] for row in rows) / 60:.1f} minutes of training.",
        "",
        "| encoder | arm | seeds | asked for, by seed | reward | less plain | HR@5 purchases | NDCG@5 purchases | less plain | HR@5 clicks | NDCG@5 clicks |",
        "|" + "---|" * 11,
    ]
    for name, values in bounds["rewards"].items():
        lines.append(f"| - | {name} | - | - | {_mean(np.array(values), np.array(bounds['events']))} |" + " |" * 6)
    for encoder in ENCODERS:
        for arm in ARMS:
            found, seeds = _over_seeds(rows, encoder, arm, "test"), _seeds(rows, encoder, arm)
            if found:
                both = seeds & _seeds(rows, encoder, "plain")
                own, plain = (_over_seeds(rows, encoder, one, "test", seeds=both) for one in (arm, "plain"))
                less = {name: _mean(own[name] - plain[name], own[over], "+.3f") if both and arm != "plain" else "-" for name, over in MEASURES}
                cells = [_mean(found[name], found[over]) for name, over in MEASURES]
                asks = ", ".join(f"{row['ask']:g}" for row in rows if row["encoder"] == encoder and row["arm"] == arm and "ask" in row) or "-"
                ran = ", ".join(map(str, sorted(seeds)))
                told = [encoder, WORDS[arm], ran, asks, cells[0], less["reward"], cells[1], cells[2], less["ndcg purchases"], *cells[3:]]
                lines.append("| " + " | ".join(told) + " |")
    lines += ["", "What is asked for, in multiples of the usual reward-to-go, on the validation sessions.", ""]
    lines += ["| encoder | arm | ask | reward | NDCG@5 purchases | NDCG@5 clicks |", "|" + "---|" * 6]
    for encoder in ENCODERS:
        for arm in ARMS:
            for ask in ASKS:
                found = _over_seeds(rows, encoder, arm, "valid", f"{ask:g}")
                if found:
                    cells = [_mean(found[name], found[over]) for name, over in (MEASURES[0], MEASURES[2], MEASURES[4])]
                    lines.append("| " + " | ".join([encoder, WORDS[arm], f"{ask:g}", *cells]) + " |")
    return "\n".join([*lines, ""])


def _over_seeds(
    rows: list[dict[str, Any]], encoder: str, arm: str, part: str, ask: str = "", *, seeds: set[int] | None = None
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    """Sums by session, the mean of all seeds, or of those; empty where there is no row."""
    seeds = _seeds(rows, encoder, arm) if seeds is None else seeds
    chosen = [row[part] for row in rows if row["encoder"] == encoder and row["arm"] == arm and row["seed"] in seeds and part in row]
    found = [values[ask] if ask else values for values in chosen]
    return {name: np.mean([values[name] for values in found], axis=0) for name in found[0]} if found else {}


def _seeds(rows: list[dict[str, Any]], encoder: str, arm: str) -> set[int]:
    return {row["seed"] for row in rows if row["encoder"] == encoder and row["arm"] == arm}


def _mean(sums: NDArray[np.float64], counts: NDArray[np.float64], form: str = ".3f") -> str:
    low, high = ratio_ci(sums, counts)
    return f"{sums.sum() / counts.sum():{form}} [{low:{form}}, {high:{form}}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--encoders", default=",".join(ENCODERS))
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--budget", default="3000steps", help="longest training of a row")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    use_threads(THREADS)
    if not args.table:
        measure(args)
    write_text(args.out / "prl.md", table(args.out))


if __name__ == "__main__":
    main()
