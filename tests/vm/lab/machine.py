# SPDX-License-Identifier: GPL-2.0-or-later
"""A running guest: QEMU or User Mode Linux as a process, with its three logs as files.

DIRECTORY/boot-N.console  what the console says before and beside the test (panics)
DIRECTORY/boot-N.out      what the test prints, and its commands to the host
DIRECTORY/boot-N.klog     the kernel log
"""
import os
import signal
import subprocess

from . import tsc
from .paths import BUILD, CACHE, MORTAL


class Machine:
    def __init__(self, directory, boot):
        self.directory, self.boot, self.process = directory, boot, None

    def log(self, kind):
        return self.directory / f"boot-{self.boot}.{kind}"

    def start(self, command, environment=None):
        for kind in ("console", "out", "klog"):
            self.log(kind).write_bytes(b"")
        (self.directory / f"boot-{self.boot}.command").write_text(" ".join(map(str, command)) + "\n")
        console = self.log("console").open("wb")
        self.process = subprocess.Popen([*MORTAL, *(str(word) for word in command)], stdin=subprocess.DEVNULL,
                                        stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
                                        env=os.environ | (environment or {}))

    def running(self):
        return self.process.poll() is None

    def kill(self):
        """The plug is pulled. UML is several processes of one session."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def accelerator():
    """kvm when a trial boot has shown that it works, else tcg. The answer is kept until the host starts anew."""
    boot_id = open("/proc/sys/kernel/random/boot_id").read().strip()
    memo = CACHE / "accelerator"
    try:
        known_id, answer = memo.read_text().split()
        if known_id == boot_id:
            return answer
    except (OSError, ValueError):
        pass
    answer = "kvm" if kvm_boots() else "tcg"
    memo.write_text(f"{boot_id} {answer}\n")
    return answer


def kvm_boots():
    """Starts a stock kernel under KVM without a root file system: it has to come as far as missing one."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    image = next((CACHE / "kernels").glob("6.1/boot/vmlinuz-*"), None)
    if not image:
        return False
    command = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-no-reboot",
               "-display", "none", "-serial", "stdio", "-kernel", str(image), "-append", "console=ttyS0 panic=-1"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return False
    return b"Unable to mount root fs" in done.stdout


COMMON = ("panic=-1 oops=panic quiet loglevel=4 mitigations=off "
          "rcupdate.rcu_cpu_stall_timeout=200 nosoftlockup printk.devkmsg=on log_buf_len=4M net.ifnames=0 "
          # What ACPI would do under TCG costs seconds: interpreting interrupt routing, calibrating timers.
          "acpi=noirq 8250.nr_uarts=1 no_timer_check tsc=reliable")


def qemu_command(kernel, spec, initrd, machine, disks, accel):
    cpu = "host" if accel == "kvm" else "max"
    accel_option = ["kvm" if accel == "kvm" else "tcg,thread=multi"]
    debugging = "slub_debug=FZP page_poison=1"  # who writes to memory that he has freed is reported
    clock = tsc.frequency_khz() if accel == "tcg" and spec.instrument != "icount" else None
    if spec.instrument == "icount":
        cpu, debugging = "max", ""
        accel_option = ["tcg,thread=single", "-icount", "shift=0,sleep=off"]
    command = ["qemu-system-x86_64", "-accel", *accel_option, "-cpu", cpu, "-smp", spec.cpus,
               "-m", spec.memory + (512 if kernel.debug else 0), "-nodefaults", "-no-reboot", "-display", "none",
               "-serial", "stdio", "-kernel", kernel.image, "-initrd", initrd,
               "-append", f"console=ttyS0 {COMMON} {debugging}" + (" kmemleak=on" if kernel.debug else "")
               + (f" tsc_early_khz={clock}" if clock else ""),
               "-device", "virtio-serial-pci"]
    for kind in ("out", "klog"):
        command += ["-chardev", f"file,id={kind},path={machine.log(kind)}",
                    "-device", f"virtserialport,chardev={kind},name={kind}"]
    if any(disk.bus == "scsi" for disk in spec.disks):
        command += ["-device", "virtio-scsi-pci,id=scsi"]
    for disk in spec.disks:
        command += ["-blockdev", disks.blockdev(disk)]
        serial = f"drive={disk.name},serial=EMD-{disk.name},write-cache=on"
        if disk.bus == "scsi":
            command += ["-device", f"scsi-hd,bus=scsi.0,{serial},dpofua=on"]
        else:
            command += ["-device", f"virtio-blk-pci,{serial}"]
    return command


def uml_command(kernel, spec, initrd, disks):
    command = [kernel.image, f"mem={spec.memory + 700}M", f"initrd={initrd}", "con=null", "con0=null,fd:1"]
    command += [f"ubd{index}={disks.path(disk)}" for index, disk in enumerate(spec.disks)]
    return command + ["quiet", "loglevel=4", "kmemleak=on", "panic=1", "printk.devkmsg=on", "log_buf_len=4M"]


def start(kernel, spec, initrd, directory, boot, disks):
    machine = Machine(directory, boot)
    if kernel.uml:
        machine.start(uml_command(kernel, spec, initrd, disks), {"LD_PRELOAD": str(BUILD / "cmake/lib/libumlregs.so")})
    else:
        machine.start(qemu_command(kernel, spec, initrd, machine, disks, accelerator()))
    return machine
