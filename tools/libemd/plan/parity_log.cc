// SPDX-License-Identifier: GPL-2.0-only
//
// Theory. Order: parity, flush, then (the plan does it) the record that says that the volume is clean or has no log any more. A
// cut before the record repeats all of it with the same result, because the log is not changed here, nor what it
// refers to: data, and its own copy of the rest.
#include "libemd/plan/parity_log.h"

#include <algorithm>
#include <set>

namespace emd::plan {
namespace {

constexpr std::uint32_t kSlice = 128;  // sectors that are computed at once

const Disk *disk_of(const Container &c, const Slot &slot)
{
    if (slot.disk < 0)
        return nullptr;
    const Disk &disk = c.disks[static_cast<std::size_t>(slot.disk)];
    return disk.present && disk.state != DiskState::Failed ? &disk : nullptr;
}

// Members that hold their data, and those of which a part has been rebuilt: rows there have parity, too.
bool has_log(const Container &c, const Volume &v, const Slot &slot)
{
    return disk_of(c, slot) && (slot.in_sync || v.activity == Activity::Rebuild);
}

// What is being rebuilt is there up to the checkpoint. What is recorded as bad is not there, whatever can be read.
ppl::Held holds(const Container &c, const Volume &v, std::uint32_t slot, std::uint64_t sector, std::uint32_t sectors)
{
    const Slot &at = v.slots[slot];
    if (!disk_of(c, at))
        return {false, sectors};
    ppl::Held held{true, sectors};
    const auto change_at = [&](std::uint64_t edge) {
        if (edge > sector && edge - sector < held.sectors)
            held.sectors = static_cast<std::uint32_t>(edge - sector);
    };
    if (!at.in_sync) {
        held.there = v.activity == Activity::Rebuild && sector < v.checkpoint;
        change_at(v.checkpoint);
    }
    const std::uint64_t offset = place_of(v, at).offset;
    for (const BadRange &bad : c.bad) {
        if (bad.disk != at.disk || bad.start + bad.sectors <= offset)
            continue;
        const std::uint64_t begin = std::max(bad.start, offset) - offset, end = bad.start + bad.sectors - offset;
        held.there = held.there && !(begin <= sector && sector < end);
        change_at(begin);
        change_at(end);
    }
    return held;
}

ppl::Repairs repairs_of(const Container &c, const Volume &v, const ppl::Log &log)
{
    return ppl::repairs_of(v.shape, log, [&](std::uint32_t slot, std::uint64_t sector, std::uint32_t sectors) {
        return holds(c, v, slot, sector, sectors);
    });
}

void add(MutableBytes to, Bytes from)
{
    for (std::size_t i = 0; i < to.size(); i++)
        to[i] ^= from[i];
}

Result<> repair(const Volume &v, const ppl::Repair &r, const std::vector<reshape::Target *> &targets)
{
    std::vector<std::byte> sum(kSlice * std::size_t{512}), one(sum.size());
    for (std::uint32_t done = 0; done < r.sectors; done += kSlice) {
        const std::size_t bytes = std::min(kSlice, r.sectors - done) * std::size_t{512};
        const MutableBytes parity = MutableBytes(sum).first(bytes), data = MutableBytes(one).first(bytes);
        const auto place = [&](std::uint32_t slot) { return (place_of(v, v.slots[slot]).offset + r.sector + done) * 512; };
        std::ranges::fill(parity, std::byte{0});
        if (!r.partial.empty())
            add(parity, r.partial.subspan(done * std::size_t{512}, bytes));
        for (const std::uint32_t slot : r.data_slots) {
            EMD_TRY(targets[slot]->read(place(slot), data).within(fmt::format("recovery by the partial parity log, member {}", slot)));
            add(parity, data);
        }
        EMD_TRY(targets[r.parity_slot]->write(place(r.parity_slot), parity)
                    .within(fmt::format("recovery by the partial parity log, member {}", r.parity_slot)));
    }
    return {};
}

}  // namespace

ParityLogState look_at_log(const Container &container, const Volume &volume, const DiskReader &read)
{
    ParityLogState state{.sound = true};
    for (unsigned slot = 0; slot < volume.slots.size(); slot++) {
        const int disk = volume.slots[slot].disk;
        if (!has_log(container, volume, volume.slots[slot]))
            continue;
        const auto log = ppl::read_log(volume.shape, *volume.parity_log, slot,
                                       [&](std::uint64_t at, MutableBytes out) { return read(disk, at, out); });
        if (log) {
            state.entries += static_cast<unsigned>(log->entries.size());
            state.cut += log->cut;
            state.left_alone += repairs_of(container, volume, *log).left_alone;
        } else if (state.sound) {
            state.sound = false;
            state.why = fmt::format("the log of {}: {}", container.disks[static_cast<std::size_t>(disk)].path, log.error().text());
        }
    }
    return state;
}

Result<unsigned> recover_parity(const Container &container, const Volume &volume, const std::function<reshape::Target *(int disk)> &target)
{
    std::vector<reshape::Target *> targets;
    for (const Slot &slot : volume.slots) {
        targets.push_back(disk_of(container, slot) ? target(slot.disk) : nullptr);
        if (disk_of(container, slot) && !targets.back())
            return fail(Errc::Io, "volume {}: {} cannot be opened", volume.name, disk_of(container, slot)->path);
    }
    unsigned repaired = 0;
    std::set<reshape::Target *> written;
    for (unsigned slot = 0; slot < volume.slots.size(); slot++) {
        if (!has_log(container, volume, volume.slots[slot]))
            continue;
        const auto log = ppl::read_log(volume.shape, *volume.parity_log, slot,
                                       [&](std::uint64_t at, MutableBytes out) { return targets[slot]->read(at, out); });
        if (!log)
            continue;
        for (const ppl::Repair &r : repairs_of(container, volume, *log).repairs) {
            EMD_TRY(repair(volume, r, targets));
            written.insert(targets[slot]);
            repaired++;
        }
    }
    for (reshape::Target *one : written)
        EMD_TRY(one->flush());
    return repaired;
}

}  // namespace emd::plan
