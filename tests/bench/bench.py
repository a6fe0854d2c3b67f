#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures EMD against md: the same members, the same boot, in turn; prints ratios.

    bench.py [PLAN]                      quick (default), or another of tests/bench/plans
    bench.py PLAN --row ID...            only these rows (patterns)
    bench.py --compare A.json B.json     what a change did
    bench.py [PLAN] --profile ID         where EMD and md spend their instructions in one row, function by function
    bench.py --markdown RESULT.json      the table of docs/benchmarks.md
    bench.py [PLAN] --accept             write what is below its gate into the baseline, for review

Ends with 1 when a row or a slope is worse than it may be (suite/verdict.py), or data is wrong. Results are in
build/bench/results. tests/bench/README.md says how it is measured.
"""
import argparse
import copy
import fnmatch
import json
import math
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "vm")]
from lab.paths import BUILD, LabError  # noqa: E402
from suite import instrument, plan as plans, report, script, verdict  # noqa: E402

BASELINE = HERE / "baseline.json"
REPEATS = 2  # of rows that seem worse


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", nargs="?", default="quick")
    parser.add_argument("--row", nargs="+", default=["*"], metavar="ID")
    parser.add_argument("--repetitions", type=int, default=1, help="of md, EMD, EMD, md (default: 1)")
    parser.add_argument("--once", action="store_true", help="measure no row again that seems worse")
    parser.add_argument("--gates", action="store_true", help="end with 1 also for what the baseline excuses")
    parser.add_argument("--compare", nargs=2, metavar="JSON", type=Path)
    parser.add_argument("--markdown", metavar="JSON", type=Path)
    parser.add_argument("--profile", metavar="ID")
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what the guest prints")
    return parser.parse_args()


def selected(plan, patterns):
    """The rows that match, and the slopes whose rows are all there."""
    plan.rows = [row for row in plan.rows if any(fnmatch.fnmatch(row.id, pattern) for pattern in patterns)]
    ids = {row.id for row in plan.rows}
    plan.slopes = [slope for slope in plan.slopes if {slope.a, slope.b} <= ids]
    if not plan.rows:
        raise plans.PlanError(f"plan {plan.name} has no row like {' '.join(patterns)}")
    return plan


def accept(baseline, rows, slopes):
    """The baseline that fits this run: exactly what is below its gate, rounded down."""
    for r in rows:
        if not r.ratio:  # absent, or verified
            continue
        baseline["rows"].pop(r.row.id, None)
        if r.ratio < r.row.gate:
            baseline["rows"][r.row.id] = int(r.ratio * 100) / 100
    for s in slopes:
        baseline["slopes"].pop(s.slope.id, None)
        if s.emd > s.slope.gate:
            baseline["slopes"][s.slope.id] = math.ceil(s.emd * 10) / 10
    BASELINE.write_text(json.dumps(baseline, indent=1, sort_keys=True) + "\n")


def record(plan, rows, slopes, seconds):
    """For scripts/check: one line for each row and slope, as the other stages write them."""
    if "EMD_RESULTS" not in os.environ:
        return
    with open(os.environ["EMD_RESULTS"], "a") as out:
        for r, name in [(r, r.row.id) for r in rows] + [(s, s.slope.id) for s in slopes]:
            state = "fail" if r.failed else "skip" if r.state == "absent" else "pass"
            out.write(f"{state}\tbench/{plan.name}/{name}\t{seconds / max(len(rows), 1):.1f}\t{getattr(r, 'why', '')}\n")


def run(plan, options):
    return instrument.icount(f"bench-{plan.name}", script.text(plan, options.repetitions), options.verbose)


def measured_again(plan, options, judge):
    """A disturbance only adds instructions: what seems worse is measured once more, and the least of all counts."""
    rows = [r.row.id for r in judge.rows() if r.state == "worse"]
    rows += [row for s in judge.slopes() if s.state == "worse" for row in (s.slope.a, s.slope.b)]
    if not rows:
        return False
    print(f"bench: once more: {', '.join(rows)}", flush=True)
    more = run(selected(copy.copy(plan), rows), options)
    for key, samples in more.samples.items():
        judge.measured.samples[key].extend(samples)
    judge.measured.wrong.extend(more.wrong)
    judge.measured.seconds += more.seconds
    return True


def measure(options):
    plan = selected(plans.load(HERE / "plans" / f"{options.plan}.plan"), options.row)
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {"rows": {}, "slopes": {}}
    measured = run(plan, options)
    judge = verdict.Judge(plan, measured, "icount", baseline)
    if list(judge.drift()):
        print("bench: a bare member changed during the run: once more", flush=True)
        judge.measured = measured = run(plan, options)
    for _ in range(0 if options.once else REPEATS):
        if not measured_again(plan, options, judge):
            break
    rows, slopes, drift = judge.rows(), judge.slopes(), list(judge.drift())
    if options.accept:
        accept(baseline, rows, slopes)
        rows, slopes = judge.rows(), judge.slopes()
    print(report.table(rows, slopes, "icount"))
    if plan.lacks:
        print(report.lacking(plan.lacks))
    print(report.summary(rows, slopes), flush=True)
    result = BUILD / "bench/results" / f"{plan.name}.json"
    report.save(result, report.document(plan, measured, rows, slopes, "icount"))
    print(f"{result}, {measured.seconds:.0f} s")
    record(plan, rows, slopes, measured.seconds)
    for text in drift:
        print(f"bench: a bare member changed during the run, {text}", file=sys.stderr)
    for r in rows:
        if r.failed:
            print(f"bench: {r.row.id}: {r.state}: {r.why}", file=sys.stderr)
    for s in slopes:
        if s.failed:
            print(f"bench: {s.slope.id}: {s.state}: {s.emd:.1f}, must not be above {s.limit:.1f}", file=sys.stderr)
    below = options.gates and any(r.state == "below gate" for r in rows + slopes)
    return 1 if drift or below or any(r.failed for r in rows + slopes) else 0


def profile(options):
    row = selected(plans.load(HERE / "plans" / f"{options.plan}.plan"), [options.profile]).rows[0]
    print(report.profiles(row, *instrument.profiled(f"bench-profile-{row.id}", script.profile(row))))
    return 0


def main():
    options = parse()
    try:
        if options.compare:
            print(report.compare(*(json.loads(path.read_text()) for path in options.compare)), end="")
            return 0
        if options.markdown:
            print(report.markdown(json.loads(options.markdown.read_text())), end="")
            return 0
        return profile(options) if options.profile else measure(options)
    except (LabError, plans.PlanError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


sys.exit(main())
