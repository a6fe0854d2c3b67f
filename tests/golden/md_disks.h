// SPDX-License-Identifier: GPL-2.0-only
// Disks of an array of md, from a case or new, that changes of its metadata are written to.
#pragma once

#include "golden/golden.h"

#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v090_words.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/rescue/array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace emd::md {

template <OnDisk T>
void put(Block &block, std::size_t at, T value)
{
    ASSERT_TRUE(write_at(block, at, value));
}

// Each sector of an array says which it is.
inline void expect_numbered(const Result<rescue::Array> &array, std::uint64_t sectors)
{
    ASSERT_TRUE(array) << array.error().text();
    ASSERT_GE(array->sectors(), sectors);
    std::vector<std::byte> data(sectors * 512);
    std::vector<rescue::Lost> lost;
    array->read(0, data, lost);
    EXPECT_TRUE(lost.empty());
    std::uint64_t wrong = 0;
    for (std::uint64_t sector = 0; sector < sectors; sector++)
        wrong += read_at<Le64>(data, sector * 512)->get() != sector + 1;
    EXPECT_EQ(wrong, 0u);
}

// The disks of a case, in copies that can be written, and the array on them.
class Disks {
public:
    explicit Disks(const char *name, std::vector<unsigned> images = {})
    {
        const auto of = golden::load_case(name);
        for (unsigned i = 0; i < of->disks.size(); i++)
            if (images.empty() || std::ranges::count(images, i))
                disks_.push_back(std::make_unique<BufferMedium>(of->disks[i]->name, "", of->disks[i]->bytes));
        array = load();
    }
    // A new array: the last `spares` of the disks are spares.
    Disks(const NewArray &like, std::size_t count, std::size_t spares, std::uint64_t sectors)
    {
        NewArray want = like;
        for (std::size_t i = 0; i < count; i++) {
            add_blank(fmt::format("d{}", i), sectors * 512);
            disks_.back()->number = {8, static_cast<unsigned>(16 * i)};
            (i < count - spares ? want.members : want.spares).push_back(disks_.back().get());
        }
        want.shape.raid_disks = static_cast<std::uint32_t>(want.members.size());
        auto made = md_format().create_array(want);
        EXPECT_TRUE(made) << made.error().text();
        array.reset(static_cast<MdMetadata *>(made->release()));
        store();
        array = load();
    }
    std::unique_ptr<MdMetadata> load(std::optional<std::size_t> without = {}) const
    {
        std::vector<const Medium *> media;
        for (std::size_t i = 0; i < disks_.size(); i++)
            if (i != without)
                media.push_back(disks_[i].get());
        auto loaded = load_array(media);
        EXPECT_TRUE(loaded) << loaded.error().text();
        return std::move(*loaded);
    }
    // Applies, and writes the first `phases` phases.
    void change(const Change &change, unsigned phases = 99)
    {
        const auto done = array->apply(change);
        ASSERT_TRUE(done) << done.error().text();
        std::vector<Image> images = array->prepare();
        array->encode(images);
        for (const Image &image : images)
            if (image.active && image.phase < phases)
                write(array->view().disks.at(static_cast<std::size_t>(image.disk)).path, image);
    }
    // Of a change that is cut short: only the first `images` that are written, in the order of their phases.
    void change_in_part(const Change &change, std::size_t images)
    {
        const auto done = array->apply(change);
        ASSERT_TRUE(done) << done.error().text();
        std::vector<Image> all = array->prepare();
        array->encode(all);
        std::ranges::stable_sort(all, {}, &Image::phase);
        for (const Image &image : all)
            if (image.active && images > 0) {
                write(array->view().disks.at(static_cast<std::size_t>(image.disk)).path, image);
                images--;
            }
    }
    // What is known is written as it is.
    void store()
    {
        store_in_part(99, {});
        array->stored();
    }
    // The same, cut short: so many images, in the order of their phases, and of the one behind them only the sectors of `torn`: [first, second).
    // The number of images that there are.
    std::size_t store_in_part(std::size_t images, std::pair<std::size_t, std::size_t> torn)
    {
        std::vector<Image> all = array->prepare();
        array->encode(all);
        std::erase_if(all, [](const Image &image) { return !image.active; });
        std::ranges::stable_sort(all, {}, &Image::phase);
        for (std::size_t i = 0; i < all.size() && i <= images; i++) {
            Image piece = all[i];
            if (i == images) {
                piece.offset_bytes += torn.first * 512;
                piece.bytes = {all[i].bytes.begin() + static_cast<std::ptrdiff_t>(torn.first * 512),
                               all[i].bytes.begin() + static_cast<std::ptrdiff_t>(torn.second * 512)};
            }
            write(array->view().disks.at(static_cast<std::size_t>(piece.disk)).path, piece);
        }
        return all.size();
    }
    bool has_superblock(std::size_t disk) const { return read_superblock(*disks_.at(disk)).has_value(); }
    void add_blank(const std::string &name, std::size_t bytes)
    {
        disks_.push_back(std::make_unique<BufferMedium>(name, "", std::vector<std::byte>(bytes)));
        disks_.back()->number = {9, static_cast<unsigned>(disks_.size())};
    }
    // What stands on a disk, with a right checksum again. Read anew with load().
    void edit(std::size_t disk, const std::function<void(Block &)> &change)
    {
        std::vector<std::byte> &bytes = disks_.at(disk)->bytes;
        const Superblock sb = *read_superblock(*disks_[disk]);
        const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(std::visit([](const auto &s) { return s.sector; }, sb) * 512);
        Block block(at, at + kBlockBytes);
        change(block);
        if (std::holds_alternative<V090>(sb))
            put(block, 4 * kSum, Le32(checksum_v090(words_of(block, Endian::Little))));
        else
            put(block, offsetof(V1Bytes, checksum),
                Le32(checksum_v1(block, sizeof(V1Bytes) + 2 * read_at<Le32>(block, offsetof(V1Bytes, max_dev))->get())));
        std::ranges::copy(block, at);
    }
    void without_bitmap()
    {
        for (std::size_t i = 0; i < disks_.size(); i++)
            edit(i, [](Block &block) { put(block, 4 * kState, Le32(read_at<Le32>(block, 4 * kState)->get() & ~V090::kHasBitmap)); });
        array = load();
    }
    int index_of(const std::string &path) const
    {
        const auto &all = array->view().disks;
        return static_cast<int>(std::ranges::find(all, path, &Disk::path) - all.begin());
    }
    // What a new reader says of an image.
    Disk after(std::size_t image) const
    {
        const auto loaded = load();
        return *std::ranges::find(loaded->view().disks, disks_.at(image)->path(), &Disk::path);
    }
    std::size_t bytes() const { return disks_[0]->bytes.size(); }
    std::vector<std::byte> &content(std::size_t disk) { return disks_.at(disk)->bytes; }
    const Medium &medium(std::size_t disk) const { return *disks_.at(disk); }
    std::size_t count() const { return disks_.size(); }
    V1 v1(std::size_t disk) const { return std::get<V1>(*read_superblock(*disks_.at(disk))); }
    V090 v090(std::size_t disk) const { return std::get<V090>(*read_superblock(*disks_.at(disk))); }
    const Volume &volume() const { return array->view().volumes[0]; }

    std::unique_ptr<MdMetadata> array;

private:
    void write(const std::string &path, const Image &image)
    {
        for (const auto &disk : disks_)
            if (disk->path() == path)
                std::copy(image.bytes.begin(), image.bytes.end(), disk->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
    }
    std::vector<std::unique_ptr<BufferMedium>> disks_;
};

inline Disk spare(const std::string &path, std::uint64_t bytes)
{
    Disk disk;
    disk.path = path;
    disk.present = true;
    disk.dev = {8, 77};
    disk.sectors = bytes / 512;
    return disk;
}

}  // namespace emd::md
