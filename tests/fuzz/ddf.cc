// SPDX-License-Identifier: GPL-2.0-only
// DDF: the whole way from disks to a container, and what happens to it: failures, rebuilds, volumes that are made and deleted.
#include "fuzz/disks.h"

#include "libemd/format/ddf/codec.h"
#include "libemd/format/ddf/ddf.h"

using namespace emd;
using namespace emd::fuzz;

namespace {

std::vector<std::byte> read(const PatchedDisk &disk, std::uint64_t sector, std::uint64_t sectors)
{
    std::vector<std::byte> bytes(sectors * ddf::kSector);
    return disk.read(sector * ddf::kSector, bytes) ? bytes : std::vector<std::byte>();
}

// The sum of a block that begins with a signature.
void fix_block(PatchedDisk &disk, std::uint64_t sector, std::uint64_t sectors)
{
    std::vector<std::byte> bytes = read(disk, sector, sectors);
    if (bytes.empty() || read_at<Be32>(bytes, 0)->get() == ddf::kNone32)
        return;
    ddf::seal(bytes);
    (void)disk.write(sector * ddf::kSector, bytes);
}

// Of what a header names, and its own.
void fix_structure(PatchedDisk &disk, std::uint64_t lba)
{
    const std::uint64_t end = disk.size_bytes() / ddf::kSector;
    const auto bytes = lba < end ? read(disk, lba, 1) : std::vector<std::byte>();
    if (bytes.empty())
        return;
    const auto header = *read_at<ddf::HeaderBytes>(bytes, 0);
    for (unsigned id = 0; id < ddf::kMandatory; id++) {
        const std::uint64_t begin = lba + header.sections[id].offset.get(), length = header.sections[id].length.get();
        const std::uint64_t record = id == ddf::kConfigs ? header.record_sectors.get() : length;
        if (length > 1024 || begin + length > end || record == 0)
            continue;
        for (std::uint64_t at = 0; at + record <= length; at += record)
            fix_block(disk, begin + at, record);
    }
    fix_block(disk, lba, 1);
}

void fix(PatchedDisk &disk)
{
    const std::uint64_t last = disk.size_bytes() / ddf::kSector - 1;
    const auto bytes = read(disk, last, 1);
    if (bytes.empty())
        return;
    const auto anchor = *read_at<ddf::HeaderBytes>(bytes, 0);
    fix_structure(disk, anchor.primary.get());
    fix_structure(disk, anchor.secondary.get());
    fix_block(disk, last, 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    Script script = fuzz::script(std::as_bytes(std::span(data, size)), "ddf", fix);
    use(ddf::ddf(), script);
    return 0;
}
