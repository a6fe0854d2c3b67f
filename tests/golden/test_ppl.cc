// SPDX-License-Identifier: GPL-2.0-only
// The partial parity log as the peer leaves it: found, read, used, and given up.
#include "golden/golden.h"
#include "golden/volume_reader.h"

#include "libemd/plan/assemble.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace emd::golden {
namespace {

class Target final : public reshape::Target {
public:
    explicit Target(BufferMedium &medium) : medium_(medium) {}
    Result<> read(std::uint64_t at, std::span<std::byte> out) override { return medium_.read(at, out); }
    Result<> write(std::uint64_t at, std::span<const std::byte> data) override
    {
        std::ranges::copy(data, medium_.bytes.begin() + static_cast<std::ptrdiff_t>(at));
        return {};
    }
    Result<> flush() override { return {}; }

private:
    BufferMedium &medium_;
};

// Copies of a case's disks, without one of them.
class Disks {
public:
    explicit Disks(const char *name, int without = -1) : case_(load_case(name))
    {
        for (std::size_t i = 0; i < case_->disks.size(); i++)
            if (static_cast<int>(i) != without)
                disks_.push_back(std::make_unique<BufferMedium>(case_->disks[i]->name, case_->disks[i]->serial(), case_->disks[i]->bytes));
        load();
    }
    void load()
    {
        std::vector<const Medium *> media;
        for (const auto &disk : disks_)
            media.push_back(disk.get());
        const Format *format = find_format(case_->name.starts_with("imsm") ? "imsm" : "md");
        auto loaded = format->load(media);
        ASSERT_TRUE(loaded) << loaded.error().text();
        array = std::move(*loaded);
    }
    const Container &view() const { return array->view(); }
    const Volume &volume() const { return view().volumes[0]; }
    BufferMedium *medium(int disk) const
    {
        if (disk < 0 || !view().disks[static_cast<std::size_t>(disk)].present)
            return nullptr;
        const std::string &path = view().disks[static_cast<std::size_t>(disk)].path;
        return std::ranges::find_if(disks_, [&](const auto &d) { return d->path() == path; })->get();
    }
    plan::ParityLogState look() const
    {
        return plan::look_at_log(view(), volume(), [&](int disk, std::uint64_t at, MutableBytes out) { return medium(disk)->read(at, out); });
    }
    unsigned recover()
    {
        std::vector<std::unique_ptr<Target>> targets;
        const auto done = plan::recover_parity(view(), volume(), [&](int disk) -> reshape::Target * {
            return targets.emplace_back(std::make_unique<Target>(*medium(disk))).get();
        });
        EXPECT_TRUE(done) << done.error().text();
        return done.value_or(0);
    }
    void store(const Change &change)
    {
        const auto done = array->apply(change);
        ASSERT_TRUE(done) << done.error().text();
        std::vector<Image> images = array->prepare();
        array->encode(images);
        for (const Image &image : images)
            if (image.active)
                std::ranges::copy(image.bytes, medium(image.disk)->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
        load();
    }
    // Every block holds its number.
    unsigned wrong_blocks() const
    {
        const VolumeReader reader(volume(), [this](int disk) { return medium(disk); });
        std::vector<std::byte> block(4096);
        unsigned wrong = 0;
        const std::uint64_t blocks = case_->expected["volumes"][0]["pattern"]["blocks"];
        for (std::uint64_t number = 0; number < blocks; number++) {
            EXPECT_TRUE(reader.read(number * 8, block));
            for (std::size_t at = 0; at < block.size(); at += 512)
                wrong += read_at<Le64>(block, at)->get() != number;
        }
        return wrong;
    }
    std::unique_ptr<Metadata> array;

private:
    std::shared_ptr<const Case> case_;
    std::vector<std::unique_ptr<BufferMedium>> disks_;
};

TEST(PplGolden, TheLogsOfThePeerAreFoundAndRead)
{
    for (const char *name : {"md12-raid5-ppl", "md12-raid5-ppl-dirty", "imsm-raid5-ppl-clean"}) {
        const Disks disks(name);
        EXPECT_FALSE(disks.volume().read_write) << name;
        ASSERT_TRUE(disks.volume().parity_log) << name;
        const auto state = disks.look();
        EXPECT_TRUE(state.sound) << name << ": " << state.why;
        EXPECT_GT(state.entries, 0u) << name;
        EXPECT_EQ(state.cut, 0u) << name;
    }
}

// With each of the members missing, and with parity as it would be if none of the announced writes had reached it.
TEST(PplGolden, WhatWasBeingWrittenWhenThePowerWentIsMadeRight)
{
    for (int without = -1; without < 3; without++) {
        Disks disks("md12-raid5-ppl-dirty", without);
        ASSERT_TRUE(disks.volume().dirty);
        unsigned strips = 0;
        for (unsigned slot = 0; slot < 3; slot++) {
            BufferMedium *medium = disks.medium(disks.volume().slots[slot].disk);
            if (!medium)
                continue;
            const auto log = ppl::read_log(disks.volume().shape, *disks.volume().parity_log, slot,
                                           [&](std::uint64_t at, MutableBytes out) { return medium->read(at, out); });
            ASSERT_TRUE(log) << log.error().text();
            const auto holds = [&](std::uint32_t data, std::uint64_t, std::uint32_t) { return disks.volume().slots[data].in_sync; };
            for (const ppl::Repair &r : ppl::repairs_of(disks.volume().shape, *log, holds)) {
                strips++;
                const std::uint64_t at = (disks.volume().slots[slot].data_offset + r.sector) * 512;
                std::fill_n(medium->bytes.begin() + static_cast<std::ptrdiff_t>(at), r.sectors * std::size_t{512}, std::byte{0x5a});
            }
        }
        if (without >= 0 && strips) {
            EXPECT_GT(disks.wrong_blocks(), 0u) << "without " << without;
        }
        EXPECT_EQ(disks.recover(), strips);
        EXPECT_EQ(disks.wrong_blocks(), 0u) << "without " << without;
    }
}

// -- assembly ------------------------------------------------------------------------------------------------------------

std::string plan_text(const Disks &disks, const plan::StartOptions &options)
{
    plan::StartOptions with = options;
    with.log = disks.look();
    const auto plan = plan::plan_volume(disks.view(), disks.volume(), "c", "v", with);
    return plan ? plan::to_text(*plan) : "refused: " + plan.error().text();
}

TEST(PplGolden, ItRunsOnlyWithoutItsLogAndThatIsSaid)
{
    const Disks clean("md12-raid5-ppl"), dirty("md12-raid5-ppl-dirty"), imsm("imsm-raid5-ppl-clean");
    for (const Disks *disks : {&clean, &dirty, &imsm}) {
        const std::string text = plan_text(*disks, {});
        EXPECT_NE(text.find("refused: "), std::string::npos) << text;
        EXPECT_NE(text.find("--update=no-ppl"), std::string::npos) << text;
    }
    EXPECT_EQ(plan_text(clean, {.read_only = true}).find("refused: "), std::string::npos);
    EXPECT_NE(plan_text(dirty, {.read_only = true}).find("refused: "), std::string::npos);
    const std::string text = plan_text(dirty, {.drop_parity_log = true});
    const auto recovers = text.find("make the parity right"), recorded = text.find("no partial parity log any more, and is clean"),
               stored = text.find("write to all disks"), made = text.find("new array");
    ASSERT_NE(recovers, std::string::npos) << text;
    EXPECT_LT(recovers, recorded);
    EXPECT_LT(recorded, stored);
    EXPECT_LT(stored, made);
    EXPECT_NE(text.find("resync_start = none"), std::string::npos) << text;
    EXPECT_EQ(plan_text(clean, {.drop_parity_log = true}).find("make the parity right"), std::string::npos);
}

TEST(PplGolden, AnotherLogThanItsOwnIsNotUsed)
{
    for (const int without : {-1, 1}) {
        Disks disks("md12-raid5-ppl-dirty", without);
        BufferMedium &first = *disks.medium(disks.volume().slots[0].disk);
        first.bytes[disks.volume().parity_log->areas[0].sector * 512 + 600] ^= std::byte{1};
        const std::string text = plan_text(disks, {.drop_parity_log = true});
        if (without < 0) {
            EXPECT_EQ(text.find("make the parity right"), std::string::npos) << text;
            EXPECT_NE(text.find("resync_start = 0"), std::string::npos) << text;
            EXPECT_EQ(text.find("is clean"), std::string::npos) << text;
            continue;
        }
        EXPECT_NE(text.find("refused: "), std::string::npos) << text;
        EXPECT_NE(text.find("its partial parity log is no help (the log of"), std::string::npos) << text;
        const std::string forced = plan_text(disks, {.force = true, .drop_parity_log = true});
        EXPECT_NE(forced.find("make the parity right"), std::string::npos) << forced;
    }
    const Disks disks("md12-raid5-ppl-dirty", 1);
    EXPECT_EQ(plan_text(disks, {.drop_parity_log = true}).find("refused: "), std::string::npos);
    Volume unbuilt = disks.volume();  // the log knows of what was written, not of what was never made right
    unbuilt.initialised = false;
    const auto plan = plan::plan_volume(disks.view(), unbuilt, "c", "v", {.drop_parity_log = true, .log = disks.look()});
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().text().find("parity was not built everywhere"), std::string::npos) << plan.error().text();
}

// As the peer's own tools would leave it: no feature, nothing in its place, and clean if it was recovered.
TEST(PplGolden, AnArrayWithoutItsLogIsAPlainOne)
{
    for (const bool recovered : {false, true}) {
        Disks disks("md12-raid5-ppl-dirty");
        const std::uint64_t events = disks.view().sequence;
        EXPECT_FALSE(disks.array->apply(change::MarkClean{0}));
        disks.store(change::ParityLogRemoved{0, recovered});
        EXPECT_TRUE(disks.volume().read_write) << disks.volume().refused;
        EXPECT_FALSE(disks.volume().parity_log);
        EXPECT_EQ(disks.volume().consistency, "resync");
        EXPECT_EQ(disks.volume().dirty, !recovered);
        EXPECT_EQ(disks.view().sequence, events + 1);
        EXPECT_EQ(disks.wrong_blocks(), 0u);
        EXPECT_FALSE(disks.array->apply(change::ParityLogRemoved{0, recovered}));
        disks.store(change::MarkDirty{0});
        EXPECT_TRUE(disks.volume().read_write);
    }
    Disks imsm("imsm-raid5-ppl-clean");
    imsm.store(change::ParityLogRemoved{0, false});
    EXPECT_TRUE(imsm.volume().read_write) << imsm.volume().refused;
    EXPECT_EQ(imsm.volume().consistency, "resync");
    EXPECT_FALSE(imsm.volume().dirty);
    EXPECT_EQ(imsm.wrong_blocks(), 0u);
}

}  // namespace
}  // namespace emd::golden
