// SPDX-License-Identifier: GPL-2.0-only
#include "round.h"

#include "bad_blocks.h"

#include <algorithm>

namespace emd::mon {

const Volume *find_volume(const Container &container, unsigned index)
{
    const auto v = std::ranges::find(container.volumes, index, &Volume::index);
    return v == container.volumes.end() ? nullptr : &*v;
}

int find_disk(const Container &container, DevNum dev)
{
    for (std::size_t i = 0; i < container.disks.size(); i++)
        if (container.disks[i].present && container.disks[i].dev == dev)
            return static_cast<int>(i);
    return -1;
}

const Disk *disk_at(const Container &container, int index)
{
    return index >= 0 && static_cast<std::size_t>(index) < container.disks.size()
               ? &container.disks[static_cast<std::size_t>(index)]
               : nullptr;
}

bool is_redundant(int level)
{
    return level == 1 || (level >= 4 && level <= 6) || level == 10;
}

bool lags(const VolumeFacts &facts, const Container &container, const Volume &record)
{
    return container.format == FormatId::Md1 && is_redundant(record.shape.level) && facts.component_sectors && !record.reshape &&
           *facts.component_sectors < record.shape.component_sectors;
}

namespace {

// Two volumes may lose the same disk in the same round.
void add_failure(int disk, Decision &out)
{
    const auto same = [disk](const Change &c) {
        const auto *failed = std::get_if<change::DiskFailed>(&c);
        return failed != nullptr && failed->disk == disk;
    };
    if (std::ranges::none_of(out.changes, same))
        out.changes.push_back(change::DiskFailed{disk});
}

// 1. A failure is durable before the member is unblocked. What the record says has failed, the kernel must not use.
void decide_failures(const VolumeFacts &facts, const Container &container, Decision &out)
{
    for (std::size_t i = 0; i < facts.members.size(); i++) {
        const MemberFacts &m = facts.members[i];
        const Disk *disk = disk_at(container, m.disk);
        const bool recorded = disk == nullptr || disk->state == DiskState::Failed;
        if (m.faulty && !recorded)
            add_failure(m.disk, out);
        if (m.faulty && m.blocked)
            out.replies.push_back({Reply::What::Unblock, facts.volume, i});
        if (!m.faulty && disk != nullptr && recorded && !m.refuses_to_fail)
            out.replies.push_back({Reply::What::Fail, facts.volume, i});
    }
}

bool has_member(const VolumeFacts &facts, int disk)
{
    return std::ranges::any_of(facts.members, [disk](const MemberFacts &m) { return m.disk == disk; });
}

// Assembled read-only, and to become writable now: memory is from the rounds before.
bool is_opened(const VolumeFacts &facts, const Volume &record, const Memory &memory)
{
    return !memory.met && facts.state == EMD_ARRAY_READONLY && !facts.frozen && record.read_write;
}

// It starts as active then, because a pass has to write: users may as well, and nobody is asked before they do.
bool is_to_be_synced(const VolumeFacts &facts, const Volume &record)
{
    // A rebuild says nothing of the members that it reads.
    const bool busy = record.activity != Activity::None && record.activity != Activity::Rebuild;
    return facts.redundant && (facts.resync_start || busy);
}

// A volume that was started without one of its disks: once it is written, that disk is old, and the record has to say
// so before the first write ends. Until then the disk may still come.
void decide_missing(const VolumeFacts &facts, const Container &container, const Volume &record, const Memory &memory, Decision &out)
{
    const bool written = facts.written() || (is_opened(facts, record, memory) && is_to_be_synced(facts, record));
    if (!written || !facts.redundant)
        return;
    for (const Slot &slot : record.slots) {
        const Disk *disk = disk_at(container, slot.disk);
        if (disk == nullptr || disk->state == DiskState::Failed || has_member(facts, slot.disk))
            continue;
        // Whom the record misses the kernel cannot have: the write that waits is answered whether all members can be read or not.
        if (!facts.members_known && disk->state != DiskState::Missing)
            continue;
        if (disk->state == DiskState::Missing || slot.in_sync)
            add_failure(slot.disk, out);
    }
    // Those that a reshape has brought. Who is here may not be in the kernel yet.
    if (!record.reshape)
        return;
    for (const Slot &slot : record.reshape->target_slots)
        if (const Disk *disk = disk_at(container, slot.disk); disk != nullptr && disk->state == DiskState::Missing)
            add_failure(slot.disk, out);
}

// Recorded with a partial parity log that the kernel does not keep: the record of what is written would be trusted, and be wrong.
bool lacks_log(const VolumeFacts &facts, const Volume &record)
{
    return record.parity_log && !facts.keeps_log;
}

// An array is assembled read-only, so that nothing is written before there is a monitor. Unless somebody holds it ('-')
// or the record forbids it, it becomes writable now.
void decide_writable(const VolumeFacts &facts, const Container &container, const Volume &record, Memory &memory,
                     Decision &out)
{
    if (lacks_log(facts, record))
        return;
    memory.met = (memory.met || facts.writable()) && facts.state != EMD_ARRAY_BROKEN;
    if (!is_opened(facts, record, memory))
        return;
    // A record that did not reach all disks is written now: without redundancy nothing else would ever write it, and a
    // later boot that misses the disk with the newest one would believe what is no longer true.
    if (container.uneven && !is_redundant(record.shape.level) && !record.reshape)
        out.changes.push_back(change::MarkClean{record.index});
    const bool to_be_synced = is_to_be_synced(facts, record);
    // Dirty already, and without its bitmap: nothing would tell a later boot that the bits are not kept. An event does.
    const bool unkept = record.bitmap && !facts.can_clear;
    if (record.dirty ? unkept : to_be_synced)
        out.changes.push_back(change::MarkDirty{record.index});
    out.replies.push_back({to_be_synced ? Reply::What::Active : Reply::What::Clean, record.index});
}

// 2. Dirty before writes go, clean only after the kernel has stopped them. Recorded as a level without redundancy, and
// still to be taken over as that by the kernel, there is nothing that could be dirty.
void decide_dirty(const VolumeFacts &facts, const Container &container, const Volume &record, const Memory &memory, Decision &out)
{
    if (lacks_log(facts, record))
        return;
    if (facts.written() && facts.redundant && is_redundant(record.shape.level) && !record.dirty)
        out.changes.push_back(change::MarkDirty{record.index});
    if (facts.state == EMD_ARRAY_WRITE_PENDING)
        out.replies.push_back({Reply::What::Active, record.index});
    if (facts.state == EMD_ARRAY_ACTIVE_IDLE)
        out.replies.push_back({Reply::What::Clean, record.index});
    const bool stopped = facts.state == EMD_ARRAY_INACTIVE || facts.state == EMD_ARRAY_CLEAR;
    const bool at_rest = facts.state == EMD_ARRAY_CLEAN || facts.state == EMD_ARRAY_READONLY ||
                         facts.state == EMD_ARRAY_READ_AUTO || (stopped && memory.met);
    // Also in a rebuild, which may take days: recorded as dirty, an array with parity that was stopped in it would not start.
    const bool no_writes = facts.state == EMD_ARRAY_CLEAN || (stopped && memory.met);
    const bool consistent = (record.activity == Activity::None && at_rest) || (record.activity == Activity::Rebuild && no_writes);
    if (record.dirty && !facts.resync_start && consistent && !lags(facts, container, record))
        out.changes.push_back(change::MarkClean{record.index});
}

// Member sectors that are done: from the running pass, or from where it stopped.
std::uint64_t sync_position(const VolumeFacts &facts, const Container &container, const Volume &record)
{
    if (facts.done)
        return *facts.done;
    if (record.activity != Activity::Rebuild)
        return facts.resync_start.value_or(0);
    std::uint64_t least = 0;
    for (const MemberFacts &m : facts.members)
        if (m.slot >= 0 && !m.in_sync && !m.faulty && disk_at(container, m.disk) != nullptr)
            least = least == 0 ? m.recovery_start : std::min(least, m.recovery_start);
    return least == ~std::uint64_t(0) ? 0 : least;
}

bool records_progress(const VolumeFacts &facts, const Volume &record)
{
    switch (record.activity) {
    case Activity::Init:
    case Activity::Repair: return facts.action == EMD_SYNC_RESYNC || !facts.done;
    case Activity::Rebuild: return facts.action == EMD_SYNC_RECOVER || !facts.done;
    default: return false;
    }
}

// 3. Checkpoints of resync and rebuild: now and then while the pass runs, and at once where it stopped.
void decide_sync_progress(const VolumeFacts &facts, const Container &container, const Volume &record, Memory &memory,
                          Time now, Decision &out)
{
    if (facts.action == EMD_SYNC_RESYNC && facts.resync_start && record.activity == Activity::None && !record.reshape)
        out.changes.push_back(change::InitStarted{record.index});
    if (!records_progress(facts, record) || (facts.done && now - memory.recorded < kCheckpointEvery))
        return;
    const std::uint64_t position = sync_position(facts, container, record);
    // Formats round down: what was stopped at is recorded once, not again and again.
    if (position <= record.checkpoint || (!facts.done && now - memory.recorded < kCheckpointEvery))
        return;
    memory.recorded = now;
    out.changes.push_back(change::SyncProgress{record.index, position});
}

// Is `a` further on than `b` in the direction of the work?
bool is_ahead(const ReshapeRecord &reshape, std::uint64_t a, std::uint64_t b)
{
    return reshape.backward ? a < b : a > b;
}

// The proposal or the running change is the one that is recorded.
bool is_recorded_change(const VolumeFacts &facts, const Volume &record)
{
    return record.reshape && same_geometry(facts.proposed, record.reshape->target);
}

// 3. Checkpoints of a reshape: every published position is recorded, then acknowledged. What is acknowledged is what
// the format could record, which may be rounded down.
void decide_reshape_progress(const VolumeFacts &facts, const Volume &record, Decision &out)
{
    if (!is_recorded_change(facts, record) || (!facts.reshape_position && !facts.proposing()))
        return;
    const ReshapeRecord &reshape = *record.reshape;
    const bool published = facts.reshape_position && is_ahead(reshape, *facts.reshape_position, reshape.position);
    if (published)
        out.changes.push_back(change::ReshapeProgress{record.index, *facts.reshape_position});
    const bool behind = facts.acked && is_ahead(reshape, reshape.position, *facts.acked);
    // Before the start the gate is off: storing the first position arms it.
    if (facts.gate && (published || behind || !facts.acked))
        out.replies.push_back({Reply::What::Ack, record.index});
}

bool rebuilt(const VolumeFacts &facts, const Slot &slot, std::size_t place)
{
    return std::ranges::any_of(facts.members, [&](const MemberFacts &m) {
        return m.disk == slot.disk && m.slot == static_cast<int>(place) && m.in_sync && !m.faulty;
    });
}

bool is_resync(Activity activity)
{
    return activity == Activity::Init || activity == Activity::Repair || activity == Activity::Check;
}

bool checks(emd_sync_action action)
{
    return action == EMD_SYNC_RESYNC || action == EMD_SYNC_CHECK || action == EMD_SYNC_REPAIR;
}

// 4. The end of a pass is what the array says, never what a progress attribute does not say.
void decide_ends(const VolumeFacts &facts, const Container &container, const Volume &record, Decision &out)
{
    if (!facts.running())
        return;
    if (is_resync(record.activity)) {
        if (!facts.resync_start && !checks(facts.action) && facts.redundant && !lags(facts, container, record))
            out.changes.push_back(change::SyncFinished{record.index});
    } else if (record.activity == Activity::Rebuild) {
        bool any = false, all = true;
        for (std::size_t i = 0; i < record.slots.size(); i++) {
            // A slot whose disk has failed, or that never had one, takes a spare when this rebuild has ended.
            const Disk *disk = disk_at(container, record.slots[i].disk);
            if (record.slots[i].in_sync || disk == nullptr || disk->state == DiskState::Failed)
                continue;
            any = true;
            all = all && rebuilt(facts, record.slots[i], i);
        }
        if (any && all)
            out.changes.push_back(change::SyncFinished{record.index});
    }
    if (record.reshape && !facts.reshape_position && !facts.proposing() && facts.action != EMD_SYNC_RESHAPE &&
        same_geometry(facts.shape, record.reshape->target)) {
        // A kernel without the gate may be through before its last position was recorded.
        if (!record.reshape->backward)
            out.changes.push_back(change::ReshapeProgress{record.index, array_sectors(record.reshape->target)});
        out.changes.push_back(change::ReshapeFinished{record.index});
    }
}

// A bit that is taken back is a promise: who left before it was, is not taken back by the bits that are left. That is durable first.
// The kernel forbids it by itself when it loses a member.
void decide_bitmap(const VolumeFacts &facts, const Container &container, const Volume &record, Decision &out)
{
    if (!record.bitmap || facts.can_clear != false || facts.head_refused || !facts.writable() || !facts.members_known || record.activity == Activity::Rebuild)
        return;
    for (std::size_t i = 0; i < record.slots.size(); i++) {
        const Disk *disk = disk_at(container, record.slots[i].disk);
        if (disk == nullptr || disk->state != DiskState::Active || !record.slots[i].in_sync || !rebuilt(facts, record.slots[i], i))
            return;
    }
    out.changes.push_back(change::BitmapComplete{record.index});
    out.replies.push_back({Reply::What::ClearBits, record.index});
}

}  // namespace

void decide(const VolumeFacts &facts, const Container &container, Memory &memory, Time now, Decision &out)
{
    decide_failures(facts, container, out);
    const Volume *record = find_volume(container, facts.volume);
    if (record == nullptr)
        return;
    decide_missing(facts, container, *record, memory, out);
    decide_bad_blocks(facts, container, *record, out);
    decide_dirty(facts, container, *record, memory, out);
    decide_writable(facts, container, *record, memory, out);
    decide_sync_progress(facts, container, *record, memory, now, out);
    decide_reshape_progress(facts, *record, out);
    decide_ends(facts, container, *record, out);
    decide_bitmap(facts, container, *record, out);
}

}  // namespace emd::mon
