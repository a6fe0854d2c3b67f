# SPDX-License-Identifier: GPL-2.0-or-later
"""What a soak does: for each episode a tree of arrays and a sequence of steps, as lines that steps.sh carries out.

Decided here, by the seed alone, and not while it runs: so the same seed gives the same sequence on every machine, and an
episode that failed can be run by itself. The model below knows what each array may lose; no step takes more from it. Faults
come in all places at once, but never more in one array than it has to survive, so every byte has to be there at the end.
"""
import random

DISKS = 12
BLOCKS = 1024  # of 4 KiB, of a disk
BITMAP_BLOCKS = 256  # before the data where there is a bitmap
CHUNKS = (4, 8, 16, 32, 64, 128)  # KiB
LAYOUTS = {"raid5": range(6), "raid6": (0, 1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 18, 19, 20)}
LEAST = {"linear": 2, "raid0": 2, "raid1": 2, "raid4": 3, "raid5": 3, "raid6": 4, "raid10": 3}
RAID10 = {0x102: 1, 0x103: 2, 0x201: 1, 0x10201: 1}  # layout: members that may be missing


class Disk:
    def __init__(self, name):
        self.name, self.broken = name, False


class Array:
    def __init__(self, name, level, layout, chunk, kids, bitmap):
        self.name, self.level, self.layout, self.chunk, self.kids = name, level, layout, chunk, kids
        self.bitmap = bitmap
        self.gone = {}  # slot: whether what is on the lost member is as it was left
        self.target = None  # the slot that is being recovered
        self.spoiled = None  # the disk that has bad sectors
        self.refused = None  # the disk that answers nothing in some places, and which
        self.synced = not self.tolerates

    @property
    def tolerates(self):
        """How many members may be missing, whichever they are."""
        fixed = {"linear": 0, "raid0": 0, "raid4": 1, "raid5": 1, "raid6": 2}
        if self.level in fixed:
            return fixed[self.level]
        return len(self.kids) - 1 if self.level == "raid1" else RAID10[self.layout]

    @property
    def whole(self):
        return not self.gone and self.target is None and not self.spoiled and not self.refused

    def arrays(self):
        """All below and itself, the inner ones first; what is lost is no part of it."""
        for slot, kid in enumerate(self.kids):
            if isinstance(kid, Array) and slot not in self.gone:
                yield from kid.arrays()
        yield self

    def disks(self):
        for kid in self.kids:
            yield from kid.disks() if isinstance(kid, Array) else (kid,)


