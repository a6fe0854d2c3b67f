# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns a plan into the calls that the guest makes (guest/bench.sh).

A run's tag is ROW/VARIANT/REPETITION. Variants: md, tuned (md with a large stripe cache), emd, bare (one member), and for
for data that is verified fill, write, again (the same places read back), all, gone (all, with a member missing).
"""
import zlib
from dataclasses import replace

ORDER = ("md", "emd", "emd", "md")  # drifts of the guest cancel out
STRIPE_LEVELS = ("raid4", "raid5", "raid6")
TUNED = "stripe_cache_size=4096"
SKIP_COPY = "skip_copy=1"
MISSING_SLOT = 1
SAMPLE_NS = {"icount": 20011, "uml-cpu": 200003}  # instructions or nanoseconds between two looks of the profile; primes
PROFILED = {"icount": 1, "uml-cpu": 1000}  # times as many operations for it: User Mode Linux looks at its ticks of 10 ms
MOST_JOBS = 3  # repetitions of a sync: each is on an array of its own
NULL_KIB = 16 << 10  # of a null member that a sync uses; its pages hold zeros, and so agree
RAM_KIB = {False: 8 << 10, True: 32 << 10}  # of a RAM member, without and with syncs: their beginning and end cost, too


def text(plan, repetitions, instrument):
    """With CPU time what a neighbour of this machine does to a run passes: the bare member is measured beside its rows, too, and a
    tuned md in each repetition. There rows that write to RAM members verify their data themselves."""
    timed = [row for row in plan.rows if not row.verify and not row.needs]
    verified = [row for row in plan.rows if row.verify]
    rows = timed + verified
    jobs = [row for row in timed if row.job]
    cpu = instrument == "uml-cpu"
    if cpu:
        verified = verified + [row for row in timed if written(row)]
    timed = [row for row in timed if not row.job]
    most = {kind: max([members(row) for row in rows if row.members == kind], default=0) for kind in ("null", "ram")}
    kib = RAM_KIB[bool(jobs)]
    lines = [". /bench.sh", f"load_members {most['null']} {most['ram']} {kib}"]
    if most["ram"]:  # the first touch of a RAM disk costs more
        lines += [f"load ram{i}/touch/0 dev=/dev/ram{i} op=write bs=65536 count={kib // 64}" for i in range(most["ram"])]
    lines += bare(timed, 0) + bare(timed, 1)
    for repetition in range(repetitions):
        for group in dict.fromkeys(row.group for row in timed):
            rows = [row for row in timed if row.group == group]
            if cpu:
                lines += [load(row, "beside", repetition, bare_device(row)) for row in rows if row.kind == "overhead"]
            for visit, subject in enumerate(ORDER):
                lines += visit_lines(rows, subject, repetition * 2 + visit // 2)
    lines += bare(timed, 2) + bare(timed, 3)
    for row in jobs:
        repeated = min(repetitions, MOST_JOBS)
        lines += job_lines(row, kib >> 10, repeated, repeated if cpu else 1)
    for row in verified:
        lines += verify_lines(row, kib)
    return "\n".join(lines) + "\n"


def members(row):
    """Devices that a row needs: a sync's come with those that take a place."""
    return row.n * inner(row) + {"recover": row.missing, "reshape": 1}.get(row.job, 0)


def device(row, number):
    return f"/dev/{'nullb' if row.members == 'null' else 'ram'}{number}"


def inner(row):
    """Arrays at the bottom of a nest."""
    return 1 if row.depth == 1 else row.n


def written(row):
    """Timed, and data has moved."""
    return row.members == "ram" and not row.job and row.op != "read"


def bare(rows, repetition):
    return [load(row, "bare", repetition, bare_device(row), bare_name(row)) for row in {row.bare: row for row in rows}.values()]


def bare_device(row):
    return {"null": "/dev/nullb0", "ram": "/dev/ram0"}[row.members]


def bare_name(row):
    return "bare." + ".".join(map(str, row.bare))


def load(row, variant, repetition, device, name=None, **changed):
    words = {"dev": device, "op": row.op, "bs": row.bs, "pattern": row.pattern, "qd": row.qd, "batch": row.batch,
             "count": row.count, "slices": row.slices, "warm": row.warm, "seed": seed(row, variant)} | changed
    return f"load {name or row.id}/{variant}/{repetition} " + " ".join(f"{k}={v}" for k, v in words.items())


def seed(row, variant):
    """Of the random places: not those of another row, nor of md before it was tuned, which a stripe cache would still hold."""
    return zlib.crc32(f"{row.id} {variant if variant == 'tuned' else ''}".encode()) + 1


def array(row, subject):
    """Builds array 1 of a row; the arrays below it are 11, 12, ... per level."""
    n, total = row.n, row.n * inner(row)
    devices = [device(row, i) for i in range(total)]
    lines, made = [], []
    make = f"{row.level} {row.chunk} {row.layout}"
    if row.depth > 1:
        bottoms = []
        for i in range(n):
            number = 11 + i
            lines.append(f"array {subject} {number} {make} {' '.join(devices[i * n:(i + 1) * n])}")
            made.append(number)
            bottoms.append(f"/dev/{subject}{number}")
        devices = bottoms
    for i in range(row.missing):
        devices[MISSING_SLOT + i] = "missing"
    lines.append(f"array {subject} 1 {make} {' '.join(devices)}")
    made.append(1)
    if row.skip_copy and subject == "emd":
        lines.append(f"tune 1 {SKIP_COPY}")
    return lines, made


def stop(made):
    return [f"gone {number}" for number in reversed(made)]


