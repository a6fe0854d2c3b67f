// SPDX-License-Identifier: GPL-2.0-only
// One IMSM container in memory: the MPB that all members share, what is known of each drive, the migration record, and
// the view that everybody else reads.
//
// Two numberings of disks meet here. An *entry* is an index into the MPB's disk table, as the slots of its volumes use. A
// *disk* is an index into Container::disks and into members_: recorded disks in the order of their entries, then loose ones
// by serial. What the kernel reports (edit_state.cc, progress and end of a reshape) changes neither; a decision may.
#pragma once

#include "libemd/format/format.h"
#include "libemd/format/imsm/geometry.h"
#include "libemd/format/imsm/serial.h"

namespace emd::imsm {

// What is known of one disk of the view.
struct Member {
    int entry = -1;            // -1: a spare, or a drive that the MPB does not list
    bool present = false;
    bool failed = false;       // must not be used, although the MPB may not say so
    bool behind = false;       // its copy of the MPB is an older one
    std::string path;
    DevNum dev;
    std::uint64_t sectors = 0;
    Serial serial{};           // the drive's own when present, else as recorded
    Mpb own;                   // a spare's private MPB
    bool own_changed = false;  // ... must be written
    bool last_sector_clean = false;  // the place of the migration record is known to be zero

    bool loose_spare() const { return entry < 0 && present && !failed; }
};

class ImsmMetadata final : public Metadata {
public:
    // A container as load() found it, or a new one. `members` lists the MPB's disks first, in its order, then loose ones.
    ImsmMetadata(Mpb mpb, std::vector<Member> members, std::optional<Record> record, unsigned sector_bytes,
                 std::string refused);

    const Container &view() const override { return view_; }
    Result<> apply(const Change &change) override;
    std::vector<Image> prepare() const override;
    void encode(std::span<Image> images) override;

    const Mpb &mpb() const { return mpb_; }
    const std::optional<Record> &record() const { return record_; }

private:
    // -- edit_state.cc: what the kernel reports; none of it allocates --
    Result<> on(const change::MarkDirty &change);
    Result<> on(const change::MarkClean &change);
    Result<> on(const change::DiskFailed &change);
    Result<> on(const change::SyncProgress &change);
    Result<> on(const change::SyncFinished &change);
    // -- bad_log.cc, as what stands above --
    Result<> on(const change::BadBlock &change);
    Result<> list_bad(const Member &member, std::uint64_t start, std::uint64_t end);
    Result<> clear_bad(const Member &member, std::uint64_t start, std::uint64_t end);
    void forget_bad(int disk, std::uint64_t start, std::uint64_t sectors);
    void refresh_bad();
    Result<> check_good(const Dev &dev) const;
    // -- edit_reshape.cc --
    Result<> on(const change::ReshapeStarted &change);
    Result<> on(const change::ReshapeProgress &change);
    Result<> on(const change::BackupRecorded &change);
    Result<> on(const change::ReshapeFinished &change);
    Result<> on(const change::ReshapeWithdrawn &change);
    // -- edit_members.cc --
    Result<> on(const change::RebuildStarted &change);
    Result<> on(const change::InitStarted &change);
    Result<> on(const change::SpareAdded &change);
    Result<> on(const change::DiskRemoved &change);
    // -- edit_volume.cc --
    Result<> on(const change::VolumeCreated &change);
    Result<> on(const change::VolumeDeleted &change);
    Result<> on(const change::VolumeRenamed &change);
    Result<> on(const change::Takeover &change);
    Result<> on(const change::ParityLogRemoved &change);
    Result<> on(const change::Resized &)
    {
        return fail(Errc::Unsupported, "EMD cannot change how much of each disk a volume of IMSM uses: make another volume of what is free, or stop "
                    "it, and let mdadm --grow --size do that with the last one");
    }
    template <typename Other>
    Result<> on(const Other &)
    {
        return fail(Errc::Unsupported, "IMSM has no record of what a member that was away has missed");
    }
    Result<> halve(Map &map, const Volume &now, const std::vector<Slot> &slots) const;
    Result<> pair_up(Map &map, const Volume &now, const std::vector<Slot> &slots);
    std::vector<Slot> without_failed_spares(std::vector<Slot> slots) const;

