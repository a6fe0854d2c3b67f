# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots a guest in which a plan runs, and gathers what the generator said.

icount   a stock kernel on one CPU whose clock counts instructions: the same to a fraction of a percent whatever else this
         machine does
uml-cpu  User Mode Linux, without what finds bugs: a process of this machine, and what it has used of a CPU. Sees caches and memory.
"""
import io
import json
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field

from lab import kernel as kernels, session, spec as specs
from lab.paths import BUILD, CACHE, ROOT, LabError

MODULES = ["md_mod", "raid0", "raid1", "raid10", "raid456"]
PROFILE = re.compile(r"emd_bench: profile [^/ ]+/(\w+)/\d+ (\d+) of (\d+) (\S+(?: \[\w+\])?) (\S+(?: \[\w+\])?)")
RESULT = re.compile(r"emd_bench: (\{.*\})")


@dataclass
class Sample:
    ns: float  # per operation: instructions when the clock counts them
    cpu: float
    ops: int
    hist: list


@dataclass
class Measured:
    samples: dict = field(default_factory=lambda: defaultdict(list))  # (row, variant): samples
    absent: set = field(default_factory=set)  # (subject, level)
    wrong: list = field(default_factory=list)  # sentences
    seconds: float = 0.0
    kernel: str = ""
    klog: str = ""


def build_module(kernel):
    """The generator for this kernel. Nothing is done when it is up to date."""
    out = BUILD / "bench" / (kernel.name if kernel.uml else kernel.release)
    arguments = [f"OUT={out}"]
    if kernel.uml:
        arguments += [f"KDIR={kernel.image.parent}", "ARCH=um"]
    else:
        places = [f"/lib/modules/{kernel.release}/build", CACHE / "headers" / kernel.release / "build"]
        arguments.append(f"KDIR={next((p for p in places if (ROOT / p).exists()), places[-1])}")
    done = subprocess.run(["make", "-s", "-C", ROOT / "tests/bench/module", *arguments], text=True, capture_output=True)
    if done.returncode:
        raise LabError(f"emd_bench.ko cannot be built for {kernel.release}:\n{done.stdout}{done.stderr}")
    return out / "emd_bench.ko"


KERNEL = {"icount": "6.12", "uml-cpu": kernels.FAST}


def bench_spec(instrument, name, script):
    kernel = kernels.find(KERNEL[instrument])
    return kernel, specs.Spec(None, name, text=script, timeout=1800, memory=768, cpus=1, udev=False, instrument=instrument,
                      modules=MODULES, extra_modules=["null_blk", "brd"],
                      files=["tests/bench/guest/bench.sh", str(build_module(kernel))])


def measure(instrument, name, script, verbose=False):
    kernel, spec = bench_spec(instrument, name, script)
    return run(spec, kernel, verbose)


def profiled(instrument, name, script):
    """{subject: {(function, caller): share}}, and what was measured beside it."""
    kernel, spec = bench_spec(instrument, name, script)
    measured = run(spec, kernel, False)
    shares = defaultdict(dict)
    for match in PROFILE.finditer(measured.klog):
        shares[match[1]][match[4], match[5]] = int(match[2]) / int(match[3])
    return measured, shares


def run(spec, kernel, verbose):
    output = io.StringIO()
    result = session.run(spec, kernel, 1, echo=output, verbose=False)
    if verbose:
        print(output.getvalue(), end="")
    if result.verdict != "pass":
        raise LabError(f"the guest did not come to the end: {result.reason}\n" + "".join(
            f"  | {line}\n" for line in output.getvalue().splitlines()[-15:]))
    directory = session.WORK / f"{spec.name}-{kernel.name}"
    measured = gather((directory / "boot-1.klog").read_text(errors="replace"), output.getvalue())
    measured.seconds, measured.kernel = result.seconds, kernel.release
    return measured


def gather(klog, output):
    measured = Measured(klog=klog)
    for match in RESULT.finditer(klog):
        said = json.loads(match[1])
        row, variant, _ = said["tag"].split("/")
        if said["errors"]:
            measured.wrong.append(f"{row} ({variant}): {said['errors']} operations failed")
        if said["wrong"]:
            measured.wrong.append(f"{row} ({variant}): {said['wrong']} sectors have wrong data")
        ops = said["ops"]
        measured.samples[row, variant].append(Sample(said["ns"] / ops, said["cpu"] / ops, ops, said["hist"]))
    for line in output.splitlines():
        verb, _, rest = line.partition(" ")
        if verb == "absent":
            measured.absent.add(tuple(rest.split()))
        elif verb == "wrong":
            measured.wrong.append(rest)
    return measured
