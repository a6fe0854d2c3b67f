# SPDX-License-Identifier: GPL-2.0-or-later
"""From samples to ratios, and from ratios to a verdict.

A ratio is md's cost over EMD's: above one, EMD is cheaper; it is taken against the better of md as it comes and md tuned. The
verdict never depends on an absolute figure, only on ratios and slopes.

A row that reaches its gate must go on doing so. A row that does not is "below gate", and stands in the baseline with
the ratio that it has; below that it must not fall. TOLERANCE is what a repetition may differ by.
"""
from dataclasses import dataclass, field
from statistics import median

from .script import STRIPE_LEVELS, bare_name, redundant, written

TOLERANCE = {"icount": 0.02, "uml-cpu": 0.10}
NOISE = 0.20  # of a ratio, from the least to the most of its repetitions
DRIFT = 0.10


@dataclass
class RowResult:
    row: object
    state: str = "ok"  # ok, below gate, worse, absent, wrong, missing
    why: str = ""
    cost: dict = field(default_factory=dict)  # variant: (median, min, max)
    ratio: float = 0.0
    low: float = 0.0
    high: float = 0.0
    limit: float = 0.0
    noisy: bool = False
    data: bool = False  # of a timed row: what it writes has been verified in the same boot

    @property
    def failed(self):
        return self.state in ("worse", "wrong", "missing")

    @property
    def undecided(self):
        """Its repetitions are far apart, and not all of them hold what they must. If all do, the verdict is the same however far."""
        return self.noisy and self.low < self.limit

    @property
    def reached(self):
        return bool(self.ratio) and self.ratio >= self.row.goal

    @property
    def distance(self):
        """Of the goal that is reached; the least comes first."""
        return self.ratio / self.row.goal if self.row.goal else 1.0


@dataclass
class SlopeResult:
    slope: object
    state: str = "ok"
    md: float = 0.0
    emd: float = 0.0
    limit: float = 0.0

    @property
    def failed(self):
        return self.state in ("worse", "missing")

    @property
    def reached(self):
        return self.state == "ok" and self.emd <= (self.slope.goal or self.slope.gate)


def central(values, instrument):
    """Of a clock that counts instructions a disturbance can only add some: the least is nearest to the truth."""
    return min(values) if instrument == "icount" else median(values)


