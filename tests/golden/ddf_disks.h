// SPDX-License-Identifier: GPL-2.0-only
// DDF disks that can be written: what happens to a container in memory, and lies with right checksums.
#pragma once

#include "golden/golden.h"

#include "libemd/format/ddf/ddf.h"
#include "libemd/format/ddf/metadata.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace emd::ddf {

// Copies of the disks of a case.
class DdfDisks {
public:
    explicit DdfDisks(const char *name)
    {
        const auto of = golden::load_case(name);
        for (const auto &disk : of->disks)
            disks.push_back(std::make_unique<BufferMedium>(disk->name, "", disk->bytes));
        for (std::size_t i = 0; i < disks.size(); i++)
            disks[i]->number = {8, static_cast<unsigned>(16 * (i + 1))};
    }
    std::vector<const Medium *> media() const
    {
        std::vector<const Medium *> all;
        for (const auto &disk : disks)
            all.push_back(disk.get());
        return all;
    }
    std::unique_ptr<DdfMetadata> load(std::vector<std::size_t> some = {}) const
    {
        std::vector<const Medium *> these;
        for (std::size_t i = 0; i < disks.size(); i++)
            if (some.empty() || std::ranges::count(some, i))
                these.push_back(disks[i].get());
        auto loaded = load_container(these);
        EXPECT_TRUE(loaded) << loaded.error().text();
        return loaded ? std::move(*loaded) : nullptr;
    }
    std::byte *at(std::size_t disk, std::uint64_t sector) { return disks.at(disk)->bytes.data() + sector * kSector; }
    std::uint64_t header_sector(std::size_t disk, HeaderType type)
    {
        const std::uint64_t last = disks.at(disk)->bytes.size() / kSector - 1;
        const auto anchor = *read_at<HeaderBytes>(disks[disk]->bytes, last * kSector);
        return type == kAnchor ? last : type == kPrimary ? anchor.primary.get() : anchor.secondary.get();
    }
    // Changes a header, and makes its sum right.
    void edit_header(std::size_t disk, HeaderType type, const std::function<void(HeaderBytes &)> &change)
    {
        const MutableBytes sector(at(disk, header_sector(disk, type)), kSector);
        HeaderBytes header = *read_at<HeaderBytes>(sector, 0);
        change(header);
        ASSERT_TRUE(write_at(sector, 0, header));
        seal(sector);
    }
    MutableBytes section(std::size_t disk, HeaderType type, Section id)
    {
        const std::uint64_t lba = header_sector(disk, type);
        const auto header = *read_at<HeaderBytes>(Bytes(at(disk, lba), kSector), 0);
        return {at(disk, lba + header.sections[id].offset.get()), header.sections[id].length.get() * kSector};
    }
    // Of both structures. Of configuration records the first is changed.
    void edit_section(std::size_t disk, Section id, const std::function<void(MutableBytes)> &change)
    {
        for (const HeaderType type : {kPrimary, kSecondary}) {
            const auto header = *read_at<HeaderBytes>(Bytes(at(disk, header_sector(disk, type)), kSector), 0);
            MutableBytes block = section(disk, type, id);
            if (id == kConfigs)
                block = block.first(header.record_sectors.get() * kSector);
            change(block);
            seal(block);
        }
    }

    std::vector<std::unique_ptr<BufferMedium>> disks;
};

}  // namespace emd::ddf
