// SPDX-License-Identifier: GPL-2.0-only
// One array of md in memory: a container with one volume. What all members share comes from the freshest superblock; what each
// member has for itself is its own block, of which only fields that change are touched.
//
// Theory
//
// The freshest superblocks decide who is who. A member whose events are two or more behind missed a change that was recorded
// before anything relied on it, so its data may be old: it is no member any more, and is not written. One behind is a change
// that was cut short: nothing was done yet that relied on it, and the freshest superblock says which place the member has.
// The end of a reshape counts as two, because md would take one behind as it is; two behind is here what is cut short of that.
//
// So two rules hold for what is written. Every change is written to all members with more events. And with the first
// change the places of those who are not here are given up in the table of roles: otherwise one that comes back would be
// only one event behind, and taken for a member that holds its data.
//
// A spare that becomes a member is written before the others: until it says itself that it is not in sync, nobody else may
// say that it has a place. reshape.cc says how a change of shape is recorded.
#pragma once

#include "libemd/format/format.h"
#include "libemd/format/md/bad_log.h"
#include "libemd/format/md/bitmap.h"
#include "libemd/format/md/superblock.h"

namespace emd::md {

using Block = std::vector<std::byte>;  // kBlockBytes, as it stands on the disk

// What is known of one disk of the view.
struct Member {
    enum class State {
        Active,      // in its slot, in sync
        Recovering,  // in its slot, in sync up to `recovered`
        Spare,
        Missing,     // recorded in its slot, but not here, or too old
        Failed,      // must not be used
    };

    State state = State::Spare;
    int slot = -1;                // Active, Recovering, Missing
    std::uint32_t number = 0;     // of 1.x dev_number; of 0.90 its descriptor
    bool present = false;
    bool behind = false;          // there is a record that it has not got
    std::string path;
    DevNum dev;
    std::uint64_t sectors = 0;    // of the disk
    unsigned sector_bytes = 512;
    std::uint64_t record_sector = 0;
    std::uint64_t data_offset = 0, data_sectors = 0;
    std::uint64_t recovered = 0;  // Recovering: member sectors
    bool returning = false;       // Recovering: the bitmap knows what it has missed
    bool joining = false;         // Active: a reshape has made it a member, and that is not on the disks yet
    bool given_up = false;        // Spare: a takeover has left it no place, and the kernel may not have followed yet
    bool retold = false;          // its own superblock has the shape of before a takeover
    std::uint32_t flags = 0;      // of its descriptor in 0.90: write-mostly and failfast
    Block block;                  // empty: never written
    BadLog log;                   // of 1.x
    std::int32_t ppl_offset = 0;  // as it says itself, relative to its superblock
    std::uint32_t ppl_sectors = 0;  // 0: it has no partial parity log

    bool writable() const { return present && !block.empty() && (state == State::Active || state == State::Recovering || state == State::Spare); }
    bool placed() const { return state == State::Active || state == State::Recovering || state == State::Missing; }
};

// What all superblocks of the array say alike, as it is now.
struct Record {
    std::uint64_t events = 0;
    std::uint64_t updated = 0;        // seconds
    bool redundant = false;           // in one of the shapes of a reshape at least; else there is nothing to resync
    bool written = false;             // it may be in the midst of a write: a resync begins at the front
    std::uint64_t resync = kInSync;   // where a resync goes on when it was not written
    std::vector<std::uint16_t> roles; // 1.x
};

class MdMetadata final : public Metadata {
public:
    // `first` is the freshest superblock; `log` the parity log that is all that is against writing; `refused` why the volume must not be written, `readable` if it could be read.
    MdMetadata(Superblock first, Record record, std::vector<Member> members, std::optional<Bitmap> bitmap,
               std::optional<ParityLogPlace> log, std::string refused, bool readable);

    const Container &view() const override { return view_; }
    Result<> apply(const Change &change) override;
    std::vector<Image> prepare() const override;
    void encode(std::span<Image> images) override;
    void stored() override;
    std::optional<BitmapHead> bitmap_head(unsigned volume) const override;
    Result<change::MemberReturned> returning(const Medium &medium) const override;

    const std::vector<Member> &members() const { return members_; }

