// SPDX-License-Identifier: GPL-2.0-only
// Where superblocks stand on a disk.
#include "libemd/format/md/superblock.h"

#include <algorithm>

namespace emd::md {

namespace {

constexpr std::uint64_t kBlockSectors = kBlockBytes / 512;
constexpr std::uint64_t kLeastV1 = 24, kLeastV090 = 128;  // sectors of a disk

std::uint64_t sectors_of(const Medium &medium)
{
    return medium.size_bytes() / 512;
}

}  // namespace

Result<std::vector<std::byte>> read_block(const Medium &medium, std::uint64_t sector)
{
    std::vector<std::byte> block(kBlockBytes);
    EMD_TRY(medium.read(sector * 512, block));
    return block;
}

namespace {

struct Candidate {
    std::string version;
    std::uint64_t sector;
    Result<Superblock> found;  // or why it cannot be true
};

// Each place with a superblock of its kind.
Result<std::vector<Candidate>> read_all(const Medium &medium)
{
    std::vector<Candidate> all;
    const auto add = [&](const char *version, std::uint64_t sector, auto decoded) {
        if (decoded || decoded.error().code() != Errc::NotFound)
            all.push_back({version, sector, decoded ? Result<Superblock>(Superblock(std::move(*decoded)))
                                                    : Result<Superblock>(tl::make_unexpected(decoded.error()))});
    };
    const std::uint64_t sectors = sectors_of(medium);
    if (sectors >= kLeastV1)
        for (const auto &[version, sector] : {std::pair("1.2", kBlockSectors), std::pair("1.1", std::uint64_t{0}),
                                              std::pair("1.0", (sectors - 16) & ~std::uint64_t{7})})
            add(version, sector, decode_v1(EMD_TRY(read_block(medium, sector)), sector, sectors));
    if (sectors >= kLeastV090) {
        const std::uint64_t sector = (sectors & ~std::uint64_t{127}) - 128;
        add("0.90", sector, decode_v090(EMD_TRY(read_block(medium, sector)), sector));
    }
    return all;
}

// The list of bad blocks: a word each, of which all ones end it.
Result<std::vector<BadRange>> read_bad_blocks(const Medium &medium, const V1 &sb)
{
    const std::int64_t begin = static_cast<std::int64_t>(sb.sector) + sb.bad_offset;
    if (sb.bad_sectors > kMostLogSectors)
        return fail(Errc::Corrupt, "its list of bad blocks has {} sectors, and md's has {}", sb.bad_sectors, kMostLogSectors);
    if (begin < 0 || static_cast<std::uint64_t>(begin) + sb.bad_sectors > sectors_of(medium))
        return fail(Errc::Corrupt, "its list of bad blocks, {} sectors at sector {}, is not on the disk", sb.bad_sectors, begin);
    std::vector<std::byte> log(std::size_t{sb.bad_sectors} * 512);
    EMD_TRY(medium.read(static_cast<std::uint64_t>(begin) * 512, log));
    std::vector<BadRange> bad;
    for (std::size_t at = 0; at < log.size(); at += 8) {
        const std::uint64_t entry = read_at<Le64>(log, at)->get();
        if (entry == ~std::uint64_t{0})
            break;
        const std::uint64_t start = entry >> 10, length = entry & 0x3ff;
        if (length == 0 || sb.bad_shift > 20 || start >= kMostSectors >> sb.bad_shift)
            return fail(Errc::Corrupt, "its list of bad blocks names {} blocks of 2^{} sectors at {}", length, sb.bad_shift, start);
        bad.push_back({-1, start << sb.bad_shift, static_cast<std::uint32_t>(length << sb.bad_shift)});
    }
    return bad;
}

std::uint64_t created(const Superblock &sb)
{
    return std::visit([](const auto &s) { return s.ctime; }, sb);
}

}  // namespace

std::vector<std::uint64_t> superblock_sectors(const Medium &medium)
{
    std::vector<std::uint64_t> sectors;
    if (const auto all = read_all(medium))
        for (const Candidate &each : *all)
            sectors.push_back(each.sector);
    return sectors;
}

// Where an array was made over another one, both may still be there.
Result<Superblock> read_superblock(const Medium &medium)
{
    std::optional<Superblock> newest;
    std::optional<Error> damage;
    for (auto &[version, sector, found] : EMD_TRY(read_all(medium).within(medium.path()))) {
        if (found && (!newest || created(*found) > created(*newest)))
            newest = std::move(*found);
        else if (!found && !damage)
            damage = found.error().within(fmt::format("{}: the superblock of md {} is damaged", medium.path(), version));
    }
    if (!newest && damage)
        return tl::make_unexpected(*damage);
    if (!newest)
        return fail(Errc::NotFound, "{} has no superblock of md", medium.path());
    if (V1 *sb = std::get_if<V1>(&*newest); sb && (sb->features & kBadBlocks))
        sb->bad = EMD_TRY(read_bad_blocks(medium, *sb).within(medium.path()));
    return std::move(*newest);
}

}  // namespace emd::md
