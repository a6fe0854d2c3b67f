# SPDX-License-Identifier: GPL-2.0-or-later
"""The disks of a guest: sparse files that live as long as the test, served by QEMU itself or by the power server.

Without the server a cut loses nothing that QEMU has taken: the host's page cache has it. With it (power: yes) every disk
has a volatile cache, and a cut loses a random part of what was not flushed; see emdpower.cc.
"""
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .paths import BUILD, MORTAL, LabError


class Disks:
    def __init__(self, spec, directory, seed):
        self.spec, self.directory, self.seed = spec, directory, seed
        self.server = None
        self.sockets = tempfile.mkdtemp(prefix="emd-")
        for disk in spec.disks:
            with open(self.path(disk), "wb") as image:
                image.truncate(disk.size_bytes)

    def path(self, disk):
        return self.directory / f"{disk.name}.img"

    def blockdev(self, disk):
        if self.spec.power:
            # With the reconnect delay the guest waits instead of seeing errors between a cut and its own end.
            return (f"driver=nbd,node-name={disk.name},server.type=unix,server.path={self.socket('nbd')},"
                    f"export={disk.name},reconnect-delay=600")
        return f"driver=file,node-name={disk.name},filename={self.path(disk)},cache.no-flush=on"

    def socket(self, kind):
        """In a directory of their own: the name of a Unix socket has 107 characters at most."""
        return f"{self.sockets}/{kind}"

    def power_on(self, boot):
        if not self.spec.power:
            return
        command = [*MORTAL, BUILD / "cmake/bin/emdpower", "--listen", self.socket("nbd"), "--control", self.socket("ctl"),
                   "--seed", str(self.seed + boot), "--flush-delay", str(self.spec.flush_delay)]
        for disk in self.spec.disks:
            command += ["--stable-disk" if disk.name == "oracle" else "--disk", f"{disk.name}={self.path(disk)}"]
        log = (self.directory / f"boot-{boot}.power").open("wb")
        self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(200):
            if os.path.exists(self.socket("ctl")):
                return
            if self.server.poll() is not None:
                break
            time.sleep(0.05)
        raise LabError(f"the power server does not start; see {log.name}")

    def command(self, text):
        """Sends one line to the power server and returns its answer."""
        if not self.server:
            raise LabError(f"'{text}' needs the power server: the test lacks '#: power: yes'")
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(self.socket("ctl"))
            control.sendall(text.encode() + b"\n")
            answer = control.makefile().readline().strip()
        if not answer.startswith("ok"):
            raise LabError(f"the power server refuses '{text}': {answer}")
        return answer

    def cut_happened(self):
        """The server has cut the power by itself, at the write it was told to wait for."""
        return self.server is not None and self.server.poll() is not None

    def power_off(self, cut):
        """Ends the server; with cut, unflushed writes are lost."""
        if not self.server:
            return
        if self.server.poll() is None:
            try:
                self.command("cut" if cut else "quit")
                self.server.wait(timeout=60)
            except (OSError, LabError, subprocess.TimeoutExpired):
                self.end_by_itself()
        if self.server.returncode:
            raise LabError(f"the power server ended with {self.server.returncode}")
        self.server = None
        for kind in ("nbd", "ctl"):
            Path(self.socket(kind)).unlink(missing_ok=True)

    def end_by_itself(self):
        """It does not answer. It may have ended before: what a guest that was killed has left in its sockets may be the write at which
        it was to cut the power."""
        try:
            self.server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
            raise LabError("the power server does not end") from None

    def close(self, keep):
        """Removes what is temporary, and unless told to keep them the images."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        for disk in self.spec.disks if not keep else ():
            self.path(disk).unlink(missing_ok=True)