    Result<Dev *> dev_at(unsigned volume);
    Result<Member *> member_at(int disk);
    int disk_of_entry(int entry) const;
    void sort_members();
    // A running operation of any volume that forbids changes of membership; null: none.
    const Dev *general_migration() const;

    // Make a spare's entry in the MPB's table; returns its index.
    int enlist(Member &member);
    // An entry, and a member, for a disk that is not there.
    int enlist_missing(std::string_view serial, std::uint64_t sectors);
    // Delete entries that no slot names any more; their drives become spares again (those that work and are here).
    void discharge_unused();
    void delete_entry(int entry);
    Result<> check_spare(const Member &member, const char *purpose) const;
    // What the record says when a migration of `dev` begins.
    Result<Record> first_record(const Dev &dev) const;
    void fail_in_dev(Dev &dev, int entry);
    void end_operation(Dev &dev);
    struct Room {
        std::uint64_t start, sectors;
    };
    Result<> check_slots(std::span<const int> disks) const;
    Room largest_room(std::span<const int> disks) const;

    // -- view.cc --
    void refresh();
    void refresh_disk(std::size_t disk);
    bool uneven() const;
    void refresh_volume(unsigned index);
    void refresh_slots(const Map &map, const Map &sync, std::vector<Slot> &slots) const;
    void refresh_parity_log(const Dev &dev, Volume &volume);
    void refresh_reshape(const Dev &dev, Volume &volume);

    // -- image.cc --
    void reserve_scratch();
    bool writable(const Member &member) const;
    int lead_disk() const;
    int record_slot(int disk) const;
    void encode_last(Image &image) const;
    void encode_spare(Image &image) const;

    Mpb mpb_;
    std::vector<Member> members_;
    std::optional<Record> record_;   // while a general migration runs
    unsigned sector_bytes_;
    std::string refused_;            // why no volume may be written; empty: nothing against it
    bool mpb_changed_ = false;
    bool record_changed_ = false;
    std::vector<std::byte> scratch_;  // one encoded MPB; large enough for every change that must not allocate
    Container view_;
};

// A private MPB as a spare carries it.
Mpb spare_mpb(const Serial &serial, std::uint64_t sectors, unsigned sector_bytes);
// It is one because the last volume of a container was deleted: that container's identity, and the generation of the deletion. No
// other spare has an identity; load.cc tells by it what a drive is that the deletion did not reach.
void mark_emptied(Mpb &spare, std::uint32_t identity, std::uint32_t generation);
// A container without volumes and disks.
Mpb empty_mpb();
std::uint32_t random_family();

Uuid container_uuid(const Mpb &mpb);
Uuid volume_uuid(const Mpb &mpb, unsigned index);

// What a medium holds. torn: the checksum is wrong, but the MPB has more than one sector, so that a write that was cut
// short explains it; `header` is valid then, `mpb` is not.
struct Found {
    HeaderBytes header;
    std::optional<Mpb> mpb;
    bool torn = false;
};
Result<Found> read_mpb(const Medium &medium);
// Anchor and extension joined, as the checksum sees them.
Result<std::vector<std::byte>> read_mpb_bytes(const Medium &medium);
// The last sector.
Result<std::vector<std::byte>> read_record_sector(const Medium &medium);

// May IMSM live here? A whole disk with 512- or 4096-byte sectors, large enough.
Result<> check_medium(const Medium &medium);

Result<std::unique_ptr<ImsmMetadata>> load_container(std::span<const Medium *const> media);

}  // namespace emd::imsm
