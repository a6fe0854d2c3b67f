#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures EMD against md: the same members, the same boot, in turn; prints ratios.

    bench.py [PLAN]                      quick (default), or another of tests/bench/plans, with each instrument that it has rows for
    bench.py PLAN --on uml-cpu           with one instrument: icount or uml-cpu
    bench.py PLAN --row ID...            only these rows (patterns)
    bench.py --compare A.json B.json     what a change did
    bench.py [PLAN] --profile ID         where EMD and md spend their instructions in one row, function by function
    bench.py --markdown RESULT.json...   the table of docs/benchmarks.md
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
REPEATS = {"icount": 2, "uml-cpu": 3}  # of rows that seem worse, or are noisy and undecided
REPETITIONS = {"icount": 1, "uml-cpu": 5}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", nargs="?", default="quick")
    parser.add_argument("--row", nargs="+", default=["*"], metavar="ID")
    parser.add_argument("--on", choices=REPEATS, metavar="INSTRUMENT", help="icount or uml-cpu (default: each that the plan has rows for)")
    parser.add_argument("--repetitions", type=int, help="of md, EMD, EMD, md (default: 1 with icount, 5 with uml-cpu)")
    parser.add_argument("--once", action="store_true", help="measure no row again that seems worse")
    parser.add_argument("--gates", action="store_true", help="end with 1 also for what the baseline excuses")
    parser.add_argument("--compare", nargs=2, metavar="JSON", type=Path)
    parser.add_argument("--markdown", nargs="+", metavar="JSON", type=Path)
    parser.add_argument("--profile", metavar="ID")
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what the guest prints")
    return parser.parse_args()


def selected(plan, patterns):
    """The rows that match."""
    plan.rows = [row for row in plan.rows if any(fnmatch.fnmatch(row.id, pattern) for pattern in patterns)]
    if not plan.rows:
        raise plans.PlanError(f"plan {plan.name} has no row like {' '.join(patterns)}")
    return plan


def known(instrument):
    """What is below its gate with this instrument, and by how much."""
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    return baseline, baseline.setdefault(instrument, {"rows": {}, "slopes": {}})


def accept(everything, baseline, rows, slopes):
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
    BASELINE.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n")


def record(name, rows, slopes, seconds):
    """For scripts/check: one line for each row and slope, as the other stages write them."""
    if "EMD_RESULTS" not in os.environ:
        return
    with open(os.environ["EMD_RESULTS"], "a") as out:
        for r, what in [(r, r.row.id) for r in rows] + [(s, s.slope.id) for s in slopes]:
            state = "fail" if r.failed else "skip" if r.state == "absent" else "pass"
            out.write(f"{state}\tbench/{name}/{what}\t{seconds / max(len(rows), 1):.1f}\t{getattr(r, 'why', '')}\n")


def run(plan, options, on):
    return instrument.measure(on, f"bench-{plan.name}", script.text(plan, options.repetitions or REPETITIONS[on], on), options.verbose)


def measured_again(plan, options, judge):
    """A disturbance only adds instructions: what seems worse is measured once more, and the least of all counts. Of CPU time
    what is noisy is measured anew, where that may change the verdict: half of it disturbed has no median that says anything."""
    icount = judge.instrument == "icount"
    rows = [r.row.id for r in judge.rows() if (r.state == "worse" if icount else r.undecided)]
    rows += [row for s in judge.slopes() if s.state == "worse" for row in (s.slope.a, s.slope.b)]
    if not rows:
        return False
    print(f"bench: once more: {', '.join(rows)}", flush=True)
    more = run(selected(copy.copy(plan), rows), options, judge.instrument)
    for key, samples in more.samples.items():
        if icount or key[1] == "bare":
            judge.measured.samples[key].extend(samples)
        else:
            judge.measured.samples[key] = samples
    judge.measured.wrong.extend(more.wrong)
    judge.measured.seconds += more.seconds
    return True


def measure(options):
    """With one instrument after the other; the worst that one of them says is the end."""
    plan = selected(plans.load(HERE / "plans" / f"{options.plan}.plan"), options.row)
    each = [(on, plan.on(on)) for on in ([options.on] if options.on else REPEATS)]
    each = [(on, part) for on, part in each if part.rows]
    if not each:
        raise plans.PlanError(f"plan {plan.name} has no row for {options.on}")
    return max([measure_on(on, part, options) for on, part in each])


def measure_on(on, plan, options):
    everything, baseline = known(on)
    measured = run(plan, options, on)
    judge = verdict.Judge(plan, measured, on, baseline)
    if on == "icount" and list(judge.drift()):
        print("bench: a bare member changed during the run: once more", flush=True)
        judge.measured = measured = run(plan, options, on)
    for _ in range(0 if options.once else REPEATS[on]):
        if not measured_again(plan, options, judge):
            break
    rows, slopes, drift = judge.rows(), judge.slopes(), list(judge.drift())
    if options.accept:
        accept(everything, baseline, rows, slopes)
        rows, slopes = judge.rows(), judge.slopes()
    print(report.table(rows, slopes, on))
    if plan.lacks and on == "icount":
        print(report.lacking(plan.lacks))
    print(report.summary(rows, slopes), flush=True)
    name = plan.name if on == "icount" else f"{plan.name}-{on}"
    result = BUILD / "bench/results" / f"{name}.json"
    report.save(result, report.document(plan, measured, rows, slopes, on))
    print(f"{result}, {measured.seconds:.0f} s")
    record(name, rows, slopes, measured.seconds)
    for text in drift:
        print(f"bench: a bare member changed during the run, {text}", file=sys.stderr)
    for r in rows:
        if r.failed:
            print(f"bench: {r.row.id}: {r.state}: {r.why}", file=sys.stderr)
    for s in slopes:
        if s.failed:
            print(f"bench: {s.slope.id}: {s.state}: {s.emd:.1f}, must not be above {s.limit:.1f}", file=sys.stderr)
    below = options.gates and any(r.state == "below gate" for r in rows + slopes)
    # CPU time has its bare members beside what is compared with them; that one changed is only said.
    return 1 if (drift and on == "icount") or below or any(r.failed for r in rows + slopes) else 0


def profile(options):
    row = selected(plans.load(HERE / "plans" / f"{options.plan}.plan"), [options.profile]).rows[0]
    on = options.on or "icount"
    print(report.profiles(row, *instrument.profiled(on, f"bench-profile-{row.id}", script.profile(row, on)), on))
    return 0


def main():
    options = parse()
    try:
        if options.compare:
            print(report.compare(*(json.loads(path.read_text()) for path in options.compare)), end="")
            return 0
        if options.markdown:
            print(report.markdown([json.loads(path.read_text()) for path in options.markdown]), end="")
            return 0
        return profile(options) if options.profile else measure(options)
    except (LabError, plans.PlanError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


sys.exit(main())
