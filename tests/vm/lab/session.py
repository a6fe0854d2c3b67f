# SPDX-License-Identifier: GPL-2.0-or-later
"""One test on one kernel: boots the guest, obeys its commands, boots it again after a cut, judges."""
import io
import random
import shutil
import time
from dataclasses import dataclass

from . import guest, klog, machine
from .disks import Disks
from .paths import WORK, LabError

POLL = 0.02  # seconds between looks at the guest's output
BOOT_TRIES = 3
PATIENCE = 240  # seconds of one boot in which a busy machine may do something else
INIT = "emd-lab: init"  # what the guest's init says on the console before it does anything


@dataclass
class Result:
    verdict: str  # pass, fail, skip
    reason: str
    seconds: float


class Session:
    def __init__(self, spec, kernel, seed, echo):
        self.spec, self.kernel, self.echo = spec, kernel, echo
        self.random = random.Random(seed)
        self.directory = WORK / f"{spec.name}-{kernel.name}"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.disks = Disks(spec, self.directory, seed)
        self.kept = {"SEED": seed}  # variables of the guest; it adds those that it wants to see in its next boots
        self.slow = slowness(kernel)
        # Of one boot, in seconds. A busy host or a debug kernel stretches it; an idle one ends long before.
        self.limit = round((spec.timeout * 2 + PATIENCE) * max(1, self.slow / 4))

    def run(self):
        for boot in range(1, self.spec.boots + 1):
            initrd = self.directory / "initrd"
            with initrd.open("wb") as out:
                guest.root(self.spec, self.kernel, self.directory, boot, self.slow, self.limit, self.kept).cpio(out)
            for left in reversed(range(BOOT_TRIES)):
                ended = Boot(self, boot, initrd).run()
                if not left or not ended.never_began():
                    break
                print(f"# boot {boot}: the kernel did not come as far as init: again", file=self.echo, flush=True)
            bad = self.suspicious(boot)
            if bad:
                return "fail", f"the guest's log has: {bad[0]}" + (f" (and {len(bad) - 1} more)" if bad[1:] else "")
            if ended.verdict != "cut":
                return ended.verdict, ended.reason
        return "fail", f"the power was cut in boot {self.spec.boots}, and the test states no further one (boots:)"

    def suspicious(self, boot):
        logs = [self.directory / f"boot-{boot}.{kind}" for kind in ("klog", "console", "out")]
        text = "\n".join(log.read_text(errors="replace") for log in logs if log.exists())
        return klog.suspicious(text, self.spec.allow)


def slowness(kernel):
    """By how much time-outs are stretched, against a guest with KVM on an idle machine."""
    if kernel.debug and not kernel.uml:
        return 12
    return 4 if kernel.uml or machine.accelerator() == "tcg" else 1


class Boot:
    """One life of the guest, from power on to power off or cut."""

    def __init__(self, session, number, initrd):
        self.session, self.number = session, number
        self.cut_at = None  # monotonic time of a cut that was asked for
        self.verdict = None
        self.reason = ""
        self.initrd = initrd

    def run(self):
        session = self.session
        session.disks.power_on(self.number)
        self.machine = machine.start(session.kernel, session.spec, self.initrd, session.directory, self.number,
                                     session.disks)
        try:
            self.watch(time.monotonic() + session.limit)
        finally:
            self.machine.kill()
            session.disks.power_off(cut=self.verdict == "cut")
        if self.verdict is None:
            self.verdict, self.reason = "fail", f"boot {self.number}: the guest died; last words: {self.last_words()}"
        return self

    def watch(self, deadline):
        with self.machine.log("out").open(errors="replace") as out:
            pending = ""
            while self.verdict is None:
                alive = self.machine.running()
                text = out.read()
                pending += text
                *lines, pending = pending.split("\n")
                for line in lines:
                    self.line(line.rstrip("\r"))
                if self.session.disks.cut_happened() or (self.cut_at and time.monotonic() >= self.cut_at):
                    self.verdict = "cut"
                elif not alive and not text:
                    return
                elif time.monotonic() > deadline:
                    self.verdict, self.reason = "fail", (f"boot {self.number}: no result within {self.session.limit} s; "
                                                          f"last words: {self.last_words()}")
                elif not text:
                    time.sleep(POLL)
            grace = time.monotonic() + 5  # the guest powers off by itself after its verdict, and its log is complete then
            while self.verdict != "cut" and not self.reason and self.machine.running() and time.monotonic() < grace:
                time.sleep(POLL)

    def text(self, kind):
        return self.machine.log(kind).read_text(errors="replace")

    def last_words(self):
        """Of each log that has any."""
        lines = [[line for line in self.text(kind).splitlines() if line.strip()] for kind in ("console", "klog", "out")]
        return " / ".join(words[-1].strip()[-120:] for words in lines if words) or "none"

    def never_began(self):
        """The kernel itself did not come up, before anything of ours was loaded. While it boots it patches itself, with a
        breakpoint where another CPU may be. QEMU's emulation, which runs the CPUs side by side, now and then still meets the
        breakpoint when it has gone ("Oops: int3"), or stands still."""
        return self.verdict == "fail" and INIT not in self.text("console")

    def line(self, line):
        if not line.startswith("@@"):
            print(line, file=self.session.echo, flush=True)
            return
        verb, *words = line[2:].split()
        getattr(self, f"do_{verb}", self.unknown)(*words)

    def unknown(self, *words):
        raise LabError(f"the guest asks for something unknown: {' '.join(words)}")

    def do_started(self):
        pass

    def do_result(self, verdict, *reason):
        self.verdict, self.reason = verdict, " ".join(reason)

    def do_keep(self, assignment):
        name, _, value = assignment.partition("=")
        self.session.kept[name] = value

    def do_disk(self, verb, disk):
        self.session.disks.command(f"{verb} {disk}")

    def do_power(self, *words):
        """What the power server may do beside cuts; it tells the guest by itself when that has happened."""
        self.session.disks.command(" ".join(words))

    def do_cut(self, kind, *words):
        now = time.monotonic()
        if kind in ("now", "orderly"):
            self.cut_at = now
        elif kind == "within":
            low, high = map(float, words)
            self.cut_at = now + self.session.random.uniform(low, high)
            print(f"# power goes in {self.cut_at - now:.2f} s", file=self.session.echo, flush=True)
        elif kind == "write":
            self.cut_at_write(*words)
        else:
            self.unknown("cut", kind)

    def cut_at_write(self, disk, count):
        """The disk may be "any", the count a range "LOW-HIGH"."""
        session = self.session
        if disk == "any":
            disk = session.random.choice([d.name for d in session.spec.disks if d.name != "oracle"])
        low, _, high = count.partition("-")
        number = session.random.randint(int(low), int(high or low))
        print(f"# power goes at write {number} to {disk}", file=session.echo, flush=True)
        session.disks.command(f"cut-at-write {disk} {number}")


def run(spec, kernel, seed, echo=None, keep=False, verbose=False, variables=None):
    """Runs spec on kernel; what the guest prints goes to echo. The guest has the variables."""
    begin = time.monotonic()
    session = Session(spec, kernel, seed, echo or io.StringIO())
    session.kept.update(variables or {})
    try:
        verdict, reason = session.run()
    finally:
        session.disks.close(keep)
    if verbose:
        for log in sorted(session.directory.glob("*.klog")) + sorted(session.directory.glob("*.console")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')}", file=session.echo)
    (session.directory / "initrd").unlink(missing_ok=True)
    return Result(verdict, reason, time.monotonic() - begin)
