// SPDX-License-Identifier: GPL-2.0-only
// The partial parity log as the peer leaves it: found, read, used, and given up.
#include "golden/golden.h"
#include "golden/volume_reader.h"

#include "libemd/format/md/superblock.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/plan/assemble.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace emd::golden {
namespace {

class Target final : public reshape::Target {
public:
    explicit Target(BufferMedium &medium) : medium_(medium) {}
    Result<> read(std::uint64_t at, std::span<std::byte> out) override
    {
        return at + out.size() > unread_from ? fail(Errc::Io, "a bad block") : medium_.read(at, out);
    }
    Result<> write(std::uint64_t at, std::span<const std::byte> data) override
    {
        std::ranges::copy(data, medium_.bytes.begin() + static_cast<std::ptrdiff_t>(at));
        return {};
    }
    Result<> flush() override { return {}; }
    std::uint64_t unread_from = ~0ull;  // bytes

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
    // Nothing of the data of `unread` can be read.
    plan::ParityRepairs recover(int unread = -1)
    {
        std::vector<std::unique_ptr<Target>> targets;
        const auto done = plan::recover_parity(view(), volume(), [&](int disk) -> reshape::Target * {
            Target &target = *targets.emplace_back(std::make_unique<Target>(*medium(disk)));
            if (disk == unread)
                target.unread_from = volume().slots[0].data_offset * 512;
            return &target;
        });
        EXPECT_TRUE(done) << done.error().text();
        return done.value_or(plan::ParityRepairs{});
    }
    void reset(bool headers)
    {
        std::vector<std::unique_ptr<Target>> targets;
        const auto done = plan::reset_logs(view(), volume(), headers, [&](int disk) -> reshape::Target * {
            return targets.emplace_back(std::make_unique<Target>(*medium(disk))).get();
        });
        EXPECT_TRUE(done) << done.error().text();
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
    // Of md 1.2, with its checksum; of the disk in this place of those that are here.
    void edit_superblock(std::size_t disk, const std::function<void(md::V1Bytes &)> &edit)
    {
        auto &bytes = disks_.at(disk)->bytes;
        std::vector<std::byte> block(bytes.begin() + 4096, bytes.begin() + 8192);
        md::V1Bytes raw;
        std::memcpy(&raw, block.data(), sizeof raw);
        edit(raw);
        md::seal(block, raw);
        std::ranges::copy(block, bytes.begin() + 4096);
    }
    std::size_t size() const { return disks_.size(); }
    BufferMedium &disk(std::size_t disk) { return *disks_.at(disk); }
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
        EXPECT_EQ(disks.volume().read_write, std::string_view(name).starts_with("md")) << name;
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
            const auto holds = [&](std::uint32_t data, std::uint64_t, std::uint32_t sectors) {
                return ppl::Held{disks.volume().slots[data].in_sync, sectors};
            };
            for (const ppl::Repair &r : ppl::repairs_of(disks.volume().shape, *log, holds).repairs) {
                strips++;
                const std::uint64_t at = (disks.volume().slots[slot].data_offset + r.sector) * 512;
                std::fill_n(medium->bytes.begin() + static_cast<std::ptrdiff_t>(at), r.sectors * std::size_t{512}, std::byte{0x5a});
            }
        }
        if (without < 0) {
            ASSERT_GT(strips, 0u);
        }
        if (without >= 0 && strips) {
            EXPECT_GT(disks.wrong_blocks(), 0u) << "without " << without;
        }
        const plan::ParityRepairs done = disks.recover();
        EXPECT_EQ(done.repaired, strips);
        EXPECT_EQ(done.was_wrong, strips);
        EXPECT_EQ(done.unread, 0u);
        EXPECT_EQ(disks.recover().was_wrong, 0u);
        EXPECT_EQ(disks.wrong_blocks(), 0u) << "without " << without;
    }
}

