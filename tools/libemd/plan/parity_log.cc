// SPDX-License-Identifier: GPL-2.0-only
//
// Theory. Order: parity, flush, then (the plan does it) the record that says that the volume is clean or has no log any more. A
// cut before the record repeats all of it with the same result, because the log is not changed here, nor what it
// refers to: data, and its own copy of the rest.
#include "libemd/plan/parity_log.h"

#include <algorithm>

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
    return disk_of(c, slot) && (slot.in_sync || (v.activity == Activity::Rebuild && v.checkpoint));
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

enum class Repaired { WasRight, WasWrong, Unread };

// Unread: data cannot be read, which happens to what was being written when the power went. Nothing is computed from its row then. Parity is
// written also where it seems to be right: what was read is only for the count.
Result<Repaired> repair(const Volume &v, const ppl::Repair &r, const std::vector<reshape::Target *> &targets)
{
    std::vector<std::byte> sum(kSlice * std::size_t{512}), one(sum.size());
    bool wrong = false;
    for (std::uint32_t done = 0; done < r.sectors; done += kSlice) {
        const std::size_t bytes = std::min(kSlice, r.sectors - done) * std::size_t{512};
        const MutableBytes parity = MutableBytes(sum).first(bytes), data = MutableBytes(one).first(bytes);
        const auto place = [&](std::uint32_t slot) { return (place_of(v, v.slots[slot]).offset + r.sector + done) * 512; };
        std::ranges::fill(parity, std::byte{0});
        if (!r.partial.empty())
            add(parity, r.partial.subspan(done * std::size_t{512}, bytes));
        for (const std::uint32_t slot : r.data_slots) {
            if (!targets[slot]->read(place(slot), data))
                return Repaired::Unread;
            add(parity, data);
        }
        wrong = wrong || !targets[r.parity_slot]->read(place(r.parity_slot), data) || !std::ranges::equal(parity, data);
        EMD_TRY(targets[r.parity_slot]->write(place(r.parity_slot), parity)
                    .within(fmt::format("recovery by the partial parity log, member {}", r.parity_slot)));
    }
    return wrong ? Repaired::WasWrong : Repaired::WasRight;
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

std::string to_text(const ParityRepairs &r)
{
    const auto strips = [](unsigned n) { return fmt::format("{} strip{}", n, n == 1 ? "" : "s"); };
    std::string text = fmt::format("by its partial parity log the parity of {} is right, and that of {} of them was not", strips(r.repaired), r.was_wrong);
    if (r.unread)
        text += fmt::format("; data of {} cannot be read, and the parity there is as it was: what was being written there may be lost, look at "
                            "it, and replace the disk", strips(r.unread));
    return text;
}

Result<ParityRepairs> recover_parity(const Container &container, const Volume &volume, const std::function<reshape::Target *(int disk)> &target)
{
    std::vector<reshape::Target *> targets;
    for (const Slot &slot : volume.slots) {
        targets.push_back(disk_of(container, slot) ? target(slot.disk) : nullptr);
        if (disk_of(container, slot) && !targets.back())
            return fail(Errc::Io, "volume {}: {} cannot be opened", volume.name, disk_of(container, slot)->path);
    }
    ParityRepairs all;
    for (unsigned slot = 0; slot < volume.slots.size(); slot++) {
        if (!has_log(container, volume, volume.slots[slot]))
            continue;
        const auto log = ppl::read_log(volume.shape, *volume.parity_log, slot,
                                       [&](std::uint64_t at, MutableBytes out) { return targets[slot]->read(at, out); });
        if (!log)
            continue;
        for (const ppl::Repair &r : repairs_of(container, volume, *log).repairs)
            switch (EMD_TRY(repair(volume, r, targets))) {
            case Repaired::WasWrong:
                all.was_wrong++;
                [[fallthrough]];
            case Repaired::WasRight:
                all.repaired++;
                break;
            case Repaired::Unread:
                all.unread++;
                break;
            }
    }
    // What was read may be in a cache alone, as what was written.
    for (reshape::Target *one : targets)
        if (one)
            EMD_TRY(one->flush());
    return all;
}

namespace {

// Nothing of it comes back when the power goes.
Result<> erase_log(reshape::Target &target, const ParityLogPlace::Area &area)
{
    const std::vector<std::byte> zeros(area.sectors * std::size_t{512});
    EMD_TRY(target.write(area.sector * 512, zeros));
    return target.flush();
}

}  // namespace

Result<> reset_logs(const Container &container, const Volume &volume, bool headers, const std::function<reshape::Target *(int disk)> &target)
{
    const ParityLogPlace &place = *volume.parity_log;
    for (unsigned slot = 0; slot < volume.slots.size(); slot++) {
        const Disk *disk = disk_of(container, volume.slots[slot]);
        if (!disk || slot >= place.areas.size() || !place.areas[slot].sectors)
            continue;
        reshape::Target *at = target(volume.slots[slot].disk);
        if (!at)
            return fail(Errc::Io, "volume {}: {} cannot be opened", volume.name, disk->path);
        const auto in_context = [&](Result<> done) { return std::move(done).within(fmt::format("the partial parity log of {}", disk->path)); };
        // Also what is not in the chain: units behind the next ones would follow them.
        EMD_TRY(in_context(erase_log(*at, place.areas[slot])));
        if (!headers)
            continue;
        const ppl::Header front{1, {}};
        EMD_TRY(in_context(at->write(place.areas[slot].sector * 512, ppl::encode_header(front, place.signature, place.unit_bytes))));
        EMD_TRY(in_context(at->flush()));
    }
    return {};
}

}  // namespace emd::plan
