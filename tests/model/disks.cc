// SPDX-License-Identifier: GPL-2.0-only
#include "disks.h"

#include "core/emd_geometry.h"
#include "core/emd_reshape_math.h"

#include <algorithm>
#include <cstring>

namespace emd::model {
namespace {

struct RecordBytes {
    std::uint64_t position;
    std::uint32_t backup_live, finished;
};

Shape shape_of(const emd_geometry &g)
{
    return {g.level, g.layout, g.raid_disks, g.chunk_sectors, g.member_sectors};
}

}  // namespace

Disks::Disks(const Scenario &s)
{
    const std::uint64_t member = std::max(s.from.member_sectors, s.to.member_sectors);
    copy_sectors_ = s.unit / emd_geometry_data_disks(&s.to);
    copy_area_ = kDataOffset + member;
    record_sector_ = copy_area_ + copy_sectors_;
    for (std::uint32_t i = 0; i < std::max({s.from.raid_disks, s.to.raid_disks, std::uint32_t{kCopies}}); i++)
        disks_.emplace_back(record_sector_ + 1);
}

Record Disks::record(int copy) const
{
    RecordBytes bytes;
    std::memcpy(&bytes, disks_[static_cast<std::size_t>(copy)].read(record_sector_, 1).data(), sizeof bytes);
    return {bytes.position, bytes.backup_live != 0, bytes.finished != 0};
}

void Disks::write_record(int copy, const Record &r)
{
    std::array<std::byte, FakeDisk::kSectorBytes> sector{};
    const RecordBytes bytes{r.position, r.backup_live, r.finished};
    std::memcpy(sector.data(), &bytes, sizeof bytes);
    disks_[static_cast<std::size_t>(copy)].write(record_sector_, sector);
}

Container Disks::container(const Scenario &s, int copy) const
{
    const Record r = record(copy);
    Container c;
    for (std::size_t i = 0; i < disks_.size(); i++) {
        Disk disk;
        disk.path = "disk" + std::to_string(i);
        disk.present = true;
        disk.state = DiskState::Active;
        c.disks.push_back(disk);
    }
    Volume v;
    v.name = "model";
    v.shape = shape_of(s.from);
    v.data_offset = kDataOffset;
    v.array_sectors = s.visible;
    ReshapeRecord reshape;
    reshape.target = shape_of(s.to);
    for (std::uint32_t i = 0; i < s.to.raid_disks; i++)
        reshape.target_slots.push_back({static_cast<int>(i), true});
    reshape.position = r.position;
    reshape.unit = s.unit;
    reshape.backward = s.backward;
    reshape.backup_live = r.backup_live;
    reshape.backup_member_start = copy_area_;
    reshape.backup_member_sectors = copy_sectors_;
    v.activity = Activity::Reshape;
    v.reshape = reshape;
    c.volumes.push_back(v);
    return c;
}

Disks Disks::after_power_cut(const FakeDisk::Choose &choose) const
{
    Disks after;
    after.copy_area_ = copy_area_;
    after.copy_sectors_ = copy_sectors_;
    after.record_sector_ = record_sector_;
    std::size_t base = 0;
    for (const FakeDisk &disk : disks_) {
        after.disks_.push_back(disk.after_power_cut(
            [&](std::size_t nth, std::size_t versions) { return choose(base + nth, versions); }));
        base += disk.unflushed();
    }
    return after;
}

void Disks::flush_all()
{
    for (FakeDisk &disk : disks_)
        disk.flush();
}

std::size_t Disks::unflushed() const
{
    std::size_t n = 0;
    for (const FakeDisk &disk : disks_)
        n += disk.unflushed();
    return n;
}

std::uint64_t Disks::changes() const
{
    std::uint64_t n = 0;
    for (const FakeDisk &disk : disks_)
        n += disk.changes();
    return n;
}

}  // namespace emd::model
