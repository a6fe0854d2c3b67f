# SPDX-License-Identifier: GPL-2.0-or-later
"""Packs a root file system for a guest: an uncompressed cpio archive (newc), which TCG unpacks fastest."""
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from .paths import LabError

SEARCH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


class Root:
    """Files of a guest, by absolute path. Nothing needs root: device nodes come from devtmpfs."""

    def __init__(self):
        self.entries = {}  # path without leading slash: (mode, data)

    def put(self, path, data, mode=0o644):
        path = path.strip("/")
        for parent in list(Path(path).parents)[-2::-1]:
            self.entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b""))
        self.entries[path] = (stat.S_IFREG | mode, data if isinstance(data, bytes) else data.encode())

    def directory(self, path):
        self.put(path.strip("/") + "/x", b"")
        del self.entries[path.strip("/") + "/x"]

    def link(self, path, target):
        self.put(path, target)
        self.entries[path.strip("/")] = (stat.S_IFLNK | 0o777, target.encode())

    def copy(self, source, path=None):
        source = Path(source)
        self.put(path or str(source), source.read_bytes(), 0o755 if os.access(source, os.X_OK) else 0o644)

    def program(self, name, path=None):
        """A program of this machine, found on PATH unless it is a path, with the libraries that ldd names."""
        source = name if os.sep in str(name) else shutil.which(name, path=SEARCH)
        if not source or not Path(source).exists():
            raise LabError(f"no program {name} on this machine; scripts/setup installs what the tests need")
        self.put(path or f"/bin/{Path(source).name}", stripped(Path(source).resolve()), 0o755)
        for library in libraries(Path(source).resolve()):
            self.copy(Path(library).resolve(), library)

    def cpio(self, out):
        """Writes the archive to a binary file."""
        for inode, (path, (mode, data)) in enumerate(sorted(self.entries.items()), 1):
            member(out, path, mode, data, inode)
        member(out, "TRAILER!!!", 0, b"", 0)
        out.write(b"\0" * (-out.tell() % 512))


def member(out, path, mode, data, inode):
    name = path.encode() + b"\0"
    # inode mode uid gid nlink mtime size devmajor devminor rdevmajor rdevminor namesize check
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
    out.write(b"\0" * (-out.tell() % 4))
    out.write(data)
    out.write(b"\0" * (-out.tell() % 4))


def stripped(program):
    """Its bytes without debug information (which would not fit into a small guest); a script as it is. Also of a module."""
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(["strip", "-g", "-o", out.name, program], capture_output=True)
        return Path(out.name).read_bytes() if done.returncode == 0 else program.read_bytes()


_libraries = {}


def libraries(program):
    """Absolute paths of the shared libraries of program; none for a static one or a script."""
    if program not in _libraries:
        done = subprocess.run(["ldd", program], text=True, capture_output=True)
        paths = []
        for line in done.stdout.splitlines():
            words = line.split()
            if "=>" in words and len(words) > 2 and words[2].startswith("/"):
                paths.append(words[2])
            elif words and words[0].startswith("/"):
                paths.append(words[0])
            elif "not found" in line:
                raise LabError(f"{program}: {line.strip()}")
        _libraries[program] = paths
    return _libraries[program]
