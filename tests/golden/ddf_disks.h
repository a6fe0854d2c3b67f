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
    // Blank ones.
    explicit DdfDisks(const std::vector<std::uint64_t> &sectors)
    {
        for (const std::uint64_t n : sectors) {
            disks.push_back(std::make_unique<BufferMedium>(fmt::format("d{}", disks.size()), "", std::vector<std::byte>(n * kSector)));
            disks.back()->number = {8, static_cast<unsigned>(16 * disks.size())};
        }
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

    // What is to be written, in the order in which it reaches the disks; within a phase as encoded, or the other way round.
    static std::vector<Image> writes(DdfMetadata &container, bool backwards = false)
    {
        std::vector<Image> images = container.prepare();
        container.encode(images);
        std::erase_if(images, [](const Image &image) { return !image.active; });
        if (backwards)
            std::ranges::reverse(images);
        std::ranges::stable_sort(images, {}, &Image::phase);
        return images;
    }
    // What it goes over. Empty: its disk is not here.
    MutableBytes under(const Container &view, const Image &image)
    {
        const auto disk = std::ranges::find(disks, view.disks.at(static_cast<std::size_t>(image.disk)).path, [](const auto &d) { return d->path(); });
        return disk == disks.end() ? MutableBytes() : MutableBytes((*disk)->bytes).subspan(image.offset_bytes, image.bytes.size());
    }
    // `bytes` less than all: the write was cut short.
    void write(const Container &view, const Image &image, std::size_t bytes = ~std::size_t{0})
    {
        const MutableBytes place = under(view, image);
        std::copy_n(image.bytes.begin(), std::min(bytes, place.size()), place.begin());
    }
    // Applies a change, and writes all of it.
    void change(DdfMetadata &container, const Change &change)
    {
        const auto done = container.apply(change);
        ASSERT_TRUE(done) << done.error().text();
        for (const Image &image : writes(container))
            write(container.view(), image);
    }
    // A blank disk, as large as the others.
    Disk add_blank(const std::string &name)
    {
        disks.push_back(std::make_unique<BufferMedium>(name, "", std::vector<std::byte>(disks[0]->bytes.size())));
        disks.back()->number = {8, static_cast<unsigned>(16 * disks.size())};
        Disk disk;
        disk.sectors = disks.back()->bytes.size() / kSector;
        disk.present = true;
        disk.dev = disks.back()->number;
        disk.path = name;
        return disk;
    }

    std::vector<std::unique_ptr<BufferMedium>> disks;
};

}  // namespace emd::ddf