def visit_lines(rows, subject, repetition):
    first = rows[0]
    lines, made = array(first, subject)
    lines += [load(row, subject, repetition, f"/dev/{subject}1") for row in rows]
    if subject == "md" and repetition % 2 == 0 and first.level in STRIPE_LEVELS:
        lines.append(f"tune 1 {TUNED}" + (f" {SKIP_COPY}" if first.skip_copy else ""))
        lines += [load(row, "tuned", repetition, "/dev/md1") for row in rows]
    return guarded(first, subject, lines + stop(made))


def guarded(row, subject, lines):
    """A level that EMD lacks is measured on neither."""
    condition = " && ".join(f"has_level {name} {row.level}" for name in dict.fromkeys(("emd", subject)))
    return [f"if {condition}; then", *("\t" + line for line in lines), "fi"]


def job_lines(row, mib, repetitions, tuned):
    """Each on an array of its own. Its members agree, because EMD has made them do so first, with all of them."""
    lines, made = array(replace(row, missing=0), "emd")
    agree = row.members == "ram"
    planted = [f"plant {device(row, 0)} {mib << 10}"] if planted_difference(row) else []
    result = guarded(row, "emd", lines + ["resync 1"] + stop(made) + planted) if agree else []
    mib = NULL_KIB >> 10 if row.members == "null" else mib
    for repetition in range(repetitions * 2):
        for subject in ORDER[2 * (repetition % 2):][:2]:
            result += job_visit(row, subject, subject, repetition, mib)
        if row.level in STRIPE_LEVELS and repetition % 2 and repetition // 2 < tuned:
            result += job_visit(row, "md", "tuned", repetition // 2, mib)
    return result


def planted_difference(row):
    """Null members hold nothing; there the sectors that were read say how far a check has come."""
    return row.job == "check" and row.members == "ram"


def job_visit(row, subject, variant, repetition, mib, sample=0):
    lines, made = array(row, subject)
    checked = [device(row, i) for i in range(row.n * inner(row))] if row.job == "check" and row.members == "null" else []
    first = row.n * inner(row)
    spare = [device(row, i) for i in range(first, members(row))]
    lines = ([f"MEMBER_KB={NULL_KIB}"] if row.members == "null" else []) + lines + ["freely 1"] + ([f"tune 1 {TUNED}"] if variant == "tuned" else [])
    lines += {"resync": ["from_begin 1"], "check": [], "recover": ["spares 1 " + " ".join(spare)],
              "reshape": [f"wider 1 {row.n} {' '.join(spare)}"]}[row.job]
    lines += [f"note_reads {' '.join(checked)}"] if checked else []
    lines.append(f"job {row.id}/{variant}/{repetition} 1 {row.job} {mib} {sample}")
    lines += [f"were_read {row.id} {mib << 10} {' '.join(checked)}"] if checked else []
    lines += [f"differs {row.id} 1"] if planted_difference(row) else []
    lines.append(f"so {row.id} 1 " + {"resync": "resync_start=none", "check": "last_sync_action=check", "recover": "degraded=0",
                                      "reshape": f"raid_disks={row.n + 1} reshape_position=none"}[row.job])
    lines += [f"agree 1 {row.id}"] if subject == "emd" and row.job in ("recover", "reshape") else []
    return guarded(row, subject, lines + stop(made) + ["MEMBER_KB="])


def profile(row, instrument):
    """The calls that profile EMD and md under one row's load."""
    lines = [". /bench.sh", f"load_members {members(row) if row.members == 'null' else 0} "
             f"{members(row) if row.members == 'ram' else 0} {RAM_KIB[False]}"]
    lines += [f"plant {device(row, 0)} {RAM_KIB[False]}"] if planted_difference(row) else []
    for subject in ("emd", "md"):
        if row.job:
            mib = (NULL_KIB if row.members == "null" else RAM_KIB[False]) >> 10
            lines += job_visit(row, subject, subject, 0, mib)
            lines += job_visit(row, subject, subject, 1, mib, SAMPLE_NS[instrument])
            continue
        made_lines, made = array(row, subject)
        warm = load(row, subject, 0, f"/dev/{subject}1")
        run = load(row, subject, 1, f"/dev/{subject}1", warm=0, slices=1, sample=SAMPLE_NS[instrument],
                   count=row.count * PROFILED[instrument])
        lines += guarded(row, subject, made_lines + [warm, run] + stop(made))
    return "\n".join(lines) + "\n"


def redundant(row):
    return row.level not in ("raid0", "linear")


def verify_lines(row, kib):
    """Resync, fill with seed 1, write as the row says with seed 2, and look: each place has what was written there last."""
    row = replace(row, slices=1)
    device, number = "/dev/emd1", row.count + row.warm
    lines, made = array(row, "emd")
    devices = [word for line in lines if line.startswith("array emd 1 ") for word in line.split() if word.startswith("/dev/")]
    whole = {"op": "read", "bs": 65536, "pattern": "seq", "qd": 8, "warm": 0, "check": 1, "seed": 2, "other": 1, "batch": 0}
    data = row.n - {"raid0": 0, "raid1": row.n - 1, "raid10": row.n // 2, "raid6": 2}.get(row.level, 1)
    chunks = (kib - 64) * 1024 // row.chunk * data
    count = chunks * row.chunk // 65536
    lines += ["resync 1"] if redundant(row) else []
    lines += [
        load(row, "fill", 0, device, op="write", bs=65536, pattern="seq", qd=16, batch=16, warm=0, count=count, seed=1),
        load(row, "write", 0, device, seed=2),
        load(row, "again", 0, device, op="read", check=1, seed=2, warm=0, count=number),
        load(row, "all", 0, device, **whole, count=count),
    ]
    if redundant(row):
        lines += [f"agree 1 {row.id}", f"fail_member 1 {devices[MISSING_SLOT]}",
                  load(row, "gone", 0, device, **whole, count=count)]
    return guarded(row, "emd", lines + stop(made))
