"""Claim: a training epoch costs little more than the bare loop and a small part of what the peers take. At equal sizes, in one run.

Rivals: bare.py, RecBole 1.2.1, RecTools 0.19.0. Everybody trains in a process of its own, never two at once, in turns: bare, TasteLM,
bare, TasteLM, ... TasteLM, RecBole, TasteLM, RecTools, TasteLM. A ratio compares a measurement with the mean of the two beside it.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from functools import partial
from typing import Any

from common import Failed, Missing, Row, data, emit, lines_of, own, report, rival, say, section, spread

SIZES = ("--set", "dim=64", "--set", "layers=2", "--set", "heads=2", "--set", "max_len=50", "--set", "dropout=0.5", "--set", "lr=0.001")
SASREC = (*SIZES, "--system", "sasrec", "--set", "windows=last")
BERT4REC = (*SIZES, "--system", "bert4rec", "--set", "mask=0.3", "--set", "last=0.1", "--set", "head=false")


@dataclass(frozen=True)
class Peer:
    """goal: how many times faster TasteLM is to be, None for no promise; fraction: share of an epoch that is measured."""

    name: str
    environment: str
    options: tuple[str, ...]
    fraction: float
    goal: float | None = None

    def command(self, name: str) -> list[str]:
        return rival(self.environment, f"peer_{self.environment}.py", *self.options, "--data", name, "--fraction", self.fraction)


@dataclass(frozen=True)
class Scenario:
    """tastelm, bare: options of one_epoch.py and bare.py; goal: largest ratio of the two."""

    name: str
    claim: str
    tastelm: tuple[str, ...]
    bare: tuple[str, ...]
    goal: float | None
    peers: tuple[Peer, ...]


RECBOLE, RECTOOLS = "RecBole 1.2.1", "RecTools 0.19.0"
SCENARIOS = (
    Scenario("full", "SASRec, full softmax", (*SASREC, "--set", "loss=full"), ("--loss", "full"), 1.25, (
        Peer(RECBOLE, "recbole", ("--loss", "CE"), 0.08, 18),
        Peer(RECTOOLS, "rectools", ("--loss", "softmax"), 0.06, 30))),
    Scenario("sampled", "SASRec, sampled softmax, 256 negatives (RecTools: for every place its own)",
        (*SASREC, "--set", "loss=sampled", "--set", "negatives=256"), ("--loss", "sampled", "--negatives", "256"), None, (
        Peer(RECTOOLS, "rectools", ("--loss", "sampled_softmax", "--negatives", "256"), 0.08),)),
    Scenario("one", "SASRec, one negative (RecBole: BPR, the others BCE)",
        (*SASREC, "--set", "loss=bce", "--set", "negatives=1"), ("--loss", "bce", "--negatives", "1"), None, (
        Peer(RECBOLE, "recbole", ("--loss", "BPR"), 0.1),
        Peer(RECTOOLS, "rectools", ("--loss", "BCE"), 0.4))),
    Scenario("bert4rec", "BERT4Rec, full softmax, 30 % hidden (RecBole 20 %, RecTools 15 %, their own)", (*BERT4REC, "--set", "loss=full"),
        ("--model", "bert4rec", "--loss", "full"), None, (
        Peer(RECBOLE, "recbole", ("--model", "BERT4Rec", "--loss", "CE"), 0.01),
        Peer(RECTOOLS, "rectools", ("--model", "BERT4Rec", "--loss", "softmax"), 0.05))),
)  # fmt: skip


def measure(kind: str, who: str, command: list[str]) -> dict[str, Any]:
    """Run one contender: its line, with `seconds` an epoch."""
    line = lines_of(command)[-1]
    line |= {"measured": kind, "who": who, "seconds": line["epoch_s"] if "epoch_s" in line else line["seconds"]}
    say(f"{kind} · {who}: {line['seconds']:.2f} s")
    report(**line)
    return line


def compare(scenario: Scenario, name: str, file: str, *, rounds: int, warm_up: bool, peers: bool) -> None:
    """One scenario: the row beside the bare loop, then a row for each peer."""
    bare_command = rival("bare", "bare.py", *scenario.bare, "--data", name, "--batch", 256, "--epochs", 1, "--eval-every", 9)
    bare = partial(measure, scenario.name, "bare", bare_command)
    tastelm = partial(measure, scenario.name, "TasteLM", own("one_epoch.py", *scenario.tastelm, "--data", file))
    if warm_up:
        tastelm()
    between, ratios, ours = [bare()["seconds"]], list[float](), list[float]()
    for _ in range(rounds):
        ours.append(tastelm()["seconds"])
        between.append(bare()["seconds"])
        ratios.append(ours[-1] / statistics.mean(between[-2:]))
    ratio = statistics.median(ratios)
    held = None if scenario.goal is None else ratio <= scenario.goal
    goal = "-" if scenario.goal is None else f"at most {scenario.goal:g}x bare"
    claim = f"Epoch of {scenario.claim}"
    emit(Row(claim, spread(ours, unit=" s"), f"bare loop {spread(between, unit=' s')}", f"{spread(ratios, '.2f')}x bare", goal, held))
    before = tastelm() if peers else {}
    for peer in scenario.peers:
        goal = "-" if peer.goal is None else f"at least {peer.goal:g}x faster"
        try:
            if not peers:
                raise Missing("--quick leaves the peers out")
            found = measure(scenario.name, peer.name, peer.command(name))
        except (Missing, Failed) as problem:
            emit(Row(claim, "-", f"{peer.name}: {problem}", goal=goal, held=False if isinstance(problem, Failed) else None))
            continue
        after = tastelm()
        us = [before["seconds"], after["seconds"]]
        times = found["seconds"] / statistics.mean(us)
        memory = f"{found['peak_rss_gb']:.1f} GiB at its peak, TasteLM {after['peak_gib']:.1f}"
        note = f"{peer.name}: {found['seconds']:.0f} s, from {found['measured_fraction']:.1%} of an epoch; {memory}"
        emit(Row(claim, spread(us, unit=" s"), note, f"{times:.0f}x faster", goal, None if peer.goal is None else times >= peer.goal))
        before = after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", default="Beauty", help="a file of s3rec/")
    parser.add_argument("--scenarios", nargs="+", choices=[scenario.name for scenario in SCENARIOS], default=[scenario.name for scenario in SCENARIOS])
    parser.add_argument("--rounds", type=int, default=3, help="measured epochs of TasteLM between bare ones")
    parser.add_argument("--no-peers", action="store_true", help="the bare loop alone")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few users, one round, full softmax only, no peers")
    args = parser.parse_args()

    def all_scenarios() -> None:
        with data(args.data, quick=args.quick) as file:
            for scenario in SCENARIOS[:1] if args.quick else SCENARIOS:
                if scenario.name in args.scenarios:
                    rounds = 1 if args.quick else args.rounds
                    run = partial(compare, scenario, args.data, str(file), rounds=rounds, warm_up=not args.quick, peers=not (args.quick or args.no_peers))
                    section(run, f"Epoch of {scenario.claim}")

    section(all_scenarios, "Training epochs")


if __name__ == "__main__":
    main()
