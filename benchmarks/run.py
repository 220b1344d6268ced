"""All benchmarks, one after the other, into one Markdown table. `make bench` calls this.

Each script runs in a process of its own and prints JSON lines; what it printed, the command, the seed, the seconds, the machine and the
versions go to `bench.json` as soon as it ends, and the table to `bench.md`. `--only` renews its own part of an earlier result.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import HERE, SEED, Row, own
from machine import machine, versions

from tastelm.files import write_json, write_text

SCRIPTS = ("epoch", "wallclock", "ranking", "memory", "kill")
SMOKE = "**A smoke run: the sizes are cut, so the numbers mean nothing.**"


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one script: what `bench.json` keeps of it."""
    command = own(f"{name}.py", *(["--quick"] if quick else []))
    print(f"{name}: {(HERE / f'{name}.py').name} runs", file=sys.stderr, flush=True)
    about = {"command": f"python benchmarks/{name}.py" + " --quick" * quick, "quick": quick, "seed": SEED}
    about |= {"began": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "versions": versions()}
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    rows = [line["row"] for line in lines if "row" in line]
    if done.returncode:
        rows.append(vars(Row(f"{name}.py", f"FAILED: it ended with {done.returncode}; its words are on standard error", held=False)))
    return about | {"seconds": round(time.perf_counter() - began, 1), "rows": rows, "lines": [line for line in lines if "row" not in line]}


def table(sections: dict[str, Any]) -> str:
    """The Markdown table over all parts, and under it where the numbers come from."""
    lines = ["# Benchmarks", ""]
    if any(part["quick"] for part in sections.values()):
        lines += [SMOKE, ""]
    lines += ["| claim | TasteLM | rival | ratio | goal | held? |", "|---|---|---|---|---|---|"]
    for part in sections.values():
        for row in part["rows"]:
            held = {True: "yes", False: "**no**", None: "-"}[row["held"] if not part["quick"] else None]
            cells = [row["claim"], row["tastelm"], row["rival"], row["ratio"], row["goal"], held]
            lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    lines += ["", "Median (least to most). Every process starts cold and alone; ratios compare what was measured side by side.", ""]
    for part in sections.values():
        of = ", ".join(f"{package} {version}" for package, version in part["versions"].items())
        lines.append(f"- `{part['command']}`, seed {part['seed']}, {part['seconds']:.0f} s, {part['began']}. {part['machine']['words']}. {of}.")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS, help="some of the scripts")
    parser.add_argument("--quick", action="store_true", help="a smoke run of seconds, into results/quick")
    parser.add_argument("--out", type=Path, help="folder for bench.json and bench.md (benchmarks/results)")
    args = parser.parse_args()
    out = args.out or HERE / "results" / ("quick" if args.quick else "")
    earlier = out / "bench.json"
    known: dict[str, Any] = json.loads(earlier.read_text())["scripts"] if earlier.is_file() else {}
    for name in args.only:
        known[name] = measure(name, quick=args.quick)
        sections = {script: known[script] for script in SCRIPTS if script in known}
        write_json(earlier, {"scripts": sections})
        write_text(out / "bench.md", table(sections))
    print((out / "bench.md").read_text())
    print(f"Written to {out / 'bench.md'} and {earlier}.", file=sys.stderr)
    return int(any(row["tastelm"].startswith("FAILED") or "FAILED" in row["rival"] for name in args.only for row in known[name]["rows"]))


if __name__ == "__main__":
    sys.exit(main())
