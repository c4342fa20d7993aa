"""Every claim of speed, memory and patience, measured in one run: `make bench`.

Each row is a ratio against a named peer with a limit; absolute times mislead on shared machines.
Only where a person waits, or a small machine must do, the limit is for ours alone, in its unit.
"""

from __future__ import annotations

import sys

from benchmarks import (
    bench_create,
    bench_download,
    bench_last_frame,
    bench_page,
    bench_polling,
    bench_redaction,
    bench_render,
    bench_servers,
    bench_start,
    bench_visitors,
    bench_waiting,
)
from benchmarks.table import Row

BENCHES = (
    bench_polling,
    bench_start,
    bench_page,
    bench_render,
    bench_redaction,
    bench_download,
    bench_create,
    bench_last_frame,
    bench_waiting,
    bench_visitors,
    bench_servers,
)

HEADER = f"{'what':<34}{'ours':>10} {'peer':>10} {'unit':<9}{'ratio':>6}  {'limit':<16}peer"


def main() -> int:
    print(HEADER)
    missed = 0
    for bench in BENCHES:
        for row in bench.rows():
            verdict = "" if row.holds else "  MISSED"
            missed += not row.holds
            print(
                f"{row.name:<34}{row.ours:>10.2f} {row.peer:>10.2f} {row.unit:<9}"
                f"{row.ratio:>6.2f}  {bound_of(row):<16}{row.peer_name}{verdict}",
                flush=True,
            )
    return 1 if missed else 0


def bound_of(row: Row) -> str:
    bound = f"{'at most' if row.at_most else 'at least'} {row.limit:.3g}"
    return f"{bound} {row.unit.split()[0]}" if row.absolute else bound


if __name__ == "__main__":
    sys.exit(main())
