// SPDX-License-Identifier: GPL-2.0-only
// Changes of an array of md. What the kernel reports is applied while writes wait, so that allocates nothing.
#include "libemd/format/md/metadata.h"

#include <algorithm>
#include <ctime>

namespace emd::md {

namespace {

constexpr std::uint32_t kMostRoles = 1920;

// Roles come in groups that fill sectors.
std::uint32_t room_for(std::uint32_t number) { return (number + 128) / 256 * 256 + 128; }

}  // namespace

Result<> MdMetadata::apply(const Change &change)
{
    // Whoever asks, and whatever runs already: what is not understood is not written.
    if (!refused_.empty())
        return fail(Errc::Refused, "{} must not be written: {}", view_.volumes[0].name, refused_);
    Result<> done = std::visit([this](const auto &one) { return on(one); }, change);
    if (!done)
        return done;
    changed_ = true;
    events_ = std::max(events_, counts(change));
    refresh();
    return {};
}

// What is true whether it is recorded or not needs no event, and with a bitmap gets none: it is recorded when the array has stopped,
// and nobody can give the bitmap the same number any more.
unsigned MdMetadata::counts(const Change &change) const
{
    const bool silent = bitmap_ && (std::holds_alternative<change::MarkClean>(change) || std::holds_alternative<change::SyncProgress>(change) ||
                                    std::holds_alternative<change::BitmapComplete>(change));
    // Who has not got a takeover yet, or the end of a reshape, is behind, and may be needed: the next event comes when all have it.
    const bool reshape = common().reshape || std::holds_alternative<change::ReshapeFinished>(change) || std::holds_alternative<change::ReshapeWithdrawn>(change);
    if (!record_.redundant && !reshape && !std::holds_alternative<change::Takeover>(change))
        return 0;
    // md takes a member that is one event behind as it is, and then data that have moved where they were. Two behind it leaves out.
    const bool moved = std::holds_alternative<change::ReshapeFinished>(change) || std::holds_alternative<change::ReshapeReverted>(change);
    return silent ? 0 : moved ? 2 : 1;
}

template <typename Other>
Result<> MdMetadata::on(const Other &)
{
    return fail(Errc::Unsupported, "EMD cannot change an array of md in this way yet: use mdadm");
}

Result<> MdMetadata::check_volume(unsigned volume) const
{
    return volume == 0 ? Result<>() : fail(Errc::NotFound, "an array of md has no volume {}", volume);
}

Result<Member *> MdMetadata::member_at(int disk)
{
    if (disk < 0 || static_cast<std::size_t>(disk) >= members_.size())
        return fail(Errc::NotFound, "the array has no disk {}", disk);
    return &members_[static_cast<std::size_t>(disk)];
}

bool MdMetadata::recovering() const
{
    return std::ranges::any_of(members_, [](const Member &m) { return m.state == Member::State::Recovering; });
}

Result<> MdMetadata::on(const change::MarkDirty &change)
{
    EMD_TRY(check_volume(change.volume));
    record_.written = record_.redundant;
    return {};
}

Result<> MdMetadata::on(const change::MarkClean &change)
{
    EMD_TRY(check_volume(change.volume));
    record_.written = false;
    record_.resync = kInSync;
    return {};
}

Result<> MdMetadata::on(const change::DiskFailed &change)
{
    Member &member = *EMD_TRY(member_at(change.disk));
    // No kernel goes on without him. If one does, it has another shape than the record, and that has to be mended first: everybody would
    // say that he has no data, and nobody could start what is left.
    if (needs(view_.volumes[0], change.disk))
        return fail(Errc::Refused, "{} does without {}, and {} of {} cannot", view_.volumes[0].name, member.path, level_word(shape_.level),
                    shape_.raid_disks);
    member.state = Member::State::Failed;
    member.slot = -1;
    member.recovered = 0;
    member.returning = false;
    member.joining = false;
    return {};
}

Result<> MdMetadata::on(const change::SyncProgress &change)
{
    EMD_TRY(check_volume(change.volume));
    const std::uint64_t done = std::min(change.member_sectors, shape_.component_sectors);
    if (recovering()) {
        for (Member &member : members_)
            if (member.state == Member::State::Recovering)
                member.recovered = done;
        return {};
    }
    if (record_.resync == kInSync)
        return fail(Errc::Refused, "no resync and no rebuild is recorded");
    if (shape_.level != 10)  // there md counts along the array
        record_.resync = done;
    return {};
}

Result<> MdMetadata::on(const change::SyncFinished &change)
{
    EMD_TRY(check_volume(change.volume));
    if (!recovering()) {
        if (record_.resync == kInSync)
            return fail(Errc::Refused, "no resync and no rebuild is recorded");
        record_.resync = kInSync;
        return {};
    }
    for (Member &member : members_)
        if (member.state == Member::State::Recovering) {
            member.state = Member::State::Active;
            member.recovered = 0;
            member.returning = false;
        }
    return {};
}

// An entry in the table for this number.
void MdMetadata::make_room(std::uint32_t number)
{
    if (v1() && number >= record_.roles.size())
        record_.roles.resize(std::min(room_for(number), kMostRoles), kRoleSpare);
}

Result<> MdMetadata::on(const change::RebuildStarted &change)
{
    EMD_TRY(check_volume(change.volume));
    Member &member = *EMD_TRY(member_at(change.disk));
    if (change.slot >= shape_.raid_disks)
        return fail(Errc::Invalid, "the array has no slot {}", change.slot);
    if (!record_.redundant)
        return fail(Errc::Refused, "nothing can be rebuilt in an array that keeps nothing twice");
    if (std::ranges::any_of(members_, [&](const Member &m) { return m.placed() && m.slot == static_cast<int>(change.slot); }))
        return fail(Errc::Refused, "slot {} is in use", change.slot);
    if (member.state != Member::State::Spare || !member.writable())
        return fail(Errc::Refused, "{} is no spare and cannot be taken for a rebuild", member.path);
    if (member.data_sectors < shape_.component_sectors || member.data_offset + shape_.component_sectors > member.sectors)
        return fail(Errc::NoSpace, "{} is too small for a rebuild: it has {} sectors for data, {} are needed", member.path,
                    member.data_sectors, shape_.component_sectors);
    if (v1() && member.number >= kMostRoles)
        return fail(Errc::Refused, "{} has number {}, for which the superblock has no room: remove it and add it anew", member.path,
                    member.number);
    if (log_)
        EMD_TRY(log_area(member, shape_.component_sectors));
    make_room(member.number);
    member.state = Member::State::Recovering;
    member.slot = static_cast<int>(change.slot);
    member.recovered = 0;
    // Numbers and slots are given out anew. So who left before somebody came without its data cannot know all who are here.
    if (bitmap_)
        bitmap_->cleared = record_.events + 1;
    return {};
}

Result<> MdMetadata::on(const change::InitStarted &change)
{
    EMD_TRY(check_volume(change.volume));
    if (!record_.redundant)
        return fail(Errc::Refused, "an array that keeps nothing twice has nothing to synchronise");
    if (record_.resync == kInSync)
        record_.resync = 0;
    record_.written = true;
    return {};
}

// The lowest that nobody has, and that is not recorded as somebody's.
Result<std::uint32_t> MdMetadata::free_number() const
{
    const std::uint32_t most = v1() ? kMostRoles : V090::kDescriptors;
    for (std::uint32_t number = v1() ? 0 : shape_.raid_disks; number < most; number++)
        if (std::ranges::none_of(members_, [number](const Member &m) { return m.number == number; }))
            return number;
    return fail(Errc::NoSpace, "the superblock has no room for another disk");
}

// A blank disk, as a spare that is in nobody's list yet.
Result<Member> MdMetadata::new_member(const Disk &disk)
{
    const auto pattern = std::ranges::find_if(members_, [](const Member &m) { return m.writable() && m.placed(); });
    if (pattern == members_.end())
        return fail(Errc::Refused, "no working member is left whose record a spare could get");
    if (!record_.redundant && !(v1() && shape_.level == 0))  // RAID0 may become something that has
        return fail(Errc::Refused, "an array that keeps nothing twice has no use for a spare");
    if (disk.sector_bytes != pattern->sector_bytes)
        return fail(Errc::Refused, "{} has sectors of {} bytes, the array's disks of {}", disk.path, disk.sector_bytes, pattern->sector_bytes);
    if (std::ranges::any_of(members_, [&](const Member &m) { return m.present && m.dev == disk.dev && m.state != Member::State::Failed; }))
        return fail(Errc::Busy, "{} is in the array already", disk.path);

    Member member;
    member.present = true;
    member.path = disk.path;
    member.dev = disk.dev;
    member.sectors = disk.sectors;
    member.sector_bytes = disk.sector_bytes;
    member.number = EMD_TRY(free_number());
    if (const V1 *sb = v1()) {
        V1 model = *sb;
        model.data_offset = pattern->data_offset;
        model.sector = pattern->record_sector;
        EMD_TRY(place_v1(member, model, shape_.component_sectors));
        member.block = spare_v1(pattern->block, member);
        const V1 own = EMD_TRY(decode_v1(member.block, member.record_sector, member.sectors));
        member.log = BadLog(own, member.sectors, member.sector_bytes);
        member.ppl_offset = own.ppl_offset;
        member.ppl_sectors = own.ppl_sectors;
    } else {
        EMD_TRY(place_v090(member, shape_.component_sectors));
        member.block = pattern->block;
    }
    if (bitmap_ && member.record_sector != pattern->record_sector)
        return fail(Errc::Refused, "{} has another size than the array's disks, so the bitmap would lie elsewhere on it than on them", disk.path);
    return member;
}

Result<> MdMetadata::enroll(Member member)
{
    std::erase_if(members_, [&](const Member &m) { return m.present && m.dev == member.dev; });  // it had failed
    make_room(member.number);
    const auto after = std::ranges::find_if(members_, [&](const Member &m) { return m.number > member.number; });
    members_.insert(after, std::move(member));
    return {};
}

Result<> MdMetadata::on(const change::SpareAdded &change)
{
    return enroll(EMD_TRY(new_member(change.disk)));
}

Result<> MdMetadata::on(const change::DiskRemoved &change)
{
    const Member &member = *EMD_TRY(member_at(change.disk));
    if (member.state != Member::State::Spare && member.state != Member::State::Failed)
        return fail(Errc::Busy, "{} is a member of the array; it can be removed after it has failed", member.path);
    members_.erase(members_.begin() + change.disk);
    return {};
}

// Who is not here any more gives up what the table says of him.
void MdMetadata::refresh_roles()
{
    for (std::uint16_t &role : record_.roles)
        if (role < kRoleJournal)
            role = kRoleFaulty;
    for (const Member &member : members_) {
        if (member.number >= record_.roles.size())
            continue;
        std::uint16_t &role = record_.roles[member.number];
        role = member.state == Member::State::Failed ? kRoleFaulty : member.placed() ? static_cast<std::uint16_t>(member.slot) : kRoleSpare;
    }
}

std::vector<Image> MdMetadata::prepare() const
{
    std::vector<Image> images;
    if (!refused_.empty())
        return images;
    for (std::size_t i = 0; i < members_.size(); i++)
        if (members_[i].writable()) {
            Image image;
            image.disk = static_cast<int>(i);
            image.offset_bytes = members_[i].record_sector * 512;
            image.bytes.resize(kBlockBytes);
            images.push_back(std::move(image));
            if (bitmap_ && bitmap_->fresh)
                images.push_back(bitmap_image(i));
        }
    prepare_logs(images);
    return images;
}

// Without a change everything is written as it is. Arrays without redundancy are written once, when they are made, reshaped or taken over:
// nothing else can happen to them that md has a record of.
void MdMetadata::encode(std::span<Image> images)
{
    // Who is one change behind gets the roles and the number of the others, and not back what he had.
    const bool behind = std::ranges::any_of(members_, [](const Member &m) { return m.writable() && m.behind; });
    if ((changed_ || behind) && recorded()) {
        record_.events += events_;
        record_.updated = static_cast<std::uint64_t>(std::time(nullptr));
        refresh_roles();
        for (Member &member : members_)
            if (member.writable())
                write_block(member);
    }
    const unsigned first = encode_logs(images) ? BadLog::kPhases : 0;
    for (Image &image : images) {
        const auto disk = static_cast<std::size_t>(image.disk);
        if (disk < members_.size() && members_[disk].log.holds(image.offset_bytes))
            continue;
        image.active = disk < members_.size() && members_[disk].writable();
        if (!image.active)
            continue;
        Member &member = members_[disk];
        if (fill_bitmap(image))
            continue;
        const bool early = member.state == Member::State::Recovering || member.joining;
        image.phase = first + (bitmap_ && bitmap_->fresh) + (early ? 0 : member.state == Member::State::Spare && member.given_up ? 2 : 1);
        if (member.state == Member::State::Spare && !record_.redundant)  // takeover.cc says why
            std::ranges::fill(image.bytes, std::byte{0});
        else
            std::ranges::copy(member.block, image.bytes.begin());
        member.behind = member.retold = false;
    }
    changed_ = taken_over_ = false;
    events_ = 0;
    view_.sequence = record_.events;
    view_.uneven = recorded() && std::ranges::any_of(members_, [](const Member &m) { return m.writable() && m.behind; });
}

void MdMetadata::write_block(Member &member) const
{
    if (const V1 *sb = v1(); sb && reshaped_)
        put_shape(member.block, *sb, member);
    if (const V1 *sb = v1(); sb && taken_over_)
        put_level(member.block, *sb, member);
    if (v1())
        put_v1(member.block, record_, member);
    else
        put_v090(member.block, record_, member, members_, shape_.raid_disks);
}

}  // namespace emd::md
