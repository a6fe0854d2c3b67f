// SPDX-License-Identifier: GPL-2.0-or-later
#include "subject_fake.h"

#include <stdexcept>

namespace emd::contract {
namespace {

emd_geometry raid5(std::uint32_t disks)
{
    emd_geometry g{};
    g.level = 5;
    g.layout = EMD_LAYOUT_LEFT_SYMMETRIC;
    g.raid_disks = disks;
    g.chunk_sectors = kChunkSectors;
    g.member_sectors = kMemberSectors;
    return g;
}

class FakeWrite final : public PendingWrite {
public:
    FakeWrite(FakeArray &array, std::uint64_t sector, std::byte fill) : array_(&array), sector_(sector), fill_(fill) {}
    bool ended() override
    {
        if (ended_)
            return true;
        const auto id = array_->begin_write(sector_, sector_ + kPageSectors);
        if (!id)
            return false;
        array_->complete_write(*id, std::vector<std::byte>(kPageSectors * FakeDisk::kSectorBytes, fill_));
        return ended_ = true;
    }

private:
    FakeArray *array_;
    std::uint64_t sector_;
    std::byte fill_;
    bool ended_ = false;
};

}  // namespace

FakeSubject::FakeSubject()
    : disks_{FakeDisk(kMemberSectors), FakeDisk(kMemberSectors), FakeDisk(kMemberSectors), FakeDisk(kMemberSectors)},
      kernel_({[this] { pass_time(); }, [this] { pass_time(); }}), array_(kernel_, "emd0")
{
    std::vector<FakeArray::Member> members;
    for (FakeDisk &disk : disks_)
        members.push_back({&disk, 0});
    const emd_geometry from = raid5(3), to = raid5(4);
    emd_reshape_plan plan;
    const char *why = "";
    if (emd_reshape_plan_init(&plan, &from, &to, 0, -1, &why) != 0)
        throw std::runtime_error(why);
    FakeArray &array = kernel_.add("emd0", FakeArray(from, members, kVisibleSectors));
    array.set_reshape(to, plan, 0);
    array.set_limit(0);
}

void FakeSubject::pass_time()
{
    FakeArray &array = kernel_.array("emd0");
    if (array.can_move())
        array.move();
    else if (array.can_publish())
        array.publish();
}

std::unique_ptr<PendingWrite> FakeSubject::write(std::uint64_t sector, std::byte fill)
{
    return std::make_unique<FakeWrite>(kernel_.array("emd0"), sector, fill);
}

std::vector<std::byte> FakeSubject::read(std::uint64_t sector, std::uint64_t sectors)
{
    return kernel_.array("emd0").read(sector, sectors);
}

}  // namespace emd::contract
