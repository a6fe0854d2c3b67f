# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test asks for: the '#:' lines at the head of its script (tests/vm/README.md describes them)."""
import re
from dataclasses import dataclass, field
from pathlib import Path

from .paths import LabError

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass
class Disk:
    name: str  # d0, d1, ... or oracle; the guest has it as $d0
    size_bytes: int
    bus: str  # virtio or scsi
    power: bool = False  # behind the power server: unflushed writes are lost at a cut


@dataclass
class Spec:
    path: Path
    name: str
    disks: list = field(default_factory=list)
    modules: list = field(default_factory=list)  # inserted at boot
    extra_modules: list = field(default_factory=list)  # only there
    kernels: list = field(default_factory=lambda: ["6.1", "6.12"])
    programs: list = field(default_factory=list)
    files: list = field(default_factory=list)
    timeout: int = 120  # seconds, for one boot under TCG on an idle machine
    boots: int = 1
    cuts: int = 0  # how often the script has the disks lose their power ($CUTS); run --cuts
    memory: int = 512  # MiB
    cpus: int = 2
    emd: bool = True
    emd_until: int = 0  # the last boot that has EMD: module, programs, rules; 0: all have it
    emd_options: str = ""  # parameters of emd.ko
    subject: str = "emd"  # or md, the kernel's own (run --md)
    udev: bool = True
    instrument: str = ""  # "icount": the guest's clock counts instructions (tests/bench); nothing that debugs is on
    rules: bool = False  # EMD's own udev rules
    conf: list = field(default_factory=list)  # lines of emdadm.conf
    power: bool = False
    flush_delay: int = 0  # ms, upper bound of a random delay of each flush
    allow: list = field(default_factory=list)  # suspicious lines of the kernel log that this test causes on purpose
    text: str = ""

    def set_cuts(self, cuts):
        """More of them, or fewer, and as much time for each."""
        if not self.cuts:
            raise LabError(f"{self.name} does not say how many cuts it makes (cuts:)")
        self.timeout = self.timeout * max(cuts, self.cuts) // self.cuts
        self.cuts = cuts

    def emd_in(self, boot):
        """Whether EMD is there in this life of the guest."""
        return self.emd and (not self.emd_until or boot <= self.emd_until)


def size(text):
    match = re.fullmatch(r"(\d+)([KMG])", text)
    if not match:
        raise ValueError(f"'{text}' is no size such as 64M")
    return int(match[1]) * UNITS[match[2]]


def parse_disks(text):
    """'3x64M virtio, 100M scsi, oracle 16M' gives d0 d1 d2, d3 and oracle."""
    disks = []
    for part in text.split(","):
        words = part.split()
        name = words.pop(0) if words[0] == "oracle" else None
        count, _, amount = words[0].rpartition("x")
        bus = words[1] if len(words) > 1 else "virtio"
        if bus not in ("virtio", "scsi"):
            raise ValueError(f"no bus '{bus}': virtio or scsi")
        for _ in range(int(count or 1)):
            index = sum(d.name != "oracle" for d in disks)
            disks.append(Disk(name or f"d{index}", size(amount), bus))
    return disks


def parse_until(text):
    if int(text) < 1:
        raise ValueError("boots are counted from 1")
    return int(text)


def parse_kernels(text):
    return text.split()


PARSERS = {
    "disks": parse_disks, "modules": str.split, "extra-modules": str.split, "kernels": parse_kernels,
    "programs": str.split, "files": str.split, "timeout": int, "boots": int, "cuts": int, "memory": int, "cpus": int,
    "flush-delay": int, "allow": lambda text: [text], "conf": lambda text: [text],
    "emd": lambda text: text == "yes", "emd-until": parse_until, "emd-options": str, "udev": lambda text: text == "yes", "rules": lambda text: text == "yes",
    "power": lambda text: text == "yes",
}


def load(path):
    path = Path(path)
    spec = Spec(path, path.stem, text=path.read_text())
    for number, line in enumerate(spec.text.splitlines(), 1):
        if not line.startswith("#:"):
            continue
        key, _, value = line[2:].partition(":")
        attribute = key.strip().replace("-", "_")
        try:
            parsed = PARSERS[key.strip()](value.strip())
        except (KeyError, ValueError, IndexError) as error:
            raise LabError(f"{path}:{number}: cannot understand '{line}': {error}") from None
        present = getattr(spec, attribute)
        setattr(spec, attribute, present + parsed if attribute in ("allow", "conf", "disks", "modules") else parsed)
    for disk in spec.disks:
        disk.power = spec.power
    return spec
