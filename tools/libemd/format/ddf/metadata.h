// SPDX-License-Identifier: GPL-2.0-only
// One DDF container in memory: the tables that all disks share, of the disk with the newest ones; the configuration records of
// the volumes, each from the newest of its members; and of each disk what is its own.
//
// Three numberings of disks meet here. A *reference* is a random number that the disk carries, and by which configuration
// records name it. An *entry* is an index into the table of physical disks. A *disk* is an index into Container::disks and
// into members_: entries in their order, then disks that are in the table no more.
#pragma once

#include "libemd/format/ddf/codec.h"
#include "libemd/format/format.h"

namespace emd::ddf {

// What is known of one disk of the view.
struct Member {
    int entry = -1;        // -1: not in the table
    bool present = false;
    bool failed = false;   // must not be used, although the table may not say so
    bool behind = false;   // what stands on it is older, or was cut short
    std::string path;
    DevNum dev;
    std::uint64_t sectors = 0;
    std::uint32_t refnum = kNone32;
    HeaderBytes header{};  // its own places of the structures
    Block configs;         // its section of configuration records
    Block own;
    bool configs_changed = false;
    bool secondary_first = false;  // the primary is the only structure that is whole: it is written last
};

// A basic volume: all of a volume, or one of its mirrors.
struct Basic {
    Guid vd{};
    Record record;
    std::vector<unsigned> elements;  // those that are used, in order

    // What the field is unless there is a secondary level.
    unsigned secondary() const { return record.head().secondary_sequence; }
};

// One element of a basic volume, as a slot of the volume.
struct Element {
    std::size_t basic = 0;
    unsigned element = 0;
    bool out_of_sync = false;
};

// A volume, by the table's entry.
struct Virtual {
    unsigned entry = 0;
    Shape shape;
    std::uint64_t size = 0;           // sectors that are visible
    std::vector<Element> elements;    // shape.raid_disks
    std::string refused;              // why it must not be written
    bool readable = true;             // refused, but it can be read
    std::uint64_t checkpoint = 0;     // of what runs; no place on the disks
};

class DdfMetadata final : public Metadata {
public:
    // As load() found it. `tables` are the newest; members in the order of their entries, then others.
    DdfMetadata(Structure tables, std::uint32_t sequence, std::vector<Member> members, std::vector<Basic> basics, std::string refused);

    const Container &view() const override { return view_; }
    Result<> apply(const Change &change) override;
    std::vector<Image> prepare() const override;
    void encode(std::span<Image> images) override;

private:
    // -- edit_state.cc: what the kernel reports; none of it allocates --
    Result<> on(const change::MarkDirty &change);
    Result<> on(const change::MarkClean &change);
    Result<> on(const change::DiskFailed &change);
    Result<> on(const change::SyncProgress &change);
    Result<> on(const change::SyncFinished &change);
    // -- edit_members.cc --
    Result<> on(const change::InitStarted &change);
    Result<> on(const change::RebuildStarted &change);
    Result<> on(const change::SpareAdded &change);
    Result<> on(const change::DiskRemoved &change);
    // -- edit_volume.cc --
    Result<> on(const change::VolumeCreated &change);
    Result<> on(const change::VolumeDeleted &change);
    Result<> on(const change::VolumeRenamed &change);
    Result<> on(const change::Resized &)
    {
        return fail(Errc::Unsupported, "EMD cannot change how much of each disk a volume of DDF uses: make another volume of what is free, or a new "
                    "one, and copy the data");
    }
    template <typename Other>
    Result<> on(const Other &)
    {
        return fail(Errc::Unsupported, "EMD cannot change a DDF container in this way: use mdadm");
    }
    Result<Virtual *> volume_at(unsigned volume);
    Result<Member *> member_at(int disk);
    PdBytes &pd_of(const Member &member) { return tables_.pds[static_cast<std::size_t>(member.entry)]; }
    VdBytes &vd_of(const Virtual &volume) { return tables_.vds[volume.entry]; }
    bool rebuilding(const Virtual &volume) const;
    bool used_by(const Basic &basic, std::uint32_t refnum) const;
    bool sound(const Element &element) const;
    std::uint8_t state_of(const Virtual &volume) const;
    void update_states();
    void record_stale();
    void record_empty();
    bool being_made(const Element &element) const;
    void sort_members();
    Result<> check_spare(const Member &member, const Virtual &volume) const;
    bool dedicated_elsewhere(const Member &member, const Guid &vd) const;
    std::optional<std::uint64_t> room_on(const Member &member, std::uint64_t blocks, std::uint64_t wish) const;
    std::optional<std::size_t> free_record(const Member &member) const;
    void put_records(Member &member);
    void take_out(Member &member);
    void drop_entry(std::size_t disk);
    // -- create.cc --
    Result<Member> new_member(const Disk &disk);
    // -- edit_volume.cc --
    Result<> check_extents_known() const;
    Result<std::vector<Place>> room_for(const change::VolumeCreated &change, ConfigBytes &config) const;
    std::vector<Place> gaps_on(const Member &member) const;
    Result<> check_member(const change::VolumeCreated &change, int disk) const;
    void renumber_records(const Guid &without);

