// SPDX-License-Identifier: GPL-2.0-only
// Putting a backup back, before the array is started.
//
// Theory. When the record declares the copy of a unit valid, the place of that unit on the members must be taken for
// destroyed: the kernel may have been moving it. The copy is the newest data, as nobody could write to the range
// from before it was made. So: read everything, check it; make the declaration durable on all who can make it; only then write the first
// byte; flush; record that the unit has been moved. A cut at any point before that record repeats all of it with the same
// result, because nothing here changes the copy; a cut after it finds nothing to do. Order: declaration, data, flush, record.
#include "libemd/reshape/collect.h"
#include "libemd/reshape/manager.h"
#include "libemd/reshape/member_image.h"

#include <algorithm>

namespace emd::reshape {
namespace {

struct Patient {
    const Volume *volume;
    emd_geometry target;
    std::vector<Target *> disks;  // by slot of the target; null: absent, failed
    std::vector<std::string> names;
};

Result<Patient> find_patient(const Container &container, unsigned volume, const std::function<Target *(int)> &target)
{
    if (volume >= container.volumes.size())
        return fail(Errc::Invalid, "the container has no volume {}", volume);
    Patient p{&container.volumes[volume], {}, {}, {}};
    const ReshapeRecord &record = *p.volume->reshape;
    p.target = geometry_of(record.target);
    EMD_TRY(can_lay_out(p.target));
    if (record.target_slots.size() != record.target.raid_disks)
        return fail(Errc::Corrupt, "volume {}: the record names {} of {} disks", p.volume->name,
                    record.target_slots.size(), record.target.raid_disks);
    for (const Slot &slot : record.target_slots) {
        p.disks.push_back(slot.disk >= 0 ? target(slot.disk) : nullptr);
        p.names.push_back(slot.disk >= 0 ? container.disks[static_cast<std::size_t>(slot.disk)].path : "nobody");
    }
    return p;
}

// What the members hold, and who cannot be read.
struct Copies {
    MemberImage image;
    std::vector<unsigned> lost;
    std::string reason;
};

Result<Copies> read_copies(Patient &p, Range addresses)
{
    const ReshapeRecord &record = *p.volume->reshape;
    const std::uint64_t data_disks = emd_geometry_data_disks(&p.target);
    Copies copies;
    MemberImage &image = copies.image;
    image.first = addresses.begin / data_disks;
    image.sectors = addresses.size() / data_disks;
    if (image.sectors > record.backup_member_sectors)
        return fail(Errc::Corrupt, "volume {}: the unit of {} sectors per disk does not fit its copy area of {}",
                    p.volume->name, image.sectors, record.backup_member_sectors);
    for (unsigned slot = 0; slot < p.disks.size(); slot++) {
        image.slots.emplace_back(image.sectors * kSectorBytes);
        const Result<> got = p.disks[slot] ? p.disks[slot]->read(record.backup_member_start * kSectorBytes,
                                                                 image.slots[slot].span())
                                           : fail(Errc::Gone, "the disk is absent");
        if (!got) {
            copies.lost.push_back(slot);
            copies.reason = fmt::format("{}: {}", p.names[slot], got.error().text());
        }
    }
    return copies;
}

// One lost copy is reconstructed from the others where the target has parity. After an error nothing has changed.
Result<> complete(const Patient &p, Copies &copies)
{
    auto &[image, lost, reason] = copies;
    if (lost.size() > emd_geometry_max_failures(&p.target))
        return fail(Errc::Io, "volume {}: {} of {} copies of the critical section cannot be read ({})",
                    p.volume->name, lost.size(), p.disks.size(), reason);
    if (lost.empty() && !parity_consistent(p.target, image))
        return fail(Errc::Corrupt, "volume {}: the copies of the critical section do not fit together (parity is wrong)",
                    p.volume->name);
    for (const unsigned slot : lost)
        reconstruct(image, slot);
    return {};
}

// From the file. It belongs to this moment only if it agrees with the members' copies wherever those are whole: one that
// is left over from earlier agrees with none.
Result<MemberImage> from_file(const Patient &p, const Copies &copies, Range addresses, const Buffer &data)
{
    MemberImage image = lay_out(p.target, addresses, data.span());
    const auto agrees = [&](unsigned slot) { return std::ranges::equal(image.slots[slot].span(), copies.image.slots[slot].span()); };
    bool readable = false;
    for (unsigned slot = 0; slot < image.slots.size(); slot++) {
        if (std::ranges::count(copies.lost, slot))
            continue;
        if (agrees(slot))
            return image;
        readable = true;
    }
    if (readable)
        return fail(Errc::Corrupt, "volume {}: the backup file agrees with no copy on the disks: it is from another time", p.volume->name);
    return image;
}

Result<MemberImage> read_section(Patient &p, Range addresses, const std::function<Result<Buffer>(Range)> &file)
{
    Copies copies = EMD_TRY(read_copies(p, addresses));
    const Result<> completed = complete(p, copies);
    if (completed)
        return std::move(copies.image);
    if (!file)
        return tl::make_unexpected(completed.error());
    const auto data = file(addresses);
    if (!data)
        return fail(completed.error().code(), "{}; {}", completed.error().text(), data.error().text());
    return from_file(p, copies, addresses, *data);
}

// Written and flushed on every disk that is there. One that is absent or fails now is stale from here on, if it comes back: it is
// returned, and must be recorded as failed before the copy may be forgotten.
Result<std::vector<int>> write_place(Patient &p, const MemberImage &image)
{
    std::vector<int> failed;
    for (unsigned slot = 0; slot < p.disks.size(); slot++)
        if (const int disk = p.volume->reshape->target_slots[slot].disk; !p.disks[slot] && disk >= 0)
            failed.push_back(disk);
    std::size_t bad = 0;
    Result<> trouble;
    const auto run = [&](auto &&action) {
        for (unsigned slot = 0; slot < p.disks.size(); slot++) {
            if (!p.disks[slot])
                continue;
            Result<> done = action(slot).within(fmt::format("restoring the critical section on {}", p.names[slot]));
            if (done)
                continue;
            trouble = std::move(done);
            failed.push_back(p.volume->reshape->target_slots[slot].disk);
            p.disks[slot] = nullptr;
        }
    };
    run([&](unsigned slot) {
        return p.disks[slot]->write((p.volume->data_offset + image.first) * kSectorBytes, image.slots[slot].span());
    });
    run([&](unsigned slot) { return p.disks[slot]->flush(); });
    for (const Target *disk : p.disks)
        bad += disk == nullptr;
    if (bad > emd_geometry_max_failures(&p.target))
        return trouble ? fail(Errc::Gone, "volume {}: {} of {} disks are absent", p.volume->name, bad, p.disks.size())
                       : tl::make_unexpected(trouble.error());
    return failed;
}

}  // namespace

Result<std::uint64_t> position_after_restore(const Volume &volume)
{
    const ReshapeRecord &record = *volume.reshape;
    if (!record.backup_live)
        return record.position;
    const Terms terms = EMD_TRY(make_terms(volume, false));
    const auto section = recorded_section(terms, record, 0);
    return section ? terms.address(section->range.end) : record.position;
}

Result<bool> restore(const Container &container, unsigned volume, const std::function<Target *(int disk)> &target,
                     const std::function<Result<>(const Change &)> &record,
                     const std::function<Result<Buffer>(Range)> &file)
{
    if (volume >= container.volumes.size() || !container.volumes[volume].reshape ||
        !container.volumes[volume].reshape->backup_live)
        return false;
    Patient patient = EMD_TRY(find_patient(container, volume, target));
    const Terms terms = EMD_TRY(make_terms(*patient.volume, false));
    const auto section = recorded_section(terms, *patient.volume->reshape, 0);
    if (!section)
        return false;
    const MemberImage image = EMD_TRY(read_section(patient, terms.addresses(section->range), file));
    // One copy of the record may say nothing of this yet. It would be the only one if its owner were lost in what comes now.
    EMD_TRY(record(change::BackupRecorded{volume, terms.address(section->range.begin)}));
    for (const int disk : EMD_TRY(write_place(patient, image)))
        if (container.disks[static_cast<std::size_t>(disk)].state != DiskState::Failed)
            EMD_TRY(record(change::DiskFailed{disk}));
    EMD_TRY(record(change::ReshapeProgress{volume, terms.address(section->range.end)}));
    return true;
}

}  // namespace emd::reshape