class Judge:
    def __init__(self, plan, measured, instrument, baseline):
        self.plan, self.measured, self.instrument, self.baseline = plan, measured, instrument, baseline
        self.tolerance = TOLERANCE[instrument]

    def costs(self, row, variant):
        unit = "ns" if self.instrument == "icount" and not row.job else "cpu"
        name = bare_name(row) if variant == "bare" else row.id
        return [getattr(sample, unit) for sample in self.measured.samples.get((name, variant), [])]

    def wrong(self, row):
        """What is wrong with a row's data, or with what its sync has led to."""
        return [text for text in self.measured.wrong if text.split()[0].rstrip(":") == row.id]

    def spread(self, values):
        return (central(values, self.instrument), min(values), max(values))

    def rows(self):
        return [self.verified(row) if row.verify else self.timed(row) for row in self.plan.rows]

    def absent(self, row):
        if row.needs:
            return f"EMD has no {row.needs} yet"
        return f"EMD has no {row.level} yet" if ("emd", row.level) in self.measured.absent else ""

    def verified(self, row):
        result = RowResult(row)
        result.why = self.absent(row)
        wrong, lacking = self.wrong(row), self.unverified(row)
        if result.why:
            result.state = "absent"
        elif wrong:
            result.state, result.why = "wrong", wrong[0]
        elif lacking:
            result.state, result.why = "missing", "did not run: " + ", ".join(lacking)
        return result

    def unverified(self, row):
        """Steps of a verification that have not run."""
        expected = {"fill", "write", "again", "all"} | ({"gone"} if redundant(row) else set())
        return sorted(expected - {variant for name, variant in self.measured.samples if name == row.id})

    def timed(self, row):
        result = RowResult(row)
        result.why = self.absent(row)
        if result.why:
            result.state = "absent"
            for variant in ("md", "tuned"):
                if self.costs(row, variant):
                    result.cost[variant] = self.spread(self.costs(row, variant))
            return result
        wrong = self.wrong(row)
        variants = ["md", "emd"] + ([] if row.job else ["bare"]) + (["tuned"] if row.level in STRIPE_LEVELS else [])
        if self.instrument == "uml-cpu" and row.kind == "overhead":
            variants.append("beside")
        costs = {variant: self.costs(row, variant) for variant in variants}
        lacking = [variant for variant in variants if not costs[variant]]
        if self.instrument == "uml-cpu" and written(row):
            lacking += self.unverified(row)
            result.data = not lacking
        if wrong or lacking:
            result.state = "wrong" if wrong else "missing"
            result.why = wrong[0] if wrong else "did not run: " + ", ".join(lacking)
            return result
        result.cost = {variant: self.spread(values) for variant, values in costs.items() if variant != "beside"}
        self.ratios(result, costs)
        return self.judge(result)

    def ratios(self, result, costs):
        """Repetition by repetition for the spread, because what disturbs one disturbs both."""
        better = min((v for v in ("md", "tuned") if costs.get(v)), key=lambda v: result.cost[v][0])
        if self.instrument == "uml-cpu":
            pairs = list(self.repetitions(result.row, costs, better))
            result.low, result.ratio, result.high = min(pairs), median(pairs), max(pairs)
            result.noisy = (result.high - result.low) > NOISE * result.ratio
            return
        floor = result.cost["bare"][0] if result.row.kind == "overhead" else 0
        pairs = [(md - floor) / max(emd - floor, 1) for md, emd in zip(costs[better], costs["emd"])]
        result.low, result.high = min(pairs), max(pairs)
        result.ratio = (result.cost[better][0] - floor) / max(result.cost["emd"][0] - floor, 1)
        result.noisy = (result.high - result.low) > NOISE * result.ratio

    def repetitions(self, row, costs, better):
        """Of each repetition, what md costs over what EMD does: two runs of either, one of md tuned and of the bare member."""
        floors = costs.get("beside")
        count = len(costs["emd"]) // 2
        for i in range(count):
            floor = floors[i] if floors else 0
            md = costs["tuned"][i] if better == "tuned" else sum(costs["md"][2 * i:2 * i + 2]) / 2
            yield (md - floor) / max(sum(costs["emd"][2 * i:2 * i + 2]) / 2 - floor, 1)

    def judge(self, result):
        row = result.row
        known = self.baseline.get("rows", {}).get(row.id)
        result.limit = (min(row.gate, known) if known else row.gate) * (1 - self.tolerance)
        if result.ratio < result.limit:
            result.state, result.why = "worse", f"ratio {result.ratio:.2f}, must not be below {result.limit:.2f}"
        elif result.ratio < row.gate * (1 if known else 1 - self.tolerance):
            result.state = "below gate"
        elif known:
            result.why = "reaches its gate: take it out of the baseline"
        return result

    def slopes(self):
        rows = {row.id: row for row in self.plan.rows}
        return [self.slope(slope, rows[slope.a], rows[slope.b]) for slope in self.plan.slopes]

    def slope(self, slope, a, b):
        result = SlopeResult(slope)
        if self.absent(a) or self.absent(b):
            result.state = "absent"
            return result
        for subject in ("md", "emd"):
            low, high = self.costs(a, subject), self.costs(b, subject)
            if not low or not high:
                result.state = "missing"
                return result
            low, high = central(low, self.instrument), central(high, self.instrument)
            value = (high - low) / slope.by if slope.kind == "per" else high / low
            setattr(result, subject, value)
        known = self.baseline.get("slopes", {}).get(slope.id)
        result.limit = max(slope.gate, known or 0) * (1 + self.tolerance)
        if result.emd > result.limit:
            result.state = "worse"
        elif result.emd > slope.gate * (1 + self.tolerance):
            result.state = "below gate"
        return result

    def drift(self):
        """Bare members that changed between the beginning and the end: then the run says nothing."""
        for (name, variant), samples in self.measured.samples.items():
            if variant != "bare":
                continue
            values = [s.ns if self.instrument == "icount" else s.cpu for s in samples]
            half = len(values) // 2
            first, last = (central(part, self.instrument) for part in (values[:half], values[half:]))
            if abs(first - last) > DRIFT * min(first, last):
                yield f"{name}: {first:.0f}, then {last:.0f}"
