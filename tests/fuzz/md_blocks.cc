// SPDX-License-Identifier: GPL-2.0-only
// md's blocks by themselves: a superblock of 1.x, one of 0.90, the head of a bitmap. The first byte says which, the next two
// how large the disk is.
#include "fuzz/disks.h"
#include "fuzz/md_sums.h"

#include "libemd/format/md/bad_log.h"
#include "libemd/format/md/bitmap.h"
#include "libemd/format/md/md.h"

#include <algorithm>

using namespace emd;
using namespace emd::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    Input input(std::as_bytes(std::span(data, size)));
    const unsigned kind = input.take<std::uint8_t>();
    const std::uint64_t sectors = std::uint64_t{input.take<Le16>().get()} << (kind >> 3);
    std::vector<std::byte> block(md::kBlockBytes);
    const Bytes rest = input.bytes(block.size());
    std::copy(rest.begin(), rest.end(), block.begin());
    if (kind % 4 == 0) {
        fix_v1(block);
        const std::uint64_t sector = read_at<Le64>(block, 144)->get();
        if (const auto sb = md::decode_v1(block, sector, sectors)) {
            (void)md::examine_lines(*sb, "host");
            (void)md::export_pairs(*sb);
            (void)md::record_of(*sb);
            const md::BadLog log(*sb, sectors, 512);
            promise(log.room() == 0 || log.offset_bytes(0) < sectors * 512, "a list of bad blocks that is kept lies on the disk");
        }
    } else if (kind % 4 == 1) {
        fix_v090(block);
        if (const auto sb = md::decode_v090(block, 0)) {
            (void)md::examine_lines(*sb, "host");
            (void)md::export_pairs(*sb);
            (void)md::record_of(*sb);
        }
    } else {
        Uuid array{};
        std::memcpy(array.data(), block.data() + 8, array.size());
        if (const auto bitmap = md::decode_bitmap(Bytes(block).first(md::kBitmapHeadBytes), array)) {
            (void)bitmap->regions();
            (void)md::bitmap_head(*bitmap, bitmap->events);
        }
    }
    return 0;
}