    // A disk without a superblock that is with a RAID0: a spare of it, without a record, until a takeover makes room for one.
    void lend(const Medium &medium);

private:
    // -- edit.cc: what the kernel reports allocates nothing --
    Result<> on(const change::MarkDirty &change);
    Result<> on(const change::MarkClean &change);
    Result<> on(const change::DiskFailed &change);
    Result<> on(const change::SyncProgress &change);
    Result<> on(const change::SyncFinished &change);
    Result<> on(const change::RebuildStarted &change);
    Result<> on(const change::InitStarted &change);
    Result<> on(const change::SpareAdded &change);
    Result<> on(const change::DiskRemoved &change);
    Result<> on(const change::BadBlock &change);  // bad_log.cc, as what follows
    void refresh_bad();
    void prepare_logs(std::vector<Image> &images) const;
    bool encode_logs(std::span<Image> images);  // true: some come before the superblocks
    Result<> on(const change::BitmapComplete &change);
    Result<> on(const change::BitmapReset &change);
    Result<> on(const change::BitmapAdded &change);  // add_bitmap.cc, and what follows
    Result<> on(const change::BitmapRemoved &change);
    Result<std::pair<Bitmap, std::int32_t>> placed_bitmap(std::uint64_t chunk_bytes) const;
    void say_bitmap(std::int32_t offset);
    Result<> on(const change::MemberReturned &change);
    Result<> on(const change::ParityLogRemoved &change);  // parity_log.cc, and what follows
    Result<> on(const change::ParityLogRecovered &change);
    void refresh_log(Volume &volume);
    Result<> on(const change::ReshapeStarted &change);    // reshape.cc, and what follows
    Result<> on(const change::ReshapeProgress &change);
    Result<> on(const change::ReshapeFinished &change);
    Result<> on(const change::ReshapeWithdrawn &change);
    Result<> on(const change::ReshapeReverted &change);
    void give_up_surplus();
    Result<> on(const change::Takeover &change);          // takeover.cc, and what follows
    Result<> check_takeover(const change::Takeover &change) const;
    Result<> check_places(const change::Takeover &change) const;
    Result<> on(const change::Resized &change);           // resize.cc, and what follows
    Result<> check_resize() const;
    Result<> check_rooms(std::uint64_t size) const;
    std::uint64_t largest_size() const;
    Result<V1 *> moving(unsigned volume);
    Result<> check_target(const Shape &to, std::uint64_t kept) const;
    Result<> check_levels(const Shape &to) const;
    Result<> check_size(Shape to, std::uint64_t kept) const;
    struct Room {
        std::uint64_t sectors;
        const Member *member;  // who has no more
    };
    struct Place {
        std::int64_t shift;       // sectors by which the data of all members move
        std::uint64_t component;  // sectors of each that both shapes use
    };
    Room free_room(const Shape &to, const std::vector<Member *> &added) const;
    std::uint64_t most_behind(const Shape &to) const;
    Result<Place> place_for(const Shape &to, std::uint64_t kept, const std::vector<Member *> &added) const;
    std::string other_way(Shape to, std::uint64_t room) const;
    Result<std::vector<Member *>> recruits(const change::ReshapeStarted &change);
    void settle_shapes();
    void refresh_reshape(Volume &volume) const;
    template <typename Other>
    Result<> on(const Other &change);
    Result<> check_volume(unsigned volume) const;
    Result<Member *> member_at(int disk);
    bool recovering() const;
    Result<std::uint32_t> free_number() const;
    void make_room(std::uint32_t number);
    void refresh_roles();
    unsigned counts(const Change &change) const;
    Result<Member> new_member(const Disk &disk);
    Result<> enroll(Member member);

    // -- edit_bitmap.cc --
    Image bitmap_image(std::size_t disk) const;
    bool fill_bitmap(Image &image) const;
    Result<> check_return(const change::MemberReturned &change) const;

    // -- view.cc --
    void refresh();
    void refresh_disk(std::size_t disk);
    void refresh_volume();
    const V1 *v1() const { return std::get_if<V1>(&first_); }
    const Common &common() const;

    void write_block(Member &member) const;
    // Is what happens to the array written? One without redundancy is written when it is made, reshaped or taken over.
    bool recorded() const { return record_.redundant || reshaped_ || taken_over_; }