// They are passed over in place of refusing the array, and said.
TEST(PplGolden, StripsThatCannotBeReadAreCounted)
{
    const unsigned all = Disks("md12-raid5-ppl-dirty").recover().repaired;
    ASSERT_GT(all, 0u);
    unsigned unread = 0;
    for (int disk = 0; disk < 3; disk++) {
        Disks disks("md12-raid5-ppl-dirty");
        const plan::ParityRepairs done = disks.recover(disk);
        EXPECT_EQ(done.repaired + done.unread, all);
        unread += done.unread;
    }
    EXPECT_GT(unread, 0u);
    EXPECT_EQ(plan::to_text({1, 1, 0}), "by its partial parity log the parity of 1 strip is right, and that of 1 of them was not");
    const std::string text = plan::to_text({2, 0, 1});
    EXPECT_NE(text.find("the parity of 2 strips is right, and that of 0 of them was not; data of 1 strip cannot be read"), std::string::npos) << text;
}

// -- assembly ------------------------------------------------------------------------------------------------------------

std::string plan_text(const Disks &disks, const plan::StartOptions &options)
{
    const auto plan = plan::plan_volume(disks.view(), disks.volume(), "c", "v", options);
    return plan ? plan::to_text(*plan) : "refused: " + plan.error().text();
}

// The log is used, and kept or not, in memory here, and then the array is started.
std::string recovery_text(const Disks &disks, bool keep, const plan::StartOptions &options)
{
    const plan::LogRecovery recovery{0, disks.look(), keep};
    if (const auto may = plan::check_log_recovery(disks.view(), recovery, options); !may)
        return "refused: " + may.error().text();
    const plan::Plan plan = plan::plan_log_recovery(disks.view(), {recovery});
    for (const plan::Step &step : plan.steps)
        if (const auto *a = std::get_if<plan::Apply>(&step.action)) {
            EXPECT_TRUE(disks.array->apply(a->change));
        }
    return plan::to_text(plan) + plan_text(disks, options);
}

// What --update=no-ppl does.
std::string removal_text(const Disks &disks, const plan::StartOptions &options = {})
{
    return recovery_text(disks, false, options);
}

// As of an array that runs: in this order, each of them there.
void expect_order(const std::string &text, std::initializer_list<const char *> steps)
{
    std::size_t last = 0;
    for (const char *step : steps) {
        const auto at = text.find(step);
        ASSERT_NE(at, std::string::npos) << step << " in\n" << text;
        EXPECT_LE(last, at) << step << " in\n" << text;
        last = at;
    }
}

TEST(PplGolden, AnArrayOfMdRunsWithItsLogAndTheLogIsUsedFirst)
{
    const Disks clean("md12-raid5-ppl"), dirty("md12-raid5-ppl-dirty"), degraded("md12-raid5-ppl-dirty", 1);
    expect_order(recovery_text(clean, true, {}), {"empty its partial parity log", "new array", "partial parity log at", "resync_start = none",
                                                  "consistency_policy = ppl", "ppl_header = ", "array_state = readonly"});
    EXPECT_EQ(recovery_text(clean, true, {}).find("make the parity right"), std::string::npos);
    // With a member away the log is all there is, and who is away has not seen what was made of it.
    const std::string used = recovery_text(degraded, true, {});
    expect_order(used, {"make the parity right", "has failed", "keeps its partial parity log, and is clean", "write to all disks",
                        "empty its partial parity log", "new array", "resync_start = none", "consistency_policy = ppl"});
    EXPECT_FALSE(degraded.volume().dirty);
    EXPECT_TRUE(degraded.volume().parity_log);
    // With all of them nothing tells whether one had failed when the power went, and was not recorded.
    const std::string all = recovery_text(dirty, true, {});
    expect_order(all, {"make the parity right", "keeps its partial parity log", "write to all disks", "erase its partial parity log", "new array",
                       "resync_start = 0", "consistency_policy = ppl"});
    EXPECT_TRUE(dirty.volume().dirty);
    expect_order(recovery_text(Disks("md12-raid5-ppl-dirty"), true, {.force = true}), {"erase its partial parity log", "resync_start = 0"});
}

