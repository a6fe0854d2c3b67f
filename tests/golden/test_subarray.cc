// SPDX-License-Identifier: GPL-2.0-only
// Containers of another implementation with two volumes: one of them is deleted or renamed, and the other knows nothing of it.
#include "golden/golden.h"

#include "libemd/report/json.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace emd::golden {
namespace {

// Copies of the disks of a case, to be written.
class Copies {
public:
    explicit Copies(const std::string &name)
    {
        const auto of = load_case(name);
        format_ = find_format(of->expected["format"].get<std::string>());
        for (const auto &disk : of->disks)
            disks_.push_back(std::make_unique<BufferMedium>(*disk));
    }

    std::unique_ptr<Metadata> load() const
    {
        std::vector<const Medium *> media;
        for (const auto &disk : disks_)
            media.push_back(disk.get());
        return load(media);
    }
    std::unique_ptr<Metadata> load(const std::vector<const Medium *> &media) const
    {
        auto loaded = format_->load(media);
        EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().text());
        return loaded ? std::move(*loaded) : nullptr;
    }

    void change(Metadata &container, const Change &change)
    {
        const auto done = container.apply(change);
        ASSERT_TRUE(done) << done.error().text();
        std::vector<Image> images = container.prepare();
        container.encode(images);
        std::ranges::stable_sort(images, {}, &Image::phase);
        for (const Image &image : images)
            if (image.active) {
                const auto disk = std::ranges::find(disks_, container.view().disks.at(static_cast<std::size_t>(image.disk)).path,
                                                    [](const auto &d) { return d->path(); });
                ASSERT_NE(disk, disks_.end());
                std::ranges::copy(image.bytes, (*disk)->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
            }
    }

    // Each disk can be read, and what they say together is what the object says.
    void expect_sound(const Metadata &container) const
    {
        for (const auto &disk : disks_) {
            const auto probe = format_->probe(*disk);
            ASSERT_TRUE(probe) << probe.error().text();
            EXPECT_TRUE(probe->found);
            EXPECT_TRUE(format_->examine(*disk));
        }
        const auto loaded = load();
        ASSERT_TRUE(loaded);
        EXPECT_FALSE(loaded->view().uneven);
        Json here = to_json(container.view())["volumes"], there = to_json(loaded->view())["volumes"];
        EXPECT_EQ(here, there);
    }

    const auto &disks() const { return disks_; }

private:
    const Format *format_ = nullptr;
    std::vector<std::unique_ptr<BufferMedium>> disks_;
};

// Without what the format makes of its number.
Json without_number(const Volume &volume)
{
    Json json = to_json(volume);
    json.erase("index");
    json.erase("uuid");
    return json;
}

class Subarray : public testing::TestWithParam<const char *> {};

TEST_P(Subarray, TheOtherVolumeIsAsItWas)
{
    for (const std::size_t gone : {0u, 1u}) {
        Copies copies(GetParam());
        const auto container = copies.load();
        ASSERT_EQ(container->view().volumes.size(), 2u);
        const Volume other = container->view().volumes[1 - gone];
        const bool numbered = container->view().format == FormatId::Imsm;
        copies.change(*container, change::VolumeDeleted{static_cast<unsigned>(gone)});
        ASSERT_EQ(container->view().volumes.size(), 1u);
        const Volume &left = container->view().volumes[0];
        EXPECT_EQ(without_number(left), without_number(other));
        EXPECT_EQ(left.index, numbered ? 0u : other.index);
        EXPECT_EQ(left.uuid == other.uuid, !numbered || gone == 1) << "IMSM makes it of the number";
        copies.expect_sound(*container);
    }
}

TEST_P(Subarray, OneNameIsAnother)
{
    Copies copies(GetParam());
    const auto container = copies.load();
    const Json before = to_json(container->view())["volumes"];
    copies.change(*container, change::VolumeRenamed{container->view().volumes[1].index, "a-new_name.16byt"});
    Json after = to_json(container->view())["volumes"];
    EXPECT_EQ(after[0], before[0]);
    EXPECT_EQ(after[1]["name"], "a-new_name.16byt");
    after[1]["name"] = before[1]["name"];
    after[1]["uuid"] = before[1]["uuid"];
    EXPECT_EQ(after[1], before[1]);
    copies.expect_sound(*container);
}

TEST_P(Subarray, WithoutVolumesTheDisksAreSpares)
{
    Copies copies(GetParam());
    const auto container = copies.load();
    while (!container->view().volumes.empty())
        copies.change(*container, change::VolumeDeleted{container->view().volumes.back().index});
    copies.expect_sound(*container);
    for (const Disk &disk : container->view().disks)
        EXPECT_EQ(disk.state, DiskState::Spare) << disk.path;
    for (const auto &disk : copies.disks())
        EXPECT_TRUE(copies.load({disk.get()})->view().volumes.empty()) << disk->path();
}

INSTANTIATE_TEST_SUITE_P(Golden, Subarray, testing::Values("imsm-matrix-raid0-raid5", "imsm-v46-matrix-raid5-raid5", "ddf-multi-raid5-raid1-spare"),
                         [](const auto &info) { return test_name(info.param); });

}  // namespace
}  // namespace emd::golden
