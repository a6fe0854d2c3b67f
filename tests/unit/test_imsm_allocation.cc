// SPDX-License-Identifier: GPL-2.0-only
// What emdmon does while writes wait needs no memory: apply() of what the kernel reports, and encode().
#include "imsm_disks.h"
#include "unit/monitor_toy.h"

namespace emd::imsm {
namespace {

void expect_no_allocation(Metadata &metadata, std::vector<Image> &images, const Change &change, const char *what)
{
    unsigned long count = 0;
    bool done = false;
    {
        const toy::Counting counting;
        done = metadata.apply(change).has_value();
        metadata.encode(images);
        count = toy::Counting::count();
    }
    EXPECT_TRUE(done) << what;
    EXPECT_EQ(count, 0u) << what;
}

TEST(ImsmAllocation, NothingIsAllocatedForWhatTheKernelReports)
{
    Disks disks(4, 98304);
    for (std::size_t i = 0; i < disks.size(); i++)
        disks[i].serial_number = fmt::format("FIFTEENCHARS-{:02}", i);  // ":0" needs one more than a short string has
    auto metadata = disks.create(4);
    ASSERT_TRUE(metadata->apply(volume("sixteen-letters-", 5, {0, 1, 2})));
    ASSERT_TRUE(metadata->apply(change::InitStarted{0}));
    std::vector<Image> images = metadata->prepare();
    metadata->encode(images);

    expect_no_allocation(*metadata, images, change::MarkDirty{0}, "dirty");
    expect_no_allocation(*metadata, images, change::SyncProgress{0, 3840}, "progress");
    expect_no_allocation(*metadata, images, change::SyncFinished{0}, "sync finished");
    expect_no_allocation(*metadata, images, change::MarkClean{0}, "clean");
    for (unsigned i = 0; i < 40; i++)
        expect_no_allocation(*metadata, images, change::BadBlock{0, 1000 + 8 * i, 1, false}, "bad block");
    for (unsigned i = 0; i < 214; i++)  // up to a full log
        expect_no_allocation(*metadata, images, change::BadBlock{1, 1000 + 8 * i, 3, false}, "bad block");
    expect_no_allocation(*metadata, images, change::BadBlock{1, 1001, 1700, true}, "good blocks");
    expect_no_allocation(*metadata, images, change::BadBlock{1, 1000, 1, false}, "bad block");

    Shape target = metadata->view().volumes[0].shape;
    target.raid_disks = 4;
    ASSERT_TRUE(metadata->apply(change::ReshapeStarted{0, target, {3}}));
    images = metadata->prepare();
    metadata->encode(images);
    expect_no_allocation(*metadata, images, change::BackupRecorded{0, 0}, "backup");
    expect_no_allocation(*metadata, images, change::ReshapeProgress{0, 6144}, "reshape progress");
    expect_no_allocation(*metadata, images, change::DiskFailed{1}, "failure");
    expect_no_allocation(*metadata, images, change::ReshapeFinished{0}, "reshape finished");
}

}  // namespace
}  // namespace emd::imsm