// Who takes the fronts of the areas for the end of the resync would be wrong as long as it runs.
TEST(PplGolden, WhatIsResynchronisedHasNoLogUntilThen)
{
    Disks disks("md12-raid5-ppl-dirty");
    BufferMedium &first = *disks.medium(disks.volume().slots[0].disk);
    first.bytes[disks.volume().parity_log->areas[0].sector * 512 + 600] ^= std::byte{1};
    const std::string text = recovery_text(disks, true, {});
    expect_order(text, {"keeps its partial parity log", "erase its partial parity log", "new array", "resync_start = 0", "consistency_policy = ppl"});
    EXPECT_TRUE(disks.volume().dirty);
}

TEST(PplGolden, ALogThatIsResetAnnouncesNothing)
{
    for (const bool headers : {true, false}) {
        Disks disks("md12-raid5-ppl-dirty");
        ASSERT_NE(disks.look().entries, 0u);
        disks.reset(headers);
        const auto state = disks.look();
        EXPECT_EQ(state.sound, headers) << state.why;
        EXPECT_EQ(state.entries + state.cut, 0u);
        disks.reset(true);
        EXPECT_TRUE(disks.look().sound);
        EXPECT_EQ(disks.look().entries, 0u);
    }
}

TEST(PplGolden, AVolumeOfImsmRunsOnlyWithoutItsLogAndThatIsSaid)
{
    const Disks clean("md12-raid5-ppl"), dirty("md12-raid5-ppl-dirty"), imsm("imsm-raid5-ppl-clean");
    const std::string refused = plan_text(imsm, {});
    EXPECT_NE(refused.find("refused: "), std::string::npos) << refused;
    EXPECT_NE(refused.find("--update=no-ppl"), std::string::npos) << refused;
    EXPECT_EQ(plan_text(clean, {.read_only = true}).find("refused: "), std::string::npos);
    EXPECT_NE(plan_text(dirty, {.read_only = true}).find("refused: "), std::string::npos);
    const std::string text = removal_text(dirty);
    const auto recovers = text.find("make the parity right"), recorded = text.find("no partial parity log any more"),
               stored = text.find("write to all disks"), made = text.find("new array");
    ASSERT_NE(recovers, std::string::npos) << text;
    EXPECT_LT(recovers, recorded);
    EXPECT_LT(recorded, stored);
    EXPECT_LT(stored, made);
    EXPECT_NE(text.find("resync_start = 0"), std::string::npos) << text;
    EXPECT_NE(removal_text(Disks("md12-raid5-ppl-dirty", 1)).find("any more, and is clean"), std::string::npos);
    EXPECT_EQ(removal_text(clean).find("make the parity right"), std::string::npos);
}

TEST(PplGolden, AnotherLogThanItsOwnIsNotUsed)
{
    for (const int without : {-1, 1}) {
        Disks disks("md12-raid5-ppl-dirty", without);
        BufferMedium &first = *disks.medium(disks.volume().slots[0].disk);
        first.bytes[disks.volume().parity_log->areas[0].sector * 512 + 600] ^= std::byte{1};
        const std::string text = removal_text(disks);
        if (without < 0) {
            EXPECT_EQ(text.find("make the parity right"), std::string::npos) << text;
            EXPECT_NE(text.find("resync_start = 0"), std::string::npos) << text;
            EXPECT_EQ(text.find("is clean"), std::string::npos) << text;
            continue;
        }
        EXPECT_NE(text.find("refused: "), std::string::npos) << text;
        EXPECT_NE(text.find("its partial parity log is no help (the log of"), std::string::npos) << text;
        const std::string forced = removal_text(disks, {.force = true});
        EXPECT_NE(forced.find("make the parity right"), std::string::npos) << forced;
    }
    const Disks disks("md12-raid5-ppl-dirty", 1);
    EXPECT_EQ(removal_text(disks).find("refused: "), std::string::npos);
}

