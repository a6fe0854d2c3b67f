// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/md/bitmap.h"
#include "libemd/format/md/md.h"

#include <algorithm>
#include <array>
#include <unistd.h>

namespace emd::md {

namespace {

std::string host_name()
{
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

Result<Probe> Md::probe(const Medium &medium) const
{
    const auto found = read_superblock(medium);
    if (!found)
        return found.error().code() == Errc::NotFound ? Result<Probe>(Probe{}) : tl::make_unexpected(found.error());
    return std::visit([](const auto &sb) { return Probe{.found = true, .container = sb.array, .sequence = sb.events}; }, *found);
}

Result<std::string> Md::describe(const Medium &medium) const
{
    const MemberRecord r = EMD_TRY(record(medium));
    const std::string who = r.name.empty() ? to_string(r.array) : fmt::format("{} ({})", r.name, to_string(r.array));
    return fmt::format("md {} metadata of array {}", r.metadata, who);
}

Result<MemberRecord> Md::record(const Medium &medium) const
{
    return std::visit([](const auto &sb) { return record_of(sb); }, EMD_TRY(read_superblock(medium)));
}

Result<std::vector<Reader::Line>> Md::examine(const Medium &medium) const
{
    const std::string host = host_name();
    return std::visit([&](const auto &sb) { return examine_lines(sb, host); }, EMD_TRY(read_superblock(medium)));
}

Result<Pairs> Md::examine_export(const Medium &medium) const
{
    return std::visit([](const auto &sb) { return export_pairs(sb); }, EMD_TRY(read_superblock(medium)));
}

Result<std::optional<std::vector<BadRange>>> Md::bad_blocks(const Medium &medium) const
{
    const Superblock sb = EMD_TRY(read_superblock(medium));
    const V1 *v1 = std::get_if<V1>(&sb);
    if (!v1 || !v1->bad_sectors)
        return std::nullopt;
    return v1->bad;
}

Result<std::vector<BitmapRecord>> Md::bitmaps(const Medium &medium) const
{
    const Superblock sb = EMD_TRY(read_superblock(medium));
    std::int64_t sector = 0;
    if (const V1 *v1 = std::get_if<V1>(&sb); v1 && v1->features & kBitmap)
        sector = static_cast<std::int64_t>(v1->sector) + v1->bitmap_offset;
    else if (const V090 *old = std::get_if<V090>(&sb); old && old->state & V090::kHasBitmap)
        sector = static_cast<std::int64_t>(old->sector + kBlockBytes / 512);
    else
        return std::vector<BitmapRecord>();
    BitmapRecord record = EMD_TRY(examine_bitmap(medium, sector, kBitmapHeadBytes, 0));
    if (std::holds_alternative<V1>(sb))  // there the bytes stand as they are printed
        for (std::size_t word = 0; word < record.array.size(); word += 4)
            std::reverse(record.array.begin() + static_cast<std::ptrdiff_t>(word), record.array.begin() + static_cast<std::ptrdiff_t>(word) + 4);
    return std::vector{record};
}

const Md &md()
{
    static const Md reader;
    return reader;
}

}  // namespace emd::md
