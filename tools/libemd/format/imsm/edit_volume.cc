// SPDX-License-Identifier: GPL-2.0-only
// Volumes come, go and change their level without moving data.
#include "libemd/format/imsm/metadata.h"

#include <algorithm>
#include <ctime>
#include <limits>

namespace emd::imsm {

namespace {

constexpr std::uint32_t kMinStrip = 4;          // 2 KiB
constexpr std::uint32_t kMaxStrip = 1u << 15;   // what the field holds: 16 MiB

Result<> check_name(std::string_view name, std::span<const Dev> devs)
{
    const auto portable = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    if (name.empty() || name.size() > sizeof(Name))
        return fail(Errc::Invalid, "'{}' cannot be a volume's name: IMSM takes 1 to 16 characters", name);
    if (name[0] == '.' || name[0] == '-' || !std::ranges::all_of(name, portable))
        return fail(Errc::Invalid, "'{}' cannot be a volume's name: letters, digits, '.', '_' and '-' can, and neither '.' "
                    "nor '-' in front", name);
    for (const Dev &dev : devs)
        if (text_of(dev.name) == name)
            return fail(Errc::Busy, "the container has a volume '{}' already", name);
    return {};
}

Result<> check_shape(const Shape &shape)
{
    const std::uint32_t n = shape.raid_disks;
    const bool count = (shape.level == 0 && n >= 1) || (shape.level == 1 && n == 2) || (shape.level == 5 && n >= 3) ||
                       (shape.level == 10 && n >= 4 && n % 2 == 0);
    if (shape.level != 0 && shape.level != 1 && shape.level != 5 && shape.level != 10)
        return fail(Errc::Unsupported, "IMSM has RAID0, RAID1, RAID5 and RAID10; RAID{} is not among them", shape.level);
    if (!count || n > 255)
        return fail(Errc::Invalid, "{} disks do not make an IMSM RAID{}: RAID1 takes 2, RAID5 3 or more, RAID10 an even number "
                    "from 4", n, shape.level);
    if (shape.layout != layout_of(shape.level))
        return fail(Errc::Unsupported, "IMSM has one layout for RAID{} only ({})", shape.level,
                    shape.level == 10 ? "near=2" : "left-asymmetric");
    if (shape.level != 1 && (shape.chunk_sectors < kMinStrip || shape.chunk_sectors > kMaxStrip ||
                             (shape.chunk_sectors & (shape.chunk_sectors - 1)) != 0))
        return fail(Errc::Invalid, "a chunk of {} KiB does not suit IMSM: powers of two from 2 KiB to 16 MiB do",
                    shape.chunk_sectors / 2);
    return {};
}

// Rounded as the peer does: to the strip, then to whole MiB.
std::uint64_t round_component(std::uint64_t sectors, std::uint32_t strip)
{
    const std::uint64_t unit = std::max<std::uint64_t>(strip, kVolumeTail);
    return sectors - sectors % unit;
}

}  // namespace

// A disk sits in the same slot of both volumes.
Result<> ImsmMetadata::check_slots(std::span<const int> disks) const
{
    for (const Dev &dev : mpb_.devs)
        for (std::uint32_t slot = 0; slot < dev.map0.members(); slot++) {
            const int other = disk_of_entry(ord_index(dev.map0.ord[slot]));
            const auto at = std::ranges::find(disks, other) - disks.begin();
            if (other >= 0 && at != std::ssize(disks) && at != slot)
                return fail(Errc::Refused, "{} has slot {} of volume {} and must have the same here",
                            members_[static_cast<std::size_t>(other)].path, slot, text_of(dev.name));
        }
    return {};
}

// The largest stretch that is free on all of `disks` (-1 is skipped), with the gaps that volumes keep from each other.
ImsmMetadata::Room ImsmMetadata::largest_room(std::span<const int> disks) const
{
    struct Extent {
        std::uint64_t begin, end;
    };
    std::vector<Extent> used;
    std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
    for (const int disk : disks)
        if (disk >= 0)
            smallest = std::min(smallest, members_[static_cast<std::size_t>(disk)].sectors);
    for (const Dev &dev : mpb_.devs)
        used.push_back({dev.map0.start, end_of(dev)});
    std::ranges::sort(used, {}, &Extent::begin);

    Room best{0, 0};
    const std::uint64_t limit = smallest - std::min(smallest, kReserve);
    std::uint64_t at = 0;
    for (const Extent &extent : used) {
        const std::uint64_t needed = at + kVolumeGap;
        if (extent.begin > needed && extent.begin - needed > best.sectors)
            best = {at, extent.begin - needed};
        at = std::max(at, extent.end + kVolumeGap);
    }
    if (limit > at && limit - at > best.sectors)
        best = {at, limit - at};
    return best;
}

Result<> ImsmMetadata::on(const change::VolumeCreated &change)
{
    if (mpb_.devs.size() >= kMaxVolumes)
        return fail(Errc::NoSpace, "an IMSM container holds {} volumes at most", kMaxVolumes);
    if (!refused_.empty())
        return fail(Errc::Refused, "{}", refused_);
    EMD_TRY(check_name(change.name, mpb_.devs));
    EMD_TRY(check_shape(change.shape));
    if (std::ranges::any_of(mpb_.devs, &Dev::migrating))
        return fail(Errc::Busy, "another operation runs in this container; wait until it has ended");
    if (change.slots.size() != change.shape.raid_disks)
        return fail(Errc::Invalid, "{} disks were named for {} slots", change.slots.size(), change.shape.raid_disks);

    Volume probe;  // what would it be?
    probe.shape = change.shape;
    for (const int disk : change.slots) {
        probe.slots.push_back({.disk = disk, .in_sync = disk >= 0});
        if (disk < 0)
            continue;
        const Member &member = *EMD_TRY(member_at(disk));
        if (std::ranges::count(change.slots, disk) > 1)
            return fail(Errc::Invalid, "{} is named twice", member.path);
        if (!writable(member))
            return fail(Errc::Refused, "{} has failed or is not there", member.path);
        if (!mpb_.devs.empty() && member.entry < 0)
            return fail(Errc::Refused, "{} has no place in the first volume; IMSM puts both volumes on the same disks",
                        member.path);
    }
    EMD_TRY(check_slots(change.slots));
    if (health(probe) == Health::Failed)
        return fail(Errc::Invalid, "too many disks are missing for a RAID{}", change.shape.level);

    Map map;
    map.raw.ddf = 1;
    map.level = static_cast<std::uint8_t>(change.shape.level == 10 && change.shape.raid_disks == 4 ? 1 : change.shape.level);
    map.strip = change.shape.level == 1 ? kRaid1Strip : change.shape.chunk_sectors;
    map.ord.resize(change.slots.size());
    const Room room = largest_room(change.slots);
    map.start = room.start;
    const std::uint64_t wanted = change.component_limit ? change.component_limit : change.shape.component_sectors;
    const std::uint32_t strip = change.shape.level == 1 ? 1 : map.strip;
    const std::uint64_t component = round_component(std::min(room.sectors, wanted ? wanted : room.sectors), strip);
    if (wanted > room.sectors)
        return fail(Errc::NoSpace, "{} sectors per disk are wanted, {} are free", wanted, room.sectors);
    if (component == 0)
        return fail(Errc::NoSpace, "there is no room for another volume on these disks");

    // What was bad under another volume: nothing is there that could be lost, and what is bad still is found by a write.
    if (!change.assume_clean)
        for (const int disk : change.slots)
            forget_bad(disk, map.start, component);

    const bool fresh = mpb_.devs.empty();
    if (fresh) {
        mpb_ = empty_mpb();
        mpb_.creation_time = static_cast<std::uint64_t>(std::time(nullptr));
        mpb_.family = mpb_.orig_family = random_family();
    }
    // Place-holders for missing disks come first in the table of a new container.
    std::uint64_t largest = 0;
    for (const int disk : change.slots)
        if (disk >= 0)
            largest = std::max(largest, members_[static_cast<std::size_t>(disk)].sectors);
    unsigned missing = 0;
    for (std::size_t slot = 0; slot < change.slots.size(); slot++)
        if (change.slots[slot] < 0)
            map.ord[slot] = static_cast<std::uint32_t>(enlist_missing(fmt::format("missing:{}", missing++), largest)) | kOrdRebuild;
    for (std::size_t slot = 0; slot < change.slots.size(); slot++)
        if (change.slots[slot] >= 0)
            map.ord[slot] = static_cast<std::uint32_t>(enlist(members_[static_cast<std::size_t>(change.slots[slot])]));

    set_sizes(map, component);
    const bool redundant = change.shape.level != 0;
    map.state = state_of(map, mpb_.disks, redundant && !change.assume_clean);

    Dev dev;
    dev.name = padded(change.name);
    dev.size = component * data_disks(change.shape);
    for (const Dev &other : mpb_.devs)
        mpb_.volumes_created = std::max(mpb_.volumes_created, other.id);
    dev.id = ++mpb_.volumes_created;
    dev.map0 = std::move(map);
    mpb_.devs.push_back(std::move(dev));
    return {};
}

// A disk that is known by nothing but its absence.
int ImsmMetadata::enlist_missing(std::string_view serial, std::uint64_t sectors)
{
    Member member;
    member.serial = padded(serial);
    member.sectors = sectors;
    const int entry = enlist(member);
    mpb_.disks.back().status = kDiskConfigured | kDiskFailed;
    mpb_.disks.back().scsi_id = kNoScsiId;
    members_.push_back(std::move(member));
    return entry;
}

// Entries may be left where the log has no room to cut one in two.
void ImsmMetadata::forget_bad(int disk, std::uint64_t start, std::uint64_t sectors)
{
    if (disk >= 0 && members_[static_cast<std::size_t>(disk)].entry >= 0)
        (void)clear_bad(members_[static_cast<std::size_t>(disk)], start, start + sectors).has_value();
}

// What runs in the volume ends with it. The disks of a migration are another volume's as long as that one migrates.
Result<> ImsmMetadata::on(const change::VolumeDeleted &change)
{
    const Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (!refused_.empty())
        return fail(Errc::Refused, "volume {}: {}", text_of(dev.name), refused_);
    for (const Dev &other : mpb_.devs)
        if (&other != &dev && other.general_migration())
            return fail(Errc::Busy, "volume {}: volume {} of its container is being reshaped; assemble it and let that end first",
                        text_of(dev.name), text_of(other.name));
    for (const std::uint32_t ord : dev.map0.ord)
        forget_bad(disk_of_entry(ord_index(ord)), dev.map0.start, end_of(dev) - dev.map0.start);
    mpb_.devs.erase(mpb_.devs.begin() + change.volume);
    if (!general_migration())
        record_.reset();
    const std::uint32_t identity = mpb_.identity(), generation = mpb_.generation + 1;
    discharge_unused();
    if (!mpb_.devs.empty())
        return {};
    for (Member &member : members_)
        if (member.own_changed)
            mark_emptied(member.own, identity, generation);
    mpb_ = empty_mpb();
    return {};
}

// Its identity is made of its name, and by its identity a backup of what a reshape moves knows it.
Result<> ImsmMetadata::on(const change::VolumeRenamed &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (!refused_.empty())
        return fail(Errc::Refused, "volume {}: {}", text_of(dev.name), refused_);
    if (dev.general_migration())
        return fail(Errc::Busy, "volume {} is being reshaped; assemble it and let that end first", text_of(dev.name));
    EMD_TRY(check_name(change.name, mpb_.devs));
    dev.name = padded(change.name);
    return {};
}

namespace {

// A takeover moves no data: what the target has to be follows from the source.
Result<> check_takeover(const Volume &now, const change::Takeover &change, std::size_t volumes)
{
    const auto refuse = [&](const char *why) { return fail(Errc::Refused, "volume {}: {}", now.name, why); };
    const int from = now.shape.level, to = change.target.level;
    Shape target = now.shape;
    target.level = to;
    target.layout = layout_of(to);
    target.raid_disks = to == 0 ? now.shape.raid_disks / 2 : now.shape.raid_disks * 2;
    if (!((from == 10 && to == 0) || (from == 0 && to == 10)))
        return refuse("IMSM takes over RAID10 as RAID0 and RAID0 as RAID10 only");
    if (volumes != 1)
        return refuse("RAID0 and RAID10 can take each other over only in a container without another volume");
    // A RAID0 that has lost a disk is whole again as RAID10 where the disk's mirror still holds the same.
    if (to == 0 && health(now) == Health::Failed)
        return refuse("it misses disks that it cannot do without");
    if (change.target != target || change.slots.size() != target.raid_disks)
        return refuse("a takeover doubles or halves the number of disks, and changes nothing else");
    return check_shape(target).within(now.name);
}

}  // namespace

// One disk of each pair stays.
Result<> ImsmMetadata::halve(Map &map, const Volume &now, const std::vector<Slot> &slots) const
{
    map.ord.assign(slots.size(), 0);
    for (std::size_t slot = 0; slot < slots.size(); slot++) {
        const Slot &left = now.slots[2 * slot], &right = now.slots[2 * slot + 1];
        const Slot &kept = slots[slot].disk == left.disk ? left : right;
        if (kept.disk < 0 || kept.disk != slots[slot].disk || !kept.in_sync)
            return fail(Errc::Refused, "volume {}: of every pair of mirrors one working disk must stay", now.name);
        map.ord[slot] = static_cast<std::uint32_t>(members_[static_cast<std::size_t>(kept.disk)].entry);
    }
    return {};
}

// Each disk gets a partner: one that is missing, or a spare of which the caller knows that it holds the same.
Result<> ImsmMetadata::pair_up(Map &map, const Volume &now, const std::vector<Slot> &slots)
{
    const std::vector<std::uint32_t> before = map.ord;
    const auto is_partner = [&](const Slot &slot) {
        return slot.disk < 0 || (slot.in_sync && static_cast<std::size_t>(slot.disk) < members_.size() &&
                                 members_[static_cast<std::size_t>(slot.disk)].loose_spare());
    };
    for (std::size_t i = 0; i < before.size(); i++) {
        const bool first = slots[2 * i].disk == now.slots[i].disk;
        const Slot &stays = slots[first ? 2 * i : 2 * i + 1], &partner = slots[first ? 2 * i + 1 : 2 * i];
        if (stays.disk != now.slots[i].disk || !is_partner(partner))
            return fail(Errc::Refused, "volume {}: every disk of the RAID0 stays, with a partner that is missing or a mirror",
                        now.name);
        if (!now.slots[i].in_sync && partner.disk < 0)
            return fail(Errc::Refused, "volume {}: slot {} has failed and no mirror of it is named: connect the disk", now.name, i);
        if (partner.disk >= 0 && std::ranges::count(slots, partner.disk, &Slot::disk) > 1)
            return fail(Errc::Invalid, "{} is named twice", members_[static_cast<std::size_t>(partner.disk)].path);
    }
    map.ord.assign(slots.size(), 0);
    for (std::size_t slot = 0; slot < slots.size(); slot++) {
        const std::uint32_t own = before[slot / 2];
        if (slots[slot].disk == now.slots[slot / 2].disk)
            map.ord[slot] = own;
        else if (slots[slot].disk >= 0)
            map.ord[slot] = static_cast<std::uint32_t>(enlist(members_[static_cast<std::size_t>(slots[slot].disk)]));
        else
            map.ord[slot] = static_cast<std::uint32_t>(enlist_missing(
                                fmt::format(" MISSING_{}", slot / 2), mpb_.disks[static_cast<std::size_t>(ord_index(own))].sectors)) |
                            kOrdRebuild;
    }
    return {};
}

// A mirror that has failed since it was named is a missing one.
std::vector<Slot> ImsmMetadata::without_failed_spares(std::vector<Slot> slots) const
{
    for (Slot &slot : slots)
        if (slot.disk >= 0 && static_cast<std::size_t>(slot.disk) < members_.size()) {
            const Member &member = members_[static_cast<std::size_t>(slot.disk)];
            if (member.entry < 0 && member.failed)
                slot = {};
        }
    return slots;
}

// RAID10 to RAID0 and back.
Result<> ImsmMetadata::on(const change::Takeover &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    const Volume now = view_.volumes[change.volume];
    if (!now.read_write)
        return fail(Errc::Refused, "volume {}: {}", now.name, now.refused);
    if (std::ranges::any_of(mpb_.devs, &Dev::migrating))
        return fail(Errc::Busy, "volume {}: another operation runs in this container; wait until it has ended", now.name);
    EMD_TRY(check_takeover(now, change, mpb_.devs.size()));

    Map map = dev.map0;
    const bool to_raid0 = change.target.level == 0;
    if (to_raid0)
        EMD_TRY(check_good(dev));
    const std::vector<Slot> slots = without_failed_spares(change.slots);
    EMD_TRY(to_raid0 ? halve(map, now, slots) : pair_up(map, now, slots));
    map.level = static_cast<std::uint8_t>(map.ord.size() == 4 && !to_raid0 ? 1 : change.target.level);
    set_sizes(map, now.shape.component_sectors);
    map.state = state_of(map, mpb_.disks, false);
    const auto flagged = std::ranges::find_if(map.ord, [](std::uint32_t ord) { return (ord & kOrdRebuild) != 0; });
    map.failed_disk = flagged == map.ord.end() ? kNoFailedDisk : static_cast<std::uint8_t>(flagged - map.ord.begin());
    dev.map0 = std::move(map);
    // RAID0 has nothing to resync, and a mirror that is missing neither; mirrors that are there may just be written.
    const auto working = std::ranges::count_if(slots, [](const Slot &slot) { return slot.disk >= 0; });
    dev.dirty = static_cast<std::size_t>(working) > now.slots.size() ? std::uint8_t{kDirty} : std::uint8_t{0};
    discharge_unused();
    return {};
}

Result<> ImsmMetadata::on(const change::ParityLogRemoved &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (!view_.volumes[change.volume].parity_log)
        return fail(Errc::Refused, "volume {} has no partial parity log that could be removed", text_of(dev.name));
    dev.rwh_policy = dev.rwh_policy == kRwhPpl ? kRwhOff : kRwhMultiOff;
    dev.dirty = (dev.dirty & kDirty) && !change.recovered ? kDirty : 0;
    return {};
}

}  // namespace emd::imsm