    // -- image.cc --
    std::uint32_t now() const;
    bool writable(const Member &member) const;
    const Block &section_of(const Member &member, unsigned section) const;
    void encode_disk(std::size_t disk, std::span<Image> images, bool everything);

    // -- volumes.cc: from records to volumes --
    void build_volumes();
    Result<> fill(Virtual &volume, const std::vector<std::size_t> &basics);
    Result<> check_places(const Virtual &volume) const;
    Result<> check_apart(const Virtual &volume) const;
    std::uint64_t start_of(const Element &element) const { return basics_[element.basic].record.start(element.element); }
    std::uint32_t refnum_of(const Element &element) const { return basics_[element.basic].record.refnum(element.element); }
    std::uint64_t blocks_of(const Element &element) const { return basics_[element.basic].record.head().blocks.get(); }
    int disk_of(std::uint32_t refnum) const;

    // -- view.cc --
    void refresh();
    void refresh_disk(std::size_t disk);
    void refresh_volume(std::size_t index);
    bool in_volume(const Member &member) const;
    bool healthy(const Member &member) const;
    bool uneven() const;
    Uuid volume_uuid(const Virtual &volume) const;

    Structure tables_;
    std::uint32_t sequence_;
    std::vector<Member> members_;
    std::vector<Basic> basics_;
    std::vector<Virtual> volumes_;
    std::string refused_;  // why nothing may be written
    bool applied_ = false; // something was, since the last encode()
    bool changed_ = false; // and it has a place on the disks
    bool pds_changed_ = false, vds_changed_ = false;
    Container view_;
};

// One that is rebuilt, or is a spare still: the record that names it as a member got further than the tables.
bool holds_nothing(const PdBytes &pd);
// A spare no more.
void make_member(PdBytes &pd);
// A disk with nothing on it but this header and its own name; and the table's entry of one that no volume has.
Member blank_member(const Disk &disk, const HeaderBytes &header, std::uint32_t refnum);
PdBytes spare_entry(const Member &member);
// A number that no disk of the table has.
std::uint32_t new_refnum(const Structure &tables);

Uuid uuid_of(const Guid &guid);
std::string text_of(const VdBytes &vd);  // its name; untrusted characters are replaced
// The level of a record in md's numbers. Unsupported with the reason.
Result<Shape> shape_of(const ConfigBytes &config, const Guid &controller);
// The inverse: counts, strip and levels of a new record, the first where there are several. Unsupported or Invalid with the reason.
Result<ConfigBytes> config_of(const Shape &shape);

Result<std::unique_ptr<DdfMetadata>> load_container(std::span<const Medium *const> media);

}  // namespace emd::ddf
