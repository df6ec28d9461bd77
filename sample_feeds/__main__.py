"""`python -m sample_feeds OUT`: make sample nights without the product's command line (`isindex sample` is the
same).
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path

from sample_feeds.nights import make_nights


def main() -> int:
    """Read the arguments, make the nights, print one line per delivery."""
    parser = argparse.ArgumentParser(prog="python -m sample_feeds", description="Make sample nights with known truth.")
    parser.add_argument("out", type=Path, help="folder to fill: landing/, truth/ and, for what comes late, waves/")
    parser.add_argument(
        "--authority", action="append", metavar="CODE", help="DfE code; may be given again (default 330)"
    )
    parser.add_argument("--first-night", type=dt.date.fromisoformat, default=dt.date(2026, 11, 18), metavar="DATE")
    parser.add_argument("--nights", type=int, default=1)
    parser.add_argument("--children", type=int, default=2_000, help="under 18 in each authority; 0: as many as in life")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", choices=["none", "record", "full"], default="none")
    parser.add_argument("--mode", choices=["full", "delta"], default="full")
    parser.add_argument("--compression", choices=["none", "gzip", "zstd"], default="none")
    parser.add_argument("--form", choices=["native", "parquet"], default="native")
    args = parser.parse_args()
    made = make_nights(
        args.out,
        args.authority or ["330"],
        first_night=args.first_night,
        nights=args.nights,
        children=args.children or None,
        seed=args.seed,
        faults=args.faults,
        modes=args.mode,
        compression=args.compression,
        form=args.form,
    )
    for delivery in made:
        feed = f"{delivery.authority} {delivery.agency:<12} {delivery.business_date} #{delivery.sequence}"
        sys.stdout.write(f"{feed} {delivery.rows:>7} rows {delivery.fault or 'sound'}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