class Episode:
    def __init__(self, seed, number, plant, spoils):
        self.plant, self.spoils = plant, spoils
        self.random = random.Random(f"{seed}:{number}")
        self.lines = []
        self.disks = [Disk(f"d{i}") for i in range(DISKS)]
        self.free = list(self.disks)
        self.random.shuffle(self.free)
        self.numbers = iter(range(100))
        self.top = self.tree(0, 4 if plant else DISKS - 2)

    def do(self, *words):
        self.lines.append(" ".join(str(word) for word in words))

    def chance(self, percent):
        return self.random.randrange(100) < percent

    # --- the tree ---------------------------------------------------------------------------------------------------
    def tree(self, depth, budget):
        levels = [level for level, least in LEAST.items() if least <= budget and (depth == 0 or least < 4)]
        level = self.random.choice(levels)
        nr = min(LEAST[level] + self.random.choice((0, 0, 1, 1, 2, 4)), budget)
        kids = []
        for slot in range(nr):
            spare = budget - sum(len(list(k.disks())) if isinstance(k, Array) else 1 for k in kids) - (nr - slot)
            if depth < 3 and spare >= 2 and self.chance(30):
                kids.append(self.tree(depth + 1, spare + 1))
            else:
                kids.append(self.free.pop())
        return self.array(level, kids)

    def array(self, level, kids):
        layout = "-"
        if level in LAYOUTS:
            layout = self.random.choice(LAYOUTS[level])
        elif level == "raid10":
            layout = self.random.choice([w for w, lost in RAID10.items() if lost < len(kids)])
        elif level == "raid0":
            layout = self.random.choice((1, 2))
        chunk = 0 if level in ("linear", "raid1") else self.random.choice(CHUNKS)
        simple = all(isinstance(kid, Disk) for kid in kids)
        bitmap = simple and level not in ("linear", "raid0") and self.chance(30)
        return Array(f"emd{next(self.numbers)}", level, layout, chunk, kids, bitmap)

    def build(self, root, anew):
        """Makes all arrays of a tree: with members that may differ, or as they were left."""
        for array in root.arrays():
            kids = ["-" if slot in array.gone else kid.name for slot, kid in enumerate(array.kids)]
            start = "insync" if array.synced and (array.gone or self.chance(70)) else "dirty"
            bits = "-" if not array.bitmap else "new" if anew else "kept"
            self.do("build", array.name, array.level, array.chunk, array.layout, bits, start, *kids)
            array.synced = start == "insync" or not array.tolerates

    # --- the steps --------------------------------------------------------------------------------------------------
    def redundant(self):
        return [array for array in self.top.arrays() if array.tolerates]

    def losing(self, array):
        """Slots that may be lost now."""
        if array.spoiled or array.refused:
            return []
        if len(array.gone) + (array.target is not None) >= array.tolerates:
            return [array.target] if array.target is not None else []
        return [slot for slot in range(len(array.kids)) if slot not in array.gone]

    def sync(self, array):
        self.do("synced", array.name)
        array.synced = True

    def fail(self, array, slot=None):
        slot = self.random.choice(self.losing(array)) if slot is None else slot
        kid = array.kids[slot]
        how, broken = "store", None
        if isinstance(kid, Array) and not kid.tolerates and self.chance(50):
            broken = self.random.choice([d for d in kid.disks()])
            if any(inner.tolerates for inner in kid.arrays()):
                broken = None
        elif isinstance(kid, Disk) and self.chance(30):
            broken = kid
        if not array.synced and self.chance(70):
            self.sync(array)
        if broken:
            how, broken.broken = broken.name, True
        inner = [a.name for a in kid.arrays()] if isinstance(kid, Array) else []
        self.do("lose", array.name, kid.name, how, *inner)
        array.gone[slot] = not broken and isinstance(kid, Disk) and array.target != slot
        if array.target == slot:
            array.target = None

    def heal(self, array):
        slot = self.random.choice(list(array.gone))
        kid = array.kids[slot]
        how = "slot"
        if isinstance(kid, Array):
            for disk in kid.disks():
                self.mend(disk)
            for inner in kid.arrays():
                inner.gone, inner.target, inner.spoiled, inner.refused, inner.synced = {}, None, None, None, False
            self.build(kid, True)
        elif array.bitmap and array.gone[slot] and self.chance(70):
            how = "insync"
        elif self.chance(50):
            self.free.append(kid)
            kid = array.kids[slot] = self.free.pop(0)
        if isinstance(kid, Disk):
            self.mend(kid)
        if how == "slot" and len(array.gone) == 1 and not array.bitmap and self.chance(50):
            how = "spare"
        self.do("add", array.name, kid.name, slot, how)
        del array.gone[slot]
        array.target = slot
        if self.chance(60):
            self.recovered(array)

    def mend(self, disk):
        if disk.broken:
            self.do("mend", disk.name)
            disk.broken = False

    def recovered(self, array):
        self.do("recovered", array.name, len(array.gone))
        array.target = None

    def spoil(self, array):
        disk = self.random.choice([d for d in array.disks()])
        owner = array
        for inner in array.arrays():  # the innermost that can mend it
            if inner.tolerates and disk in inner.disks():
                owner = inner
                break
        if not owner.whole or not owner.synced:
            return
        first = BITMAP_BLOCKS if any(a.bitmap and disk in a.kids for a in owner.arrays()) else 0
        blocks = sorted(self.random.sample(range(first, BLOCKS - 32), self.random.choice((1, 4, 16))))
        self.do("spoil_disk", disk.name, *blocks)
        owner.spoiled = disk

    def unspoil(self, array):
        self.do("run_pass", array.name, self.random.choice(("check", "repair")))
        strict = all(isinstance(kid, Disk) for kid in array.kids)
        self.do("healed_disk", array.spoiled.name, "strict" if strict else "loose")
        array.spoiled = None

    def refuse(self, array):
        """A disk neither reads nor writes some of its blocks any more: they are listed, and it stays."""
        disks = [kid for kid in array.kids if isinstance(kid, Disk)]
        if not disks or not array.synced:
            return
        disk = self.random.choice(disks)
        first = BITMAP_BLOCKS if array.bitmap else 0
        blocks = sorted(self.random.sample(range(first, BLOCKS - 32), self.random.choice((1, 2, 4, 8))))
        self.do("refuse", array.name, disk.name, *blocks)
        disk.broken = True
        array.refused = disk, blocks

    def listed(self, array):
        """The right blocks are in the list, and all that was written is there. The disk goes, and comes back without a list."""
        disk, blocks = array.refused
        self.do("run_pass", array.name, self.random.choice(("check", "repair")))
        strict = all(isinstance(kid, Disk) for kid in array.kids)
        self.do("listed", array.name, disk.name, "strict" if strict else "loose", *blocks)
        if self.chance(50):
            self.check_bytes(array)
        array.refused = None
        slot = array.kids.index(disk)
        self.do("lose", array.name, disk.name, "store")
        array.gone[slot] = True
        self.mend(disk)

    def replace(self, array):
        """By another disk: until it has all; or one of the two fails in the middle of it."""
        slots = [slot for slot, kid in enumerate(array.kids) if isinstance(kid, Disk)]
        if not slots or not self.free:
            return
        if not array.synced:  # it would wait for that
            self.sync(array)
        slot = self.random.choice(slots)
        old, new = array.kids[slot], self.free.pop(0)
        self.mend(new)
        self.do("replace", array.name, slot, old.name, new.name)
        if self.chance(50):
            self.check_bytes(array)
        end = self.random.choice(("both", "both", "new", "old"))
        self.do("replaced", array.name, slot, old.name, new.name, end)
        if end == "old":
            array.target = slot
        array.kids[slot] = old if end == "new" else new
        self.free.append(new if end == "new" else old)

    def run_pass(self, array):
        if len(array.gone) + (array.target is not None) < array.tolerates:
            self.do("run_pass", array.name, self.random.choice(("check", "repair")))
        else:
            self.do("interrupt", array.name)

    def restart(self, array):
        if any(inner.gone and not inner.synced for inner in self.redundant()):
            return  # dirty and degraded: nobody but an administrator starts that
        for inner in self.redundant():
            if inner.spoiled:
                self.unspoil(inner)
            if inner.refused:
                self.listed(inner)
            if inner.target is not None:
                self.drop_target(inner)
        self.do("unload", self.top.name)
        if self.chance(50):
            for inner in self.redundant():
                if not inner.synced and not inner.gone:
                    self.sync(inner)
        self.do("stop", self.top.name)
        self.build(self.top, False)
        self.do("verify", self.top.name)
        self.load()

    def drop_target(self, array):
        """Who stops now may find it recovered or not: it is left out, and comes back as a new one."""
        if not array.synced or isinstance(array.kids[array.target], Array):
            self.recovered(array)
        else:
            self.fail(array, array.target)

    def reshape(self, array):
        if array is not self.top or array.bitmap or not array.whole or array.level in ("linear", "raid1"):
            return
        if array.level == "raid10" and (array.layout > 0x1ff or len(array.kids) % (array.layout & 0xff)):
            return  # it has no rows
        if array.level == "raid0" and any(isinstance(kid, Array) for kid in array.kids):
            return  # of several zones
        for inner in self.redundant():
            if not inner.synced:
                self.sync(inner)
        changes = {}
        if self.chance(60):
            changes["chunk_size"] = array.chunk = self.random.choice([c for c in CHUNKS if c != array.chunk])
            changes["chunk_size"] *= 1024
        if array.level in LAYOUTS and (not changes or self.chance(40)):
            changes["layout"] = array.layout = self.random.choice([w for w in LAYOUTS[array.level] if w != array.layout])
        new = []
        simple = all(isinstance(kid, Disk) for kid in array.kids)
        if simple and len(self.free) > 1 and array.level != "raid10" and (not changes or self.chance(40)):
            new = [self.free.pop(0)]
            changes["raid_disks"] = len(array.kids) + 1
        if not changes:
            return
        for disk in new:
            self.mend(disk)
        first = len(array.kids)
        array.kids += new
        self.do("reshape", array.name, first, ",".join(d.name for d in new) or "-",
                *(f"{word}={value}" for word, value in changes.items()))
        if new and self.chance(60):
            self.do("unload", array.name)
            self.do("extend", array.name)
            self.load()

    def step(self):
        array = self.random.choice(self.redundant() or [self.top])
        if array.tolerates and array.spoiled and self.chance(60):
            return self.unspoil(array)
        if array.tolerates and array.refused and self.chance(60):
            return self.listed(array)
        if array.target is not None and self.chance(50):
            return self.recovered(array)
        choices = {
            "fail": 25 if array.tolerates and self.losing(array) else 0,
            "heal": 40 if array.gone and array.target is None else 0,
            "run_pass": 12 if array.tolerates and not array.spoiled and not array.refused else 0,
            "interrupt": 5 if array.tolerates else 0,
            "spoil": 10 if self.spoils and array.tolerates and array.whole else 0,
            "refuse": 10 if array.tolerates and array.whole else 0,
            "replace": 10 if array.tolerates and array.whole and not array.bitmap else 0,
            "reshape": 15 if array is self.top else 0,
            "restart": 8, "read": 8, "speed": 4, "check_bytes": 4,
        }
        name = self.random.choices(list(choices), list(choices.values()))[0]
        return getattr(self, name)(array)

    def interrupt(self, array):
        self.do("interrupt", array.name)

    def read(self, _):
        self.do("read_all", self.top.name)

    def speed(self, _):
        self.do("speed", *self.random.choice(((1000, 2000000), (100000, 2000000), (5000, 5000), (20000, 50000))))

    def check_bytes(self, _):
        self.do("unload", self.top.name)
        self.do("verify", self.top.name)
        self.load()

    def load(self):
        self.do("load", self.top.name, self.random.randint(1, 6), self.random.randrange(2), self.random.choice((1, 8, 64)),
                self.random.randrange(1 << 16))

    # --- begin and end ----------------------------------------------------------------------------------------------
    def whole_again(self):
        for array in self.redundant():
            if array.spoiled:
                self.unspoil(array)
            if array.refused:
                self.listed(array)
            if array.target is not None:
                self.recovered(array)
            while array.gone:
                self.heal(array)
                if array.target is not None:
                    self.recovered(array)

    def end(self):
        while any(not array.whole for array in self.redundant()):
            self.whole_again()
        self.do("unload", self.top.name)
        self.do("verify", self.top.name)
        for array in self.redundant():
            self.sync(array)
        if self.plant:
            self.do("plant", self.random.choice(list(self.top.disks())).name)
        for array in self.redundant():
            self.do("run_pass", array.name, "check")
        for array in self.redundant():
            while array.name in [a.name for a in self.top.arrays()] and self.losing(array):
                slot = self.random.choice(self.losing(array))
                kid = array.kids[slot]
                inner = [a.name for a in kid.arrays()] if isinstance(kid, Array) else []
                self.do("lose", array.name, kid.name, "store", *inner)
                array.gone[slot] = False
        self.do("verify", self.top.name)
        self.do("stop", self.top.name)
        for disk in self.disks:  # the next episode begins with good ones
            self.mend(disk)
        self.do("nothing_left")

    def plan(self):
        self.do("speed", 100000, 2000000)
        self.do("queues", self.random.choice(("own", "shared")))
        self.build(self.top, True)
        self.do("fill", self.top.name)
        self.load()
        for _ in range(1 if self.plant else self.random.randint(4, 12)):
            self.step()
        self.end()
        return self.lines


def shape(array):
    """The tree as one word: raid5(d0 raid1(d1 d2) d3)."""
    return array.level + "(" + " ".join(shape(k) if isinstance(k, Array) else k.name for k in array.kids) + ")"


def episode(seed, number, plant, spoils):
    """@plant: bytes are changed behind the arrays' back before the end, which has to find it; @spoils: disks can have bad sectors."""
    one = Episode(seed, number, plant, spoils)
    name = shape(one.top)
    body = "".join(f"\tstep {line}\n" for line in one.plan())
    return f"episode_{number}() {{\n\ttree '{name}'\n{body}}}\n"
