# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VM = ROOT / "tests/vm"
BUILD = Path(os.environ.get("EMD_BUILD", ROOT / "build"))
WORK = BUILD / "vm"  # logs and disks of every run
CACHE = Path(os.environ.get("EMD_CACHE")
             or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emd")

# Prefix of a command that must not outlive the lab, however that ends.
MORTAL = ("setpriv", "--pdeathsig", "KILL")


class LabError(Exception):
    """The lab itself cannot do what was asked; the message says why and what to do."""
