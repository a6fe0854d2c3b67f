# SPDX-License-Identifier: GPL-2.0-or-later
"""The table for people and the document for programs."""
import json
import os
import platform
import subprocess

from lab.paths import ROOT

IDLE = ("pv_native_safe_halt", "default_idle", "acpi_safe_halt")
NAME = {"icount": "instrument A, a stock kernel whose clock counts instructions", "uml-cpu": "instrument B, User Mode Linux"}
UNIT = {"icount": "instructions", "uml-cpu": "CPU ns"}


def number(value):
    return f"{value:,.0f}".replace(",", " ")


def cell(result, variant):
    return number(result.cost[variant][0]) if variant in result.cost else "-"


def summary(rows, slopes):
    """How far it is: of what was measured, what reaches its goal and what not even its gate."""
    found = [r for r in rows if not r.row.verify and r.state != "absent"] + [s for s in slopes if s.state != "absent"]
    below = [r.row.id for r in rows if r.state in ("below gate", "worse")]
    below += [s.slope.id for s in slopes if s.state in ("below gate", "worse")]
    gates = f"below their gates: {', '.join(below)}" if below else "all gates hold"
    return f"{sum(r.reached for r in found)} of {len(found)} rows and slopes reach their goal; {gates}"


def lacking(lacks):
    """What of the goals nothing here measures."""
    lines = [f"{'' if lack.goals == 'slope' else 'goal '}{lack.goals}, {lack.what}: {lack.why}" for lack in lacks]
    return "\n".join(["not measured here", *lines]) + "\n" if lines else ""


def table(rows, slopes, instrument):
    """Sorted by the distance to the goal: the first line is what to work on next."""
    timed = sorted((r for r in rows if not r.row.verify), key=lambda r: (r.state == "absent", r.distance))
    lines = [("row", "goal no.", "bare", "md", "md tuned", "EMD", "ratio", "gate", "goal", "")]
    for r in timed:
        ratio = f"{r.ratio:.2f} ({r.low:.2f}..{r.high:.2f})" if r.ratio else "-"
        state = r.state + (", noisy" if r.noisy else "") + (f": {r.why}" if r.why else "")
        lines.append((r.row.id, r.row.goals, *(cell(r, v) for v in ("bare", "md", "tuned", "emd")), ratio, f"{r.row.gate:g}", f"{r.row.goal:g}",
                      state))
    text = [f"{NAME[instrument]}: {UNIT[instrument]} per operation, or per MiB of a sync; ratio = md / EMD, above the bare member where the row "
            "counts overhead"]
    text += columns(lines)
    if slopes:
        text += ["", "how cost grows (least is best)"]
        text += columns([("slope", "goal no.", "md", "EMD", "gate", "")] + [
            (s.slope.id, s.slope.goals, f"{s.md:.1f}", f"{s.emd:.1f}", f"{s.slope.gate:g}", s.state) for s in slopes])
    checked = [r for r in rows if r.row.verify]
    if checked:
        text += ["", "data on RAM members: read back, checked, read again with a member missing"]
        text += columns([(r.row.id, r.state, r.why) for r in checked])
    return "\n".join(text) + "\n"


def columns(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(text.ljust(width) if i == 0 or i == len(widths) - 1 else text.rjust(width)
                      for i, (text, width) in enumerate(zip(line, widths))).rstrip() for line in lines]


def described():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True, capture_output=True)
    return done.stdout.strip() or "unknown"


def cpu_model():
    try:
        with open("/proc/cpuinfo") as info:
            return next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), "unknown")
    except OSError:
        return platform.machine()


def document(plan, measured, rows, slopes, instrument):
    unit = {"icount": "instr/op", "uml-cpu": "ns/op"}[instrument]
    return {
        "schema": 1, "plan": plan.name, "kernel": measured.kernel, "instrument": instrument, "emd": described(),
        "host": {"cpu": cpu_model(), "load1": round(os.getloadavg()[0], 1)}, "seconds": round(measured.seconds, 1),
        "rows": [row_document(r, unit) for r in rows],
        "slopes": [{"id": s.slope.id, "md": s.md, "emd": s.emd, "gate": s.slope.gate, "state": s.state} for s in slopes],
    }


def row_document(r, unit):
    costs = {{"tuned": "md_tuned"}.get(v, v): dict(zip(("median", "min", "max"), c)) for v, c in r.cost.items()}
    return {"id": r.row.id, "unit": unit, "members": r.row.members, **costs, "ratio": r.ratio, "ratio_min": r.low, "ratio_max": r.high,
            "gate": r.row.gate, "goal": r.row.goal, "state": r.state, "why": r.why, "pass": not r.failed, "noisy": r.noisy,
            "verified": (r.row.verify and r.state == "ok") or r.data}


def compare(before, after):
    """What a change did to EMD's cost and to the ratios."""
    old = {row["id"]: row for row in before["rows"]}
    lines = [("row", "EMD before", "EMD after", "change", "ratio before", "after")]
    for row in after["rows"]:
        was = old.get(row["id"])
        if was and "emd" in was and "emd" in row:
            a, b = was["emd"]["median"], row["emd"]["median"]
            lines.append((row["id"], number(a), number(b), f"{(b - a) / a * 100:+.1f} %", f"{was['ratio']:.2f}", f"{row['ratio']:.2f}"))
    return "\n".join(columns(lines)) + "\n"


def profiles(row, measured, shares, instrument, most=40):
    """For EMD and for md: the functions that take most of one operation, and who calls them."""
    text = []
    for subject, found in shares.items():
        first = measured.samples[row.id, subject][0]  # of the run without the profile
        total = first.ns if instrument == "icount" and not row.job else first.cpu
        if row.job:
            idle = sum(share for (function, _), share in found.items() if function in IDLE)
            found = {names: share / (1 - idle) for names, share in found.items() if names[0] not in IDLE}
        lines = sorted(((share, *names) for names, share in found.items()), reverse=True)[:most]
        text += [f"{row.id} on {subject}: {number(total)} {UNIT[instrument]} per operation"]
        text += columns([(function, "called by " + caller, number(share * total)) for share, function, caller in lines])
        text.append("")
    return "\n".join(text)


def markdown(results):
    """The tables of docs/benchmarks.md, of each instrument's result: ratios only, as absolute figures promise nothing."""
    lines = []
    for result in results:
        spread = result["instrument"] != "icount"
        lines += ["", f"{NAME[result['instrument']]}:", "",
                  "| row | md / EMD |" + (" min..max |" if spread else "") + " gate | goal | |",
                  "|---|---|" + ("---|" if spread else "") + "---|---|---|"]
        for row in result["rows"]:
            if row["goal"]:
                ratio = f"{row['ratio']:.2f}" if row["ratio"] else ""
                extent = f" {row['ratio_min']:.2f}..{row['ratio_max']:.2f} |" if spread else ""
                lines.append(f"| {row['id']} | {ratio} |{extent} {row['gate']:g} | {row['goal']:g} | "
                             + row["state"] + (", noisy" if spread and row["noisy"] else "") + " |")
        if result["slopes"]:
            lines += ["", "| slope | md | EMD | gate | |", "|---|---|---|---|---|"]
        lines += [f"| {s['id']} | {s['md']:.1f} | {s['emd']:.1f} | {s['gate']:g} | {s['state']} |" for s in result["slopes"]]
    return "\n".join(lines) + "\n"


def save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
