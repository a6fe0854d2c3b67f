# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that the lab can boot, and its modules in dependency order."""
import lzma
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import vmlinux
from .initramfs import stripped
from .paths import BUILD, CACHE, LabError

STOCK = ("6.1", "6.12")
DEBUG = ("uml", "x86-debug", "kcsan")
FAST = "uml-fast"  # for tests/bench


@dataclass(frozen=True)
class Kernel:
    name: str  # "6.1", "6.12", "uml", "x86-debug", "kcsan", "uml-fast"
    image: Path
    modules: Path  # lib/modules/RELEASE
    module: Path  # our emd.ko for it

    @property
    def uml(self):
        return self.name in ("uml", FAST)

    @property
    def debug(self):
        return self.name in DEBUG

    @property
    def release(self):
        return self.modules.name


def find(name):
    """The kernel called name; LabError when it is not there."""
    if name in STOCK:
        top = (CACHE / "kernels" / name).resolve()
        image, out = top / f"boot/vmlinuz-{top.name}", top.name
        remedy = "run scripts/setup"
    elif name in (*DEBUG, FAST):
        top = (CACHE / "debug" / name.removesuffix("-debug")).resolve()
        image, out = top / ("linux" if name in ("uml", FAST) else "arch/x86/boot/bzImage"), name
        top, remedy = top / "root", f"run scripts/debug-kernel {name.removesuffix('-debug')}"
    else:
        raise LabError(f"no kernel '{name}': {', '.join((*STOCK, *DEBUG, FAST))}")
    modules = next(iter((top / "lib/modules").glob("*/modules.dep")), None)
    if not image.exists() or not modules:
        raise LabError(f"kernel {name} is not in the cache; {remedy}")
    if name in STOCK:
        image = vmlinux.of(image)
    return Kernel(name, image, modules.parent, BUILD / "kernel" / out / "emd.ko")


class Modules:
    """Resolves module names to files, with what they depend on first."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.depends = {}  # relative path: relative paths, nearest dependency first
        for line in (kernel.modules / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            self.depends[path] = rest.split()
        self.by_name = {canonical(path): path for path in self.depends}
        # A soft dependency names an alias, as libcrc32c does its algorithm: without it the module does not start.
        self.soft = {}
        for line in text(kernel.modules / "modules.softdep"):
            words = line.split()
            if words[:1] == ["softdep"] and "pre:" in words:
                self.soft[canonical(words[1])] = [w for w in words[words.index("pre:") + 1:] if w != "post:"]
        self.alias = {}
        for line in text(kernel.modules / "modules.alias"):
            words = line.split()
            if words[:1] == ["alias"] and "*" not in line:
                self.alias[canonical(words[1])] = words[2]
        builtin = (kernel.modules / "modules.builtin").read_text().splitlines()
        self.builtin = {canonical(path) for path in builtin}

    def closure(self, names):
        """{relative path: relative paths of what it needs}, in an order in which they can be inserted."""
        result = {}
        for name in names:
            name = canonical(name)
            if name in self.builtin:
                continue
            if name == "emd":
                needs = self.emd_needs()
                result |= self.closure(needs)
                result["extra/emd.ko"] = [self.by_name[n] for n in needs if n in self.by_name]
                continue
            if name not in self.by_name:
                raise LabError(f"kernel {self.kernel.release} has no module {name}")
            path = self.by_name[name]
            for needed in [*reversed(self.depends[path]), path]:
                for soft in self.soft.get(canonical(needed), ()):
                    soft = self.alias.get(canonical(soft), soft)
                    if canonical(soft) in self.by_name and self.by_name[canonical(soft)] not in result:
                        result |= self.closure([soft])
                result.setdefault(needed, self.depends[needed])
        return result

    def emd_needs(self):
        if not self.kernel.module.exists():
            raise LabError(f"no {self.kernel.module}; run make kernel"
                           + (f" KVER={self.kernel.name}" if self.kernel.name not in STOCK else ""))
        info = subprocess.run(["/sbin/modinfo", "-F", "depends", self.kernel.module], text=True, check=True,
                              capture_output=True).stdout
        return [canonical(name) for name in info.strip().split(",") if name]

    def read(self, path):
        """The uncompressed module."""
        if path == "extra/emd.ko":
            return stripped(self.kernel.module)
        data = (self.kernel.modules / path).read_bytes()
        return lzma.decompress(data) if path.endswith(".xz") else data


def text(path):
    """The lines of a file that a kernel may lack."""
    return path.read_text().splitlines() if path.exists() else []


def canonical(path):
    """kernel/drivers/md/md-mod.ko.xz is module md_mod."""
    return path.rpartition("/")[2].partition(".")[0].replace("-", "_")
