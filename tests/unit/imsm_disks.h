// SPDX-License-Identifier: GPL-2.0-only
// Disks in memory with an IMSM container on them, for tests.
#pragma once

#include "libemd/format/imsm/imsm.h"
#include "libemd/format/imsm/metadata.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace emd::imsm {

// A disk of which only the end exists, which is where IMSM lives; the rest reads as zeros.
struct TailDisk final : Medium {
    static constexpr std::size_t kTail = 1 << 17;

    std::string name, serial_number;
    std::uint64_t size = 0;
    std::vector<std::byte> bytes = std::vector<std::byte>(kTail);
    unsigned logical_sector = 512;
    bool is_partition = false;
    DevNum number;

    const std::string &path() const override { return name; }
    DevNum dev() const override { return number; }
    std::uint64_t size_bytes() const override { return size; }
    unsigned sector_bytes() const override { return logical_sector; }
    bool partition() const override { return is_partition; }
    std::string serial() const override { return serial_number; }
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const override
    {
        if (offset_bytes + out.size() > size)
            return fail(Errc::Io, "reading {}: it ends at byte {}", name, size);
        const std::uint64_t tail = size - kTail;
        const std::size_t zeros = offset_bytes < tail ? std::min<std::uint64_t>(out.size(), tail - offset_bytes) : 0;
        std::ranges::fill(out.first(zeros), std::byte{0});
        if (zeros < out.size())
            std::ranges::copy(Bytes(bytes).subspan(offset_bytes + zeros - tail, out.size() - zeros), out.begin() + static_cast<std::ptrdiff_t>(zeros));
        return {};
    }
};

class Disks {
public:
    explicit Disks(unsigned count, std::uint64_t sectors = 65536, unsigned sector_bytes = 512)
    {
        for (unsigned i = 0; i < count; i++)
            add(sectors, sector_bytes);
    }

    TailDisk &add(std::uint64_t sectors = 65536, unsigned sector_bytes = 512)
    {
        auto disk = std::make_unique<TailDisk>();
        disk->name = fmt::format("/dev/disk{}", disks_.size());
        disk->serial_number = fmt::format("SERIAL-disk{}", disks_.size());
        disk->size = sectors * 512;
        disk->logical_sector = sector_bytes;
        disk->number = {8, static_cast<unsigned>(16 * disks_.size())};
        disks_.push_back(std::move(disk));
        return *disks_.back();
    }

    TailDisk &operator[](std::size_t i) { return *disks_[i]; }
    std::size_t size() const { return disks_.size(); }

    std::vector<const Medium *> media() const
    {
        std::vector<const Medium *> all;
        for (const auto &disk : disks_)
            all.push_back(disk.get());
        return all;
    }
    std::vector<const Medium *> media(std::initializer_list<std::size_t> which) const
    {
        std::vector<const Medium *> some;
        for (const std::size_t i : which)
            some.push_back(disks_[i].get());
        return some;
    }

    std::unique_ptr<Metadata> create(std::size_t count)
    {
        auto all = media();
        all.resize(count);
        auto created = imsm().create(all);
        EXPECT_TRUE(created) << created.error().text();
        return std::move(*created);
    }

    std::unique_ptr<ImsmMetadata> load() const { return load(media()); }
    static std::unique_ptr<ImsmMetadata> load(const std::vector<const Medium *> &media)
    {
        auto loaded = load_container(media);
        EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().text());
        return loaded ? std::move(*loaded) : nullptr;
    }

    // Write the present state; of all active images in order of phase, only the first `limit`.
    void write(Metadata &metadata, std::size_t limit = SIZE_MAX)
    {
        std::vector<Image> images = metadata.prepare();
        metadata.encode(images);
        std::erase_if(images, [](const Image &image) { return !image.active; });
        std::ranges::stable_sort(images, {}, &Image::phase);
        written_ = images.size();
        for (std::size_t i = 0; i < std::min(limit, images.size()); i++)
            put(metadata.view().disks[static_cast<std::size_t>(images[i].disk)].path, images[i]);
    }
    std::size_t written() const { return written_; }  // images of the last write()

    void put(const std::string &path, const Image &image)
    {
        for (auto &disk : disks_)
            if (disk->path() == path) {
                ASSERT_LE(image.offset_bytes + image.bytes.size(), disk->size);
                ASSERT_GE(image.offset_bytes, disk->size - TailDisk::kTail);
                ASSERT_EQ(image.offset_bytes % disk->sector_bytes(), 0u);
                ASSERT_EQ(image.bytes.size() % disk->sector_bytes(), 0u);
                const std::uint64_t at = image.offset_bytes - (disk->size - TailDisk::kTail);
                std::ranges::copy(image.bytes, disk->bytes.begin() + static_cast<std::ptrdiff_t>(at));
            }
    }

    // Everything as it is now, to come back to.
    std::vector<std::vector<std::byte>> save() const
    {
        std::vector<std::vector<std::byte>> all;
        for (const auto &disk : disks_)
            all.push_back(disk->bytes);
        return all;
    }
    void restore(const std::vector<std::vector<std::byte>> &saved)
    {
        for (std::size_t i = 0; i < saved.size(); i++)
            disks_[i]->bytes = saved[i];
    }

