"""How much memory a command holds: the sum of PSS over all its processes, sampled while it runs.

PSS counts a shared page once over all who share it, so the sum is what the machine has to give. The table names
the moment of the highest sum, and for each kind of process the most that it ever held.

    python scripts/bench/memory.py -- curate dedup CORPUS --memory 2GB --workers 2
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from bench import CURATE, children, proportional_bytes, tree

KINDS = ("coordinator", "forkserver", "worker")


@dataclass
class Peak:
    """The most bytes at one time: of all processes, with what each kind held then, and of each kind alone.

    most: of all processes of a kind together. largest: of one process of a kind.
    """

    total: int = 0
    then: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    largest: Counter[str] = field(default_factory=Counter)
    workers: int = 0
    samples: int = 0
    status: int = 0
    seconds: float = 0.0

    def take(self, found: list[tuple[str, int]]) -> None:
        """Count one sample: kind and bytes of each process."""
        now: Counter[str] = Counter()
        for kind, size in found:
            now[kind] += size
            self.largest[kind] = max(self.largest[kind], size)
        for kind, size in now.items():
            self.most[kind] = max(self.most[kind], size)
        self.workers = max(self.workers, sum(kind == "worker" for kind, _ in found))
        self.samples += 1
        if now.total() > self.total:
            self.total, self.then = now.total(), now


def sample(process: int) -> list[tuple[str, int]]:
    """Kind and PSS of a command's processes: the first one, the forkserver below it, workers below that."""
    found = [("coordinator", proportional_bytes(process))]
    for server in children(process):
        found.append(("forkserver", proportional_bytes(server)))
        found += [("worker", proportional_bytes(worker)) for worker in tree(server)[1:]]
    return found


def measured(command: list[str], every: float, **given) -> Peak:
    """Run a command to its end and sample it. given: for Popen."""
    peak = Peak()
    begun = time.perf_counter()
    with subprocess.Popen(command, **given) as process:
        while process.poll() is None:
            peak.take(sample(process.pid))
            time.sleep(every)
    peak.status, peak.seconds = process.returncode, time.perf_counter() - begun
    return peak


def show(peak: Peak) -> None:
    """Print the table."""
    print(f"peak {peak.total / 1e6:,.0f} MB over {peak.seconds:.1f} s and {peak.samples} samples; status {peak.status}")
    print(f"{'':12}{'at the peak':>13}{'most together':>15}{'largest one':>13}")
    for kind in KINDS:
        values = (peak.then[kind], peak.most[kind], peak.largest[kind])
        print(f"{kind:12}{values[0] / 1e6:13,.0f}{values[1] / 1e6:15,.0f}{values[2] / 1e6:13,.0f}")
    print(f"workers at one time: {peak.workers}")


def main() -> None:
    """Run, measure and print; the status is the command's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, default=0.1, help="Seconds between samples.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead.")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="The command, after --.")
    given = parser.parse_args()
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        parser.error("give a command after --")
    peak = measured([str(CURATE), *command[1:]] if command[0] == "curate" else command, given.every)
    print(json.dumps(vars(peak))) if given.json else show(peak)
    sys.exit(peak.status)


if __name__ == "__main__":
    main()
