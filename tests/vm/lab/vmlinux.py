# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel proper of a bzImage. A guest that starts from it (by the PVH entry, which stock kernels have) need not
decompress it first: under TCG that costs more than half as much as the rest of the boot.

Where the compressed kernel lies: Documentation/arch/x86/boot.rst, fields setup_sects, payload_offset, payload_length.
"""
import lzma
import os
import shutil
import struct
import subprocess
import tempfile

ELF, XZ, ZSTD = b"\x7fELF", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"


def payload(image):
    """The compressed kernel in the bytes of a bzImage, with the four bytes of its length behind it; b"" if there is none."""
    if len(image) < 0x250 or image[0x202:0x206] != b"HdrS" or struct.unpack_from("<H", image, 0x206)[0] < 0x208:
        return b""
    setup_sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = (setup_sectors + 1) * 512 + offset
    return image[begin:begin + length]


def decompressed(data):
    if data.startswith(XZ):
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(ZSTD) and shutil.which("zstd"):
        return subprocess.run(["zstd", "-dcq"], input=data[:-4], stdout=subprocess.PIPE, check=True).stdout
    return b""


def of(image):
    """Path of what to boot for the bzImage at path image: an ELF file beside it, made once, or image itself."""
    path = image.with_name(image.name.replace("vmlinuz", "vmlinux"))
    if path == image or path.exists():
        return path
    kernel = decompressed(payload(image.read_bytes()))
    if not kernel.startswith(ELF):
        return image
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as out:  # another test may do the same just now
        out.write(kernel)
    os.replace(out.name, path)
    return path