private:
    std::vector<std::unique_ptr<TailDisk>> disks_;
    std::size_t written_ = 0;
};

inline change::VolumeCreated volume(std::string name, int level, std::vector<int> slots, std::uint64_t limit = 0)
{
    change::VolumeCreated created;
    created.name = std::move(name);
    created.shape.level = level;
    created.shape.layout = layout_of(level);
    created.shape.raid_disks = static_cast<std::uint32_t>(slots.size());
    created.shape.chunk_sectors = level == 1 ? 0 : 128;
    created.slots = std::move(slots);
    created.component_limit = limit;
    return created;
}

// What is on the disks is what the object says, except for `sequence` of an object that was changed without a write.
inline void expect_same(const Container &memory, const Container &loaded)
{
    EXPECT_EQ(memory.uuid, loaded.uuid);
    EXPECT_EQ(memory.sequence, loaded.sequence);
    EXPECT_EQ(memory.bad.size(), loaded.bad.size());
    ASSERT_LE(loaded.disks.size(), memory.disks.size());
    for (std::size_t i = 0; i < loaded.disks.size(); i++)  // a number means the same disk to both
        EXPECT_EQ(memory.disks[i].path, loaded.disks[i].path) << "disk " << i;
    ASSERT_EQ(memory.volumes.size(), loaded.volumes.size());
    for (std::size_t i = 0; i < memory.volumes.size(); i++) {
        const Volume &a = memory.volumes[i], &b = loaded.volumes[i];
        EXPECT_EQ(a.name, b.name);
        EXPECT_EQ(a.uuid, b.uuid);
        EXPECT_EQ(a.shape, b.shape);
        EXPECT_EQ(a.array_sectors, b.array_sectors);
        EXPECT_EQ(a.dirty, b.dirty);
        EXPECT_EQ(a.initialised, b.initialised);
        EXPECT_EQ(a.activity, b.activity);
        EXPECT_EQ(a.checkpoint, b.checkpoint);
        EXPECT_EQ(a.refused, b.refused);
        EXPECT_EQ(health(a), health(b));
        ASSERT_EQ(a.slots.size(), b.slots.size());
        for (std::size_t slot = 0; slot < a.slots.size(); slot++) {
            const Disk &of_a = memory.disks[static_cast<std::size_t>(a.slots[slot].disk)];
            const Disk &of_b = loaded.disks[static_cast<std::size_t>(b.slots[slot].disk)];
            EXPECT_EQ(a.slots[slot].in_sync, b.slots[slot].in_sync) << "slot " << slot;
            EXPECT_EQ(of_a.serial, of_b.serial);
            EXPECT_EQ(of_a.path, of_b.path);
        }
        ASSERT_EQ(a.reshape.has_value(), b.reshape.has_value());
        if (a.reshape) {
            EXPECT_EQ(a.reshape->target, b.reshape->target);
            EXPECT_EQ(a.reshape->position, b.reshape->position);
            EXPECT_EQ(a.reshape->unit, b.reshape->unit);
            EXPECT_EQ(a.reshape->backup_live, b.reshape->backup_live);
            EXPECT_EQ(a.reshape->backup_member_start, b.reshape->backup_member_start);
        }
    }
}

}  // namespace emd::imsm
