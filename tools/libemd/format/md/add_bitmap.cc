// SPDX-License-Identifier: GPL-2.0-only
// A bitmap that a running array gets, or gives up. bitmap.h has the Theory.
//
// It comes with all bits set, before the superblocks say that it is there, and the kernel is told when they do: in between nothing is
// noted, and nothing needs to be. It goes when the kernel keeps it no more, and has set all bits before it stopped: what the superblocks
// say until they say that there is none is true.
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"

#include <algorithm>

namespace emd::md {

namespace {

std::int64_t whole_blocks_up(std::int64_t sectors) { return (sectors + 7) / 8 * 8; }

// Sectors of all members, from which nothing else is taken.
struct Gap {
    std::int64_t begin, end;
    std::uint64_t sectors() const { return end > begin ? static_cast<std::uint64_t>(end - begin) : 0; }
};

Gap gap_behind(std::int64_t begin, const std::vector<Piece> &pieces)
{
    Gap gap{begin, begin};
    std::int64_t end = -1;
    for (const Piece &p : pieces) {
        if (p.begin <= begin && begin < p.end)
            return gap;  // somebody has it
        if (p.begin >= begin && p.begin < p.end)
            end = end < 0 ? p.begin : std::min(end, p.begin);
    }
    gap.end = std::max(begin, end / 8 * 8);
    return gap;
}

Gap gap_before(std::int64_t end, const std::vector<Piece> &pieces)
{
    Gap gap{0, end};
    for (const Piece &p : pieces) {
        if (p.begin < end && end < p.end)
            return {end, end};
        if (p.end <= end)
            gap.begin = std::max(gap.begin, whole_blocks_up(p.end));
    }
    return gap;
}

}  // namespace

// As mdadm chooses: with superblocks in front of the data behind them, or behind their list of bad blocks if there is more room; with
// superblocks at the end in front of both.
Result<std::pair<Bitmap, std::int32_t>> MdMetadata::placed_bitmap(std::uint64_t chunk_bytes) const
{
    const Member *one = nullptr;
    std::vector<Piece> pieces;
    for (const Member &m : members_) {
        if (!m.writable())
            continue;
        if (one && one->record_sector != m.record_sector)
            return fail(Errc::Refused, "{} and {} differ in size: with superblocks {} their bitmap would lie at two places, and EMD keeps it at one",
                        one->path, m.path, view_.spec_version);
        one = &m;
        for (const Piece &p : pieces_of(m, shape_.component_sectors))
            pieces.push_back(p);
    }
    if (!one)
        return fail(Errc::Refused, "no member is here that could hold a bitmap");
    const auto record = static_cast<std::int64_t>(one->record_sector);
    const V1Bytes raw = head_of(one->block);
    const std::int64_t log = raw.bad_sectors.get() ? record + static_cast<std::int32_t>(raw.bad_offset.get()) : record;
    const auto place = [&](const Gap &gap) { return new_bitmap(raw.array, shape_, static_cast<std::uint64_t>(gap.begin), gap.sectors(), chunk_bytes); };
    Result<Bitmap> bitmap = fail(Errc::NoSpace, "");
    if (v1()->minor == 0) {
        const Gap gap = gap_before(std::min(log, record), pieces);
        bitmap = place(gap);
        if (bitmap) {
            const std::uint64_t own = bitmap_sectors(bitmap_regions(shape_, bitmap->chunk_bytes), kBlockBytes);
            bitmap->sector = static_cast<std::uint64_t>(gap.end) - own;
            reserve(*bitmap, own);
        }
    } else {
        const std::int64_t behind = record + static_cast<std::int64_t>(kBlockBytes / 512);
        bitmap = place(gap_behind(behind, pieces));
        if (!bitmap && log > record)
            bitmap = place(gap_behind(whole_blocks_up(log + raw.bad_sectors.get()), pieces));
    }
    if (!bitmap && bitmap.error().code() == Errc::NoSpace)
        return fail(Errc::NoSpace, "{}: there is no room for a bitmap between superblock and data of {}{}", view_.volumes[0].name, one->path,
                    chunk_bytes ? ": take a larger --bitmap-chunk, or leave it away" : "; a new array made with a bitmap has it");
    if (!bitmap)
        return tl::make_unexpected(bitmap.error());
    const std::uint64_t sectors = bitmap_sectors(bitmap_regions(shape_, bitmap->chunk_bytes), kBlockBytes);
    for (const Member &m : members_)
        if (m.writable())
            EMD_TRY(check_place(m, "bitmap", static_cast<std::int64_t>(bitmap->sector), sectors, shape_.component_sectors));
    const auto offset = static_cast<std::int32_t>(static_cast<std::int64_t>(bitmap->sector) - record);
    return std::pair(std::move(*bitmap), offset);
}

// In all superblocks; 0: that there is none.
void MdMetadata::say_bitmap(std::int32_t offset)
{
    V1 &first = std::get<V1>(first_);
    first.features = offset ? first.features | kBitmap : first.features & ~kBitmap;
    first.bitmap_offset = offset;
    for (Member &m : members_) {
        if (m.block.empty())
            continue;
        V1Bytes raw = head_of(m.block);
        raw.features = offset ? raw.features.get() | kBitmap : raw.features.get() & ~kBitmap;
        raw.bitmap_offset = static_cast<std::uint32_t>(offset);
        seal(m.block, raw);
    }
    view_.volumes[0].consistency = offset ? "bitmap" : "resync";
}

Result<> MdMetadata::on(const change::BitmapAdded &change)
{
    EMD_TRY(check_volume(change.volume));
    const std::string &name = view_.volumes[0].name;
    if (!v1())
        return fail(Errc::Unsupported, "{}: EMD keeps no bitmap behind superblocks 0.90: stop it, and let mdadm --grow add one", name);
    if (log_)
        return fail(Errc::Refused, "{} has a partial parity log, beside which there is no bitmap: emdadm --assemble --update=no-ppl removes it", name);
    if (!redundant(shape_.level))
        return fail(Errc::Invalid, "{}: {} keeps nothing twice and has no use for a bitmap", name, level_word(shape_.level));
    if (common().reshape)
        return fail(Errc::Busy, "{} is being reshaped: its bitmap would fit one of two shapes; wait for its end", name);
    if (recovering() || (record_.resync != kInSync && !record_.written))
        return fail(Errc::Busy, "{} is being rebuilt or resynchronised: emdadm --wait waits for its end", name);
    auto [bitmap, offset] = EMD_TRY(placed_bitmap(change.chunk_bytes));
    if (change.sector && change.sector != bitmap.sector)
        return fail(Errc::Refused, "{}: its bitmap would lie at sector {} and not at {}, as was asked for: the disks have changed meanwhile, try "
                    "again", name, bitmap.sector, change.sector);
    // Superblocks that speak of two places, after a cut, would be believed by nobody.
    if (bitmap_ && bitmap_->sector != bitmap.sector)
        return fail(Errc::Refused, "{} has a bitmap at sector {} on record, which is not kept, and a new one would lie at sector {}: remove it "
                    "first, with --bitmap=none", name, bitmap_->sector, bitmap.sector);
    bitmap_ = std::move(bitmap);
    say_bitmap(offset);
    return {};
}

Result<> MdMetadata::on(const change::BitmapRemoved &change)
{
    EMD_TRY(check_volume(change.volume));
    if (!bitmap_)
        return fail(Errc::Refused, "{} has no bitmap", view_.volumes[0].name);
    // Who was coming back by it is rebuilt whole. Its superblock has said nothing else (see put_v1): rebuilt up to here, and no further.
    for (Member &m : members_)
        m.returning = false;
    bitmap_.reset();
    say_bitmap(0);
    return {};
}

}  // namespace emd::md
