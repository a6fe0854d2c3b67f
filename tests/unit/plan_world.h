// SPDX-License-Identifier: GPL-2.0-only
// Containers for tests of plans, written down as a format would report them.
#pragma once

#include "libemd/plan/grow.h"

namespace emd::plan {

constexpr std::uint64_t kDisk = 262144;       // sectors: 128 MiB
constexpr std::uint64_t kComponent = 131072;  // sectors per member: 64 MiB

inline Disk disk(char letter, DiskState state, std::uint64_t sectors = kDisk)
{
    Disk d;
    d.serial = std::string("SERIAL-") + letter;
    d.sectors = sectors;
    d.state = state;
    d.present = true;
    d.dev = {8, 16u * static_cast<unsigned>(letter - 'a')};
    d.path = std::string("/dev/sd") + letter;
    return d;
}

inline Volume raid5(unsigned index, std::string name, std::uint32_t members, std::uint64_t offset = 0)
{
    Volume v;
    v.index = index;
    v.name = std::move(name);
    v.shape = {5, 0, members, 128, kComponent};
    v.data_offset = offset;
    v.array_sectors = array_sectors(v.shape);
    for (std::uint32_t i = 0; i < members; i++)
        v.slots.push_back({static_cast<int>(i), true});
    return v;
}

// Three members, one volume, `spares` spares behind them.
inline Container three_disks(unsigned spares)
{
    Container c;
    c.sequence = 7;
    for (char letter = 'a'; letter < 'd'; letter++)
        c.disks.push_back(disk(letter, DiskState::Active));
    for (unsigned i = 0; i < spares; i++)
        c.disks.push_back(disk(static_cast<char>('d' + i), DiskState::Spare));
    c.volumes.push_back(raid5(0, "vol0", 3));
    return c;
}

inline Limits limits()
{
    Limits l;
    l.max_volumes = 2;
    l.levels = {0, 1, 5, 10};
    l.min_chunk_sectors = 8;
    l.max_chunk_sectors = 2048;
    l.name_length = 16;
    l.reshape = true;
    return l;
}

inline Running running(std::initializer_list<RunningVolume> volumes = {{0, "emd126", "clean", "idle", 0, false}})
{
    return {"emd127", volumes};
}

// A format that takes every change.
inline Express records_on(const Container &now)
{
    return [now](const Change &change) -> Result<Container> {
        Container after = now;
        if (const auto *start = std::get_if<change::ReshapeStarted>(&change)) {
            Volume &v = after.volumes.at(start->volume);
            ReshapeRecord r;
            r.target = start->target;
            r.target_slots = v.slots;
            for (const int d : start->new_disks)
                r.target_slots.push_back({d, true});
            r.unit = 6144;
            r.backup_member_start = kDisk - 2209;
            r.backup_member_sectors = 2048;
            v.reshape = r;
        }
        if (const auto *takeover = std::get_if<change::Takeover>(&change)) {
            after.volumes.at(takeover->volume).shape = takeover->target;
            after.volumes.at(takeover->volume).slots = takeover->slots;
        }
        if (const auto *create = std::get_if<change::VolumeCreated>(&change)) {
            Volume v = raid5(static_cast<unsigned>(after.volumes.size()), create->name, create->shape.raid_disks);
            v.shape.level = create->shape.level;
            v.shape.chunk_sectors = create->shape.chunk_sectors;
            for (std::size_t i = 0; i < v.slots.size(); i++)
                v.slots[i] = {create->slots[i], create->slots[i] >= 0};
            v.initialised = create->assume_clean;
            v.array_sectors = array_sectors(v.shape);
            after.volumes.push_back(v);
        }
        return after;
    };
}

}  // namespace emd::plan
