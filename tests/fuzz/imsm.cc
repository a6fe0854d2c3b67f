// SPDX-License-Identifier: GPL-2.0-only
// IMSM: the whole way from disks to a container, what happens to it, and putting the copy area of a migration back.
#include "fuzz/disks.h"

#include "libemd/format/imsm/imsm.h"
#include "libemd/format/imsm/mpb.h"
#include "libemd/reshape/manager.h"

#include <algorithm>

using namespace emd;
using namespace emd::fuzz;

namespace {

// The sum of an MPB, anchor and extension joined as they are read.
void fix(PatchedDisk &disk)
{
    const std::uint64_t sector = disk.sector_bytes();
    const std::uint64_t anchor = disk.size_bytes() - 2 * sector;
    std::vector<std::byte> mpb(sector);
    if (!disk.read(anchor, mpb))
        return;
    auto header = *read_at<imsm::HeaderBytes>(mpb, 0);
    const std::size_t size = header.mpb_size.get();
    if (size < sizeof header || size > (1 << 18))
        return;
    const std::uint64_t more = (size - 1) / sector * sector;
    mpb.resize(sector + more);
    if (more > anchor || !disk.read(anchor - more, MutableBytes(mpb).subspan(sector)))
        return;
    header.check_sum = imsm::checksum(Bytes(mpb).first(size));
    (void)disk.write(anchor, bytes_of(header));
}

class Member final : public reshape::Target {
public:
    explicit Member(PatchedDisk &disk) : disk_(&disk) {}
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) override { return disk_->read(offset_bytes, out); }
    Result<> write(std::uint64_t offset_bytes, Bytes data) override
    {
        return disk_->write(offset_bytes, data) ? Result<>{} : fail(Errc::Io, "{} ends there", disk_->path());
    }
    Result<> flush() override { return {}; }

private:
    PatchedDisk *disk_;
};

// A copy may be as large as the record says: what no disk here could hold is not asked for.
constexpr std::uint64_t kMostCopied = 1 << 15;

void restore(Script &script)
{
    const auto loaded = imsm::imsm().load(script.media());
    if (!loaded)
        return;
    std::vector<Member> members;
    for (PatchedDisk &disk : script.disks)
        members.emplace_back(disk);
    const Container &view = (*loaded)->view();
    for (const Volume &volume : view.volumes) {
        if (!volume.reshape)
            continue;
        (void)reshape::position_after_restore(volume).has_value();
        if (volume.reshape->unit > kMostCopied)
            continue;
        const auto target = [&](int number) -> reshape::Target * {
            const auto found = std::ranges::find(script.disks, view.disks.at(static_cast<std::size_t>(number)).path, &PatchedDisk::path);
            return found == script.disks.end() ? nullptr : &members[static_cast<std::size_t>(found - script.disks.begin())];
        };
        const auto record = [&](const Change &change) { return (*loaded)->apply(change); };
        (void)reshape::restore(view, volume.index, target, record).has_value();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    Script script = fuzz::script(std::as_bytes(std::span(data, size)), "imsm", fix);
    restore(script);
    use(imsm::imsm(), script);
    return 0;
}
