# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in a guest's root file system."""
from pathlib import Path

from . import kernel as kernels
from .initramfs import Root
from .paths import BUILD, CACHE, ROOT, VM, LabError

# Debian's rules that name disks and make /dev/disk links; the others belong to hardware a guest has not.
UDEV_RULES = ("50-udev-default.rules", "60-block.rules", "60-persistent-storage.rules")
UDEV_HELPERS = ("ata_id", "scsi_id")
OURS = ("emdadm", "emdmon", "emdwork")

QEMU_MODULES = ("virtio_pci", "virtio_console", "virtio_blk")
PROGRAM_NEEDS = {"mkfs.ext4": ("ext4",), "mdadm": ()}
# Programs that come from the cache and not from this machine.
CACHED = {"mdadm": "sbin/mdadm", "mdmon": "sbin/mdmon"}
# Programs of this tree that only the tests which name them have.
BUILT = ("emd_contract",)


def root(spec, kernel, directory, boot, slow, limit, kept):
    root = Root()
    with_emd = spec.emd_in(boot)
    userland(root, OURS if with_emd or not spec.emd else ("emdwork",))
    modules = module_tree(root, spec, kernel, with_emd)
    if spec.udev:
        udev(root, spec.rules and with_emd)
    for program in spec.programs:
        add_program(root, program)
    if spec.rules or spec.conf:
        root.put("/etc/emd/emdadm.conf", "\n".join(spec.conf or ["AUTO +all"]) + "\n")
    for name in spec.files:
        root.copy(ROOT / name, "/" + Path(name).name)
    settings = {
        "NAME": spec.name, "BOOT": boot, "CUTS": spec.cuts, "KERNEL": kernel.name, "UML": "yes" if kernel.uml else "no", "SLOW": slow, "LIMIT": limit, "SUBJECT": spec.subject,
        "UDEV": "yes" if spec.udev else "no", "DISKS": " ".join(disk.name for disk in spec.disks),
        "BOOT_MODULES": " ".join(modules), "EMD_OPTIONS": spec.emd_options, "HOST_DIRECTORY": directory, **kept,
    }
    root.put("/etc/emd-test", "".join(f"export {name}='{value}'\n" for name, value in settings.items()))
    root.put("/test.sh", spec.text)
    return root


def userland(root, ours):
    root.program("busybox")
    applets = """sh ash cat cp mv rm ln ls mkdir mount umount insmod rmmod modprobe lsmod dmesg grep sed awk cut head tail tr
        sort uniq wc seq sleep usleep sync poweroff reboot echo printf test expr kill killall ps pidof dd cmp md5sum
        sha256sum od hexdump basename dirname date uname true false touch find xargs stat df du env chmod mknod readlink
        realpath timeout setsid nice id tee mkfifo which yes rev tac top free blockdev losetup mountpoint truncate
        sha1sum fold paste nohup diff pgrep pkill [ hostname tar gzip fallocate nproc"""
    for applet in applets.split():
        root.link(f"/bin/{applet}", "/bin/busybox")
    for name in ("/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/mnt", "/host", "/var/lib", "/etc/udev/rules.d"):
        root.directory(name)
    root.link("/var/run", "/run")
    root.link("/sbin/modprobe", "/bin/busybox")
    root.put("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    root.put("/etc/group", "".join(f"{group}:x:{gid}:\n" for gid, group in enumerate(
        "root tty disk kmem dialout audio video lp cdrom tape floppy input kvm render sgx".split())))
    root.put("/etc/nsswitch.conf", "passwd: files\ngroup: files\n")
    root.link("/etc/mtab", "/proc/self/mounts")
    root.put("/init", (VM / "guest/init").read_bytes(), 0o755)
    for name in sorted(path.name for path in (VM / "guest").glob("*.sh")):
        root.put(f"/lib/emd/{name}", (VM / "guest" / name).read_bytes())
    for name in ours:
        program = BUILD / "cmake/bin" / name
        if program.exists():
            root.program(str(program), f"/sbin/{name}" if name != "emdwork" else "/bin/emdwork")


def module_tree(root, spec, kernel, with_emd):
    """Puts the modules into the root; returns those to insert at boot, in order."""
    modules = kernels.Modules(kernel)
    needed_by_programs = [m for p in spec.programs for m in PROGRAM_NEEDS.get(p, ()) if m not in modules.builtin]
    wanted = list(QEMU_MODULES) if not kernel.uml else []
    if not kernel.uml and any(disk.bus == "scsi" for disk in spec.disks):
        wanted += ["virtio_scsi", "sd_mod"]
    at_boot = modules.closure(wanted + spec.modules + needed_by_programs + (["emd"] if with_emd else []))
    present = at_boot | modules.closure(spec.extra_modules)
    top = f"/lib/modules/{kernel.release}"
    for path in present:
        root.put(f"{top}/{path.removesuffix('.xz')}", modules.read(path))
    clean = {path.removesuffix(".xz"): [need.removesuffix(".xz") for need in present[path]] for path in present}
    by_name = {kernels.canonical(path): path for path in clean}
    root.put(f"{top}/modules.dep", "".join(
        f"{path}: {' '.join(by_name.get(need, need) for need in needs)}\n" for path, needs in clean.items()))
    return [path.removesuffix(".xz") for path in at_boot]


def udev(root, with_rules):
    root.program("udevadm", "/bin/udevadm")
    root.link("/sbin/udevadm", "/bin/udevadm")
    root.link("/sbin/systemd-udevd", "/bin/udevadm")
    root.link("/lib/systemd/systemd-udevd", "/bin/udevadm")
    for name in UDEV_RULES:
        root.copy(f"/lib/udev/rules.d/{name}")
    for name in UDEV_HELPERS:
        root.program(f"/lib/udev/{name}", f"/lib/udev/{name}")
    root.program("blkid", "/sbin/blkid")
    if with_rules:
        for path in sorted((ROOT / "udev").glob("*.rules.in")):
            root.put(f"/lib/udev/rules.d/{path.stem}", path.read_bytes().replace(b"@SBINDIR@", b"/sbin"))


def add_program(root, name):
    if name in CACHED:
        source = CACHE / "guest/mdadm" / CACHED[name]
        if not source.exists():
            raise LabError(f"{name} is not in the cache; run scripts/setup")
        root.program(str(source), f"/sbin/{name}")
    elif name in BUILT:
        root.program(str(BUILD / "cmake/bin" / name), f"/bin/{name}")
    else:
        root.program(name, f"/bin/{name}")
        if name == "mkfs.ext4":
            root.copy("/etc/mke2fs.conf")