    Superblock first_;
    Record record_;
    std::vector<Member> members_;
    std::optional<Bitmap> bitmap_;
    std::optional<ParityLogPlace> log_;
    std::string refused_;
    bool readable_;
    Shape shape_;
    Shape target_;                       // of a reshape; without one it is shape_
    std::optional<std::uint64_t> size_before_{};  // per member, while nothing has moved of a reshape that began here
    bool reshaped_ = false;              // a shape has changed, or is changing: it is written with every block
    bool taken_over_ = false;            // that is to be written, also if nothing is redundant
    bool changed_ = false;
    unsigned events_ = 0;  // and it counts as so many events
    Container view_;
};

Result<std::unique_ptr<MdMetadata>> load_array(std::span<const Medium *const> media);

// The shape in force, with whole chunks of each member.
Shape settled(const Superblock &sb, const std::vector<Member> &members);

// The same of the shape that is wanted.
Shape settled_target(const Common &sb, const Shape &now);

// -- reshape.cc --

// Why EMD cannot go on with the reshape that the freshest superblock says is under way; empty: it can.
std::string refuse_reshape(const V1 &first, const Shape &shape, const std::vector<Member> &members);
// Does a superblock describe the same array as the freshest, or as it was one change of shape before? And has it, in that
// case, still to be told that its data lies elsewhere: by so many sectors.
bool alike(const Common &own, const Common &first);
// What a member of that level gives, of `size` sectors: whole chunks, where there are some.
std::uint64_t rounded_size(std::uint64_t size, int level, std::uint32_t chunk_sectors);
std::int64_t untold_shift(const Common &own, const Common &first);
// Shape and reshape as all members say them, and where the member's data lies, into its block.
void put_shape(Block &block, const V1 &sb, const Member &member);

// -- takeover.cc --

// Does a superblock describe the array as it was before the takeover that the freshest says, one event earlier?
bool taken_over(const Common &own, const Common &first);
// The member whose own superblock is that one: what it holds belongs to its new place, and how much of it RAID0 uses.
void follow_takeover(Member &member, const V1 &own, const Common &first);
// Level and shape as all members say them after a takeover.
void put_level(Block &block, const V1 &sb, const Member &member);

// -- resize.cc --

// Does a superblock describe the array as it was before its size per member changed, one event earlier?
bool resized(const Common &own, const Common &first);
// What a member of 1.x has for data: up to the end of the disk, or to what else stands there. At least what it says itself, where that is free.
std::uint64_t room_for_data(const Member &member);
// A member that does not know the size yet that all have by now: it gives all that it has, if that is enough.
void follow_resize(Member &member, std::uint64_t size);

// -- create.cc --

// Sectors that are left for a write-intent bitmap, now or later, on a disk of so many.
std::uint64_t bitmap_room(std::uint64_t sectors, bool redundant);

// What else lies on a member: sectors, which are below 2^44 or of 32 bits.
struct Piece {
    const char *what;
    std::int64_t begin, end;
};
std::vector<Piece> pieces_of(const Member &member, std::uint64_t component);

// What load_bitmap() says of an array that has one: the bitmap, or why it cannot be kept.
struct FoundBitmap {
    std::optional<Bitmap> bitmap;
    std::string refused;
};
// `media` in the order of `members`, null for those that are not here.
FoundBitmap load_bitmap(const V1 &first, const Shape &shape, const std::vector<Member> &members, const std::vector<const Medium *> &media);

// Where it says that its part of the log is. Errors: Corrupt, if it cannot be there.
Result<ParityLogPlace::Area> log_area(const Member &member, std::uint64_t component);

// What load_parity_log() says of an array that has one: where it is, or why it is no use.
struct FoundParityLog {
    std::optional<ParityLogPlace> log;
    std::string refused;
};
FoundParityLog load_parity_log(const V1 &first, const Shape &shape, const std::vector<Member> &members);

// Does [begin, begin + sectors) lie on the disk, and apart from what else is there? `what`: "bitmap".
Result<> check_place(const Member &member, const char *what, std::int64_t begin, std::uint64_t sectors, std::uint64_t component);

// The volume's name: what follows the host's, in characters that a link may have.
std::string volume_name(const Superblock &sb);
bool redundant(int level);

// -- put_v1.cc, put_v090.cc: the fields that change, into a block that was read --

// What all members say alike, as the freshest says it: who was away may know it as it was. Its own fields stay.
void share_v1(Block &block, const Block &first);
void share_v090(Block &block, const Block &first);

void put_v1(Block &block, const Record &record, const Member &member);
// A block for a new spare, after another member's. Its list of bad blocks is empty.
Block spare_v1(const Block &pattern, const Member &spare);
// Where a new member's superblock and data lie on a disk of this size; the pattern is a member. Error: it is too small.
Result<> place_v1(Member &spare, const V1 &pattern, std::uint64_t least);

Result<> place_v090(Member &spare, std::uint64_t least);
void put_v090(Block &block, const Record &record, const Member &member, std::span<const Member> all, std::uint32_t raid_disks);

}  // namespace emd::md