// The log knows of what was written, not of what was never made right: a resync that was stopped on its way, and then a member is lost.
TEST(PplGolden, WhereParityWasNotBuiltALogOfADegradedArrayIsNoHelp)
{
    for (const int without : {-1, 1}) {
        Disks disks("md12-raid5-ppl-dirty", without);
        for (std::size_t i = 0; i < disks.size(); i++)
            disks.edit_superblock(i, [](md::V1Bytes &raw) { raw.resync_offset = std::uint64_t{1024}; });
        disks.load();
        ASSERT_TRUE(disks.volume().parity_log);
        if (without < 0) {
            const std::string text = removal_text(disks);
            EXPECT_NE(text.find("resync_start = 1024"), std::string::npos) << text;
            continue;
        }
        const std::string text = removal_text(disks);
        ASSERT_NE(text.find("parity was not built everywhere"), std::string::npos) << text;
        const std::string forced = removal_text(disks, {.force = true});
        EXPECT_NE(forced.find("make the parity right"), std::string::npos) << forced;
        EXPECT_EQ(forced.find("is clean"), std::string::npos) << forced;
    }
}

// Each member says itself where its log is.
TEST(PplGolden, ALogIsWhereItsMemberSaysThatItIs)
{
    Disks disks("md12-raid5-ppl-dirty");
    const auto before = disks.volume().parity_log->areas;
    const std::size_t moved = 1;
    disks.edit_superblock(moved, [](md::V1Bytes &raw) { raw.bitmap_offset = (raw.bitmap_offset.get() & 0xffff) + 8 + ((raw.bitmap_offset.get() >> 16) - 8) * 65536; });
    disks.load();
    ASSERT_TRUE(disks.volume().parity_log) << disks.volume().refused;
    int slot = -1;
    for (unsigned i = 0; i < 3; i++)
        if (disks.medium(disks.volume().slots[i].disk) == &disks.disk(moved))
            slot = static_cast<int>(i);
    ASSERT_GE(slot, 0);
    const auto &after = disks.volume().parity_log->areas;
    for (std::size_t i = 0; i < 3; i++) {
        const bool own = static_cast<int>(i) == slot;
        EXPECT_EQ(after[i].sector, before[i].sector + (own ? 8 : 0));
        EXPECT_EQ(after[i].sectors, before[i].sectors - (own ? 8 : 0));
    }
    const auto &was = before[static_cast<std::size_t>(slot)];
    auto &bytes = disks.disk(moved).bytes;
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(was.sector * 512);
    std::copy_backward(from, from + static_cast<std::ptrdiff_t>((was.sectors - 8) * 512), from + static_cast<std::ptrdiff_t>(was.sectors * 512));
    EXPECT_TRUE(disks.look().sound) << disks.look().why;
    EXPECT_GT(disks.recover().repaired, 0u);
    EXPECT_EQ(disks.wrong_blocks(), 0u);
    // Until it says that it has one at all, nothing is known of it.
    disks.edit_superblock(moved, [](md::V1Bytes &raw) { raw.features = raw.features.get() & ~(md::kPpl | md::kMultiplePpl); });
    disks.load();
    EXPECT_EQ(disks.look().why.empty(), false);
}

// Of IMSM. Not even when it runs already: its log would not know of what is written.
TEST(PplGolden, NothingIsRecordedAsBeingWrittenAsLongAsThereIsALog)
{
    Disks disks("imsm-raid5-ppl-clean");
    const auto marked = disks.array->apply(change::MarkDirty{0});
    ASSERT_FALSE(marked);
    EXPECT_EQ(marked.error().code(), Errc::Refused);
    EXPECT_NE(marked.error().text().find("partial parity log"), std::string::npos) << marked.error().text();
    EXPECT_FALSE(disks.volume().dirty);
    disks.store(change::ParityLogRemoved{0, false});
    EXPECT_TRUE(disks.array->apply(change::MarkDirty{0}));
}

// As the peer's own tools would leave it: no feature, nothing in its place, and clean if it was recovered.
TEST(PplGolden, AnArrayWithoutItsLogIsAPlainOne)
{
    for (const bool recovered : {false, true}) {
        Disks disks("md12-raid5-ppl-dirty");
        const std::uint64_t events = disks.view().sequence;
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
