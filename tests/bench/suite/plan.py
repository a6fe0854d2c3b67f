# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan: rows and slopes, one a line, as 'row ID KEY=VALUE ...' and 'slope ID KEY=VALUE ...'.

row     one pair, md and EMD, of the same load on the same members. gate and goal are ratios md/EMD of the cost of one
        operation; with kind=overhead of what remains above the bare member; with job=resync, check, recover or reshape
        (by one member more) of what a whole sync costs while it is not idle. goals= numbers of the table of goals.
slope   how EMD's cost grows: kind=per: (b - a) / by, kind=times: b / a, of two rows a and b. gate is the most it may be.

gate and goal are those of instructions (instrument icount), cpu_gate and cpu_goal those of CPU time (uml-cpu): a row is measured
with each instrument that it has a gate for. A row with verify=yes runs with both. Slopes are of instructions.

lacks   a goal that is not measured here, as 'lacks NUMBER[,NUMBER] WHAT: WHY', or 'lacks slope WHAT: WHY'

'default KEY=VALUE ...' holds for the rows below it. 'complete LAST' asks that each goal from 1 to LAST has a row, a slope or a
'lacks'.
"""
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

SLICES = 8  # of CPU time: the one that was disturbed least counts
UNITS = {"K": 1 << 10, "M": 1 << 20}


class PlanError(Exception):
    """The plan cannot be understood; the message says which line and why."""


def size(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1:] in UNITS else int(text)


@dataclass
class Row:
    id: str
    level: str = "raid5"
    n: int = 5
    chunk: int = 64 << 10
    layout: int = 2
    members: str = "null"  # or ram
    depth: int = 1  # arrays in arrays, each of n members, but only the outermost is of more than one array
    missing: int = 0  # members that are not there: the last slots
    skip_copy: bool = False  # whole rows are written without a copy: by EMD, and by md when it is tuned
    job: str = ""  # a sync; the settings of a load mean nothing then
    op: str = "write"
    bs: int = 4096
    pattern: str = "seq"
    qd: int = 8
    batch: int = 0
    count: int = 100
    warm: int = 20
    slices: int = 1
    kind: str = "cost"  # or overhead
    gate: float = 0.0
    goal: float = 0.0
    cpu_gate: float = 0.0
    cpu_goal: float = 0.0
    verify: bool = False  # not timed: write, read back, check, and read again with a member missing
    goals: str = ""
    needs: str = ""  # what EMD does not have yet; the row is reported as absent

    @property
    def group(self):
        """Rows of one group run on the same array."""
        return (self.level, self.n, self.chunk, self.layout, self.members, self.depth, self.missing, self.skip_copy)

    @property
    def bare(self):
        return (self.members, self.op, self.bs, self.pattern, self.qd)


@dataclass
class Slope:
    id: str
    kind: str = "per"
    a: str = ""
    b: str = ""
    by: float = 1.0
    gate: float = 0.0
    goal: float = 0.0
    goals: str = ""


@dataclass
class Lack:
    goals: str
    what: str
    why: str


@dataclass
class Plan:
    name: str
    rows: list = field(default_factory=list)
    slopes: list = field(default_factory=list)
    lacks: list = field(default_factory=list)
    complete: int = 0

    def on(self, instrument):
        """What is measured with this instrument, with its gates; CPU time has no slopes."""
        if instrument == "icount":
            rows = [row for row in self.rows if row.gate or row.verify]
            ids = {row.id for row in rows}
            return replace(self, rows=rows, slopes=[slope for slope in self.slopes if {slope.a, slope.b} <= ids])
        rows = [replace(row, gate=row.cpu_gate, goal=row.cpu_goal, slices=1 if row.verify else SLICES)
                for row in self.rows if row.cpu_gate or row.verify]
        return replace(self, rows=rows if any(row.gate for row in rows) else [], slopes=[])


CONVERT = {int: size, float: float, bool: lambda text: text == "yes", str: str}


def settings(cls, words):
    types = {f.name: f.type for f in fields(cls)}
    result = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in types or key == "id":
            raise PlanError(f"'{word}' is no setting of a {cls.__name__.lower()}")
        kind = types[key]
        result[key] = CONVERT[kind](value)
    return result


def load(path):
    path = Path(path)
    plan, defaults = Plan(path.stem), {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            if words[0] == "default":
                defaults |= settings(Row, words[1:])
            elif words[0] == "row":
                plan.rows.append(Row(words[1], **(defaults | settings(Row, words[2:]))))
            elif words[0] == "slope":
                plan.slopes.append(Slope(words[1], **settings(Slope, words[2:])))
            elif words[0] == "lacks":
                what, colon, why = " ".join(words[2:]).partition(": ")
                if not colon:
                    raise PlanError("'lacks' says no reason")
                plan.lacks.append(Lack(words[1], what, why))
            elif words[0] == "complete":
                plan.complete = int(words[1])
            else:
                raise PlanError(f"'{words[0]}' is none of row, slope, lacks, complete, default")
        except (PlanError, ValueError, IndexError) as error:
            raise PlanError(f"{path}:{number}: {error}") from None
    check(plan, path)
    return plan


def numbers(item):
    return {int(number) for number in item.goals.split(",") if number.isdigit()}


def check(plan, path):
    known = set().union(*map(numbers, plan.rows + plan.slopes + plan.lacks))
    missing = [str(number) for number in range(1, plan.complete + 1) if number not in known]
    if missing:
        raise PlanError(f"{path}: no row, slope or 'lacks' has goal {', '.join(missing)}")
    ids = [row.id for row in plan.rows]
    twice = {name for name in ids if ids.count(name) > 1}
    if twice:
        raise PlanError(f"{path}: row {sorted(twice)[0]} is there twice")
    for slope in plan.slopes:
        for name in (slope.a, slope.b):
            if name not in ids:
                raise PlanError(f"{path}: slope {slope.id} names row '{name}', which the plan lacks")
