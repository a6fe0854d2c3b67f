// SPDX-License-Identifier: GPL-2.0-only
// md 0.90 and 1.x: the whole way from disks to an array, with its bitmap and lists of bad blocks, and what happens to it.
#include "fuzz/disks.h"
#include "fuzz/md_sums.h"

#include "libemd/format/md/md.h"
#include "libemd/report/json.h"

using namespace emd;
using namespace emd::fuzz;

namespace {

void fix(PatchedDisk &disk)
{
    const std::uint64_t sectors = disk.size_bytes() / 512;
    const std::uint64_t old = (sectors & ~std::uint64_t{127}) - 128;
    for (const std::uint64_t sector : {std::uint64_t{0}, std::uint64_t{8}, (sectors - 16) & ~std::uint64_t{7}, old}) {
        std::vector<std::byte> block(md::kBlockBytes);
        if (!disk.read(sector * 512, block) || read_at<Le32>(block, 0)->get() != md::kMagic)
            continue;
        if (read_at<Le32>(block, 4)->get() == 1)
            fix_v1(block);
        else
            fix_v090(block);
        (void)disk.write(sector * 512, block);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    Script script = fuzz::script(std::as_bytes(std::span(data, size)), "md", fix);
    for (const PatchedDisk &disk : script.disks) {
        (void)md::md().describe(disk).has_value();
        if (const auto record = md::md().record(disk))
            promise(!to_json(*record, disk.path()).dump().empty(), "a record can be printed");
    }
    use(md::md_format(), script);
    return 0;
}
