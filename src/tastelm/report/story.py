"""What the report says in sentences. Each follows from the numbers it stands beside."""

from __future__ import annotations

import math

from tastelm.leaderboard import drawn_of, of_task
from tastelm.report.record import Board, Probe, Record, Row
from tastelm.report.tables import SIGNIFICANT, number, test_of


def lede(board: Board) -> str:
    """The result in a sentence or two."""
    main, done = board.evaluation.main, board.ranked
    silent = [row.system for row in board.rows if not row.ranks]
    alone = f" {_listed(silent)} {'ranks' if len(silent) == 1 else 'rank'} nothing and {'gives' if len(silent) == 1 else 'give'} reasons." if silent else ""
    if not done:
        return alone.strip() if alone else "Every system failed; the errors are below."
    best = done[0]
    said = f"{best.system} comes first in {main}: {_with_interval(best, main)}."
    level = [row.system for row in done[1:] if (test := test_of(row.system, board)) is not None and test.p_holm >= SIGNIFICANT]
    tested = [row for row in done[1:] if test_of(row.system, board) is not None]
    if level:
        said += f" {_listed(level)} {'is' if len(level) == 1 else 'are'} not told apart from it by the paired test."
    elif tested:
        said += " The paired test tells every other system apart from it."
    said, failed = said + alone, len(board.rows) - len(done) - len(silent)
    return said + (f" {failed} {'system' if failed == 1 else 'systems'} failed." if failed else "")


def ranking(board: Board) -> str:
    """How the numbers came about."""
    asked = board.evaluation
    how = "all items ranked" if asked.ranking == "full" else f"SAMPLED ranking ({asked.ranking}), not comparable with full ranking"
    how = of_task(asked.task, asked.ranking) if asked.task else how
    budget = f"at most {board.budget} of training a system" if board.budget else "no budget: every training ended on its own"
    questions = f"{asked.cases:,} {asked.part} questions{drawn_of(asked.cases_drawn_of)}"
    return f"Split {asked.split} (seed {asked.split_seed}), {questions}, {how}, seen items {asked.seen_items}; {budget}."


def leak(record: Record) -> str:
    """What the next-integer probe says about the data."""
    main, probes = record.board.evaluation.main, record.account.probes
    probe, base = probes.get("next-integer"), probes.get("popularity")
    if probe is None or base is None:
        return "The probes were not computed."
    if probe.error is not None:
        return f"The probe does not apply here: {probe.error}"
    if not (_known(probe) and _known(base)):
        return f"{main} has no value for the probes here."
    scores = f"{number(probe.value)} in {main}, beside {number(base.value)} for popularity"
    if probe.ci95 is None or base.ci95 is None:
        return f"Guessing the next integers scores {scores}."
    if probe.ci95[0] > base.ci95[1]:
        return (
            f"Guessing the next integers scores {scores}: the ids themselves tell what comes next. A system that reads ids as text, digits or "
            "positions can score that much without learning anything about taste, so its numbers on this data prove little until the ids are shuffled."
        )
    if probe.ci95[1] < base.ci95[0]:
        return f"Guessing the next integers scores {scores}: less than popularity, so the order of the ids is no short cut to the answers here."
    said = "The ids may carry some order; a system that reads them as text should get them shuffled."
    return f"Guessing the next integers scores {scores}: the intervals overlap. {said}"


def users(record: Record) -> str:
    """How the users shown were chosen, and what their lists are."""
    asked = record.board.evaluation
    among = "" if asked.ranking == "full" else f" The lists hold candidates of the {'task' if asked.task else 'sampled ranking'} only."
    titles = any(entry.title for user in record.account.users for entry in user.history)
    named = "" if titles else " The data have no titles, so items go by their ids."
    return (
        "Nobody chose them by their results: they stand a quarter, half and three quarters of the way through all users "
        f"ordered by the length of their history.{among}{named}"
    )


def _with_interval(row: Row, main: str) -> str:
    value, (low, high) = row.metrics.get(main, math.nan), row.ci95.get(main, (math.nan, math.nan))
    if not math.isfinite(value):
        return "no value"
    return number(value) + (f" (95 % interval {number(low)} to {number(high)})" if math.isfinite(low) else "")


def _known(probe: Probe) -> bool:
    return math.isfinite(probe.value)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
