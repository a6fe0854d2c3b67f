// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/imsm/metadata.h"

#include <algorithm>
#include <random>
#include <tuple>

namespace emd::imsm {

ImsmMetadata::ImsmMetadata(Mpb mpb, std::vector<Member> members, std::optional<Record> record, unsigned sector_bytes,
                           std::string refused)
    : mpb_(std::move(mpb)), members_(std::move(members)), record_(std::move(record)), sector_bytes_(sector_bytes),
      refused_(std::move(refused))
{
    // The peer announces a migration before it writes the first record. Nothing has moved then.
    if (const Dev *dev = general_migration(); dev && !record_ && refused_.empty()) {
        if (auto first = first_record(*dev); first && dev->migr_unit == 0)
            record_ = *first;
        else
            refused_ = "a migration has begun, but its migration record is missing";
    }
    reserve_scratch();
    refresh();
}

Result<> ImsmMetadata::apply(const Change &change)
{
    Result<> done = std::visit([this](const auto &one) { return on(one); }, change);
    if (!done)
        return done;

    const bool record_only = std::holds_alternative<change::BackupRecorded>(change) ||
                             std::holds_alternative<change::ReshapeProgress>(change);
    // After a failure the copy on the other drive may be the one that was not written yet.
    const bool record_too = std::holds_alternative<change::ReshapeStarted>(change) ||
                            std::holds_alternative<change::DiskFailed>(change);
    mpb_changed_ |= !record_only;
    record_changed_ |= record_only || record_too;
    sort_members();
    reserve_scratch();
    refresh();
    return {};
}

// The order in which load() would find the disks now, so that a number means the same disk to everybody who looks at the
// container: recorded disks in the order of the MPB, then others by serial.
void ImsmMetadata::sort_members()
{
    const auto group = [](const Member &m) { return m.entry >= 0 ? 0 : 1; };
    const auto before = [&](const Member &a, const Member &b) {
        return std::tuple(group(a), a.entry, a.serial) < std::tuple(group(b), b.entry, b.serial);
    };
    if (!std::ranges::is_sorted(members_, before))  // what the kernel reports never changes it
        std::ranges::stable_sort(members_, before);
}

Result<Dev *> ImsmMetadata::dev_at(unsigned volume)
{
    if (volume >= mpb_.devs.size())
        return fail(Errc::NotFound, "the container has no volume {}", volume);
    return &mpb_.devs[volume];
}

Result<Member *> ImsmMetadata::member_at(int disk)
{
    if (disk < 0 || static_cast<std::size_t>(disk) >= members_.size())
        return fail(Errc::NotFound, "the container has no disk {}", disk);
    return &members_[static_cast<std::size_t>(disk)];
}

const Dev *ImsmMetadata::general_migration() const
{
    const auto dev = std::ranges::find_if(mpb_.devs, &Dev::general_migration);
    return dev == mpb_.devs.end() ? nullptr : &*dev;
}

namespace {

DiskEntry entry_for(const Serial &serial, std::uint64_t sectors, std::uint32_t status)
{
    DiskEntry entry;
    entry.serial = serial;
    entry.sectors = sectors;
    entry.status = status;
    return entry;
}

}  // namespace

int ImsmMetadata::enlist(Member &member)
{
    if (member.entry < 0) {
        mpb_.disks.push_back(entry_for(member.serial, member.sectors, kDiskConfigured));
        member.entry = static_cast<int>(mpb_.disks.size()) - 1;
    }
    mpb_.disks[static_cast<std::size_t>(member.entry)].status |= kDiskConfigured;
    mpb_.disks[static_cast<std::size_t>(member.entry)].status &= ~kDiskSpare;
    return member.entry;
}

void ImsmMetadata::delete_entry(int entry)
{
    const auto close_gap = [entry](Map &map) {
        for (std::uint32_t &ord : map.ord)
            if (ord_index(ord) > entry)
                ord--;
    };
    for (Dev &dev : mpb_.devs) {
        close_gap(dev.map0);
        close_gap(dev.map1);
    }
    std::erase_if(mpb_.bad, [entry](const BadEntry &bad) { return bad.disk == entry; });
    for (BadEntry &bad : mpb_.bad)
        bad.disk -= bad.disk > entry;
    for (Member &member : members_)
        member.entry = member.entry == entry ? -1 : member.entry - (member.entry > entry);
    mpb_.disks.erase(mpb_.disks.begin() + entry);
}

void ImsmMetadata::discharge_unused()
{
    const auto named = [](const Map &map, int entry) {
        return std::ranges::any_of(map.ord, [entry](std::uint32_t ord) { return ord_index(ord) == entry; });
    };
    for (int entry = static_cast<int>(mpb_.disks.size()) - 1; entry >= 0; entry--) {
        if (std::ranges::any_of(mpb_.devs, [&](const Dev &dev) {
                return named(dev.map0, entry) || (dev.migrating && named(dev.map1, entry));
            }))
            continue;
        const bool good = !(mpb_.disks[static_cast<std::size_t>(entry)].status & kDiskFailed);
        const int disk = disk_of_entry(entry);
        delete_entry(entry);
        if (disk < 0)
            continue;
        Member &member = members_[static_cast<std::size_t>(disk)];
        if (member.present && good && !member.failed) {
            member.own = spare_mpb(member.serial, member.sectors, sector_bytes_);
            member.own_changed = true;
        } else {
            member.failed = true;
        }
    }
    std::erase_if(members_, [](const Member &member) { return member.entry < 0 && !member.present; });
}

Mpb empty_mpb()
{
    Mpb mpb;
    std::ranges::copy(kSignature, mpb.raw.signature.begin());
    std::ranges::copy(kNewVersion, mpb.raw.signature.begin() + kVersionAt);
    mpb.raw.pwr_cycle_count = 1u;
    return mpb;
}

Mpb spare_mpb(const Serial &serial, std::uint64_t sectors, unsigned sector_bytes)
{
    Mpb mpb = empty_mpb();
    mpb.generation = 1;
    mpb.attributes = sectors / (sector_bytes / 512) >> 32 ? std::uint32_t{kAttrDisk2Tb} : 0u;
    mpb.disks.push_back(entry_for(serial, sectors, kDiskSpare));

    // Any number will do; this one is the same for the same drive.
    std::vector<std::byte> bytes(encoded_size(mpb));
    encode_mpb(mpb, bytes, sector_bytes);
    mpb.family = checksum(bytes);
    return mpb;
}

void mark_emptied(Mpb &spare, std::uint32_t identity, std::uint32_t generation)
{
    spare.orig_family = identity;
    spare.generation = generation;
}

std::uint32_t random_family()
{
    std::random_device device;
    std::uint32_t number = 0;
    while (number == 0)
        number = device();
    return number;
}

}  // namespace emd::imsm
