// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/device/content.h"

#include "libemd/base/bytes.h"
#include "libemd/base/crc32c.h"
#include "libemd/device/signatures.h"

#include <algorithm>
#include <bit>
#include <fcntl.h>
#include <limits>
#include <zlib.h>

namespace emd {
namespace {

using End = std::optional<std::uint64_t>;

constexpr std::size_t kHead = (64 << 10) + 4096;  // bytes: up to the end of btrfs's superblock
constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();  // bytes of a device

// A structure on disk. Reading beyond its end reads zeros, as what is cut off is no part of anything.
class Fields {
public:
    Fields(Bytes from, std::size_t offset, std::size_t length)
    {
        if (offset <= from.size() && length <= from.size() - offset)
            bytes_ = from.subspan(offset, length);
    }
    template <OnDisk T>
    auto get(std::size_t offset) const
    {
        const auto value = read_at<T>(bytes_, offset);
        return value ? value->get() : T{}.get();
    }
    bool has(std::size_t offset, std::string_view magic) const
    {
        return offset <= bytes_.size() && magic.size() <= bytes_.size() - offset &&
               std::memcmp(bytes_.data() + offset, magic.data(), magic.size()) == 0;
    }
    Bytes bytes() const { return bytes_; }
    // As it was when its check sum was made: that was zero.
    std::vector<std::byte> without(std::size_t offset, std::size_t length) const
    {
        std::vector<std::byte> copy(bytes_.begin(), bytes_.end());
        if (offset <= copy.size() && length <= copy.size() - offset)
            std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(offset), length, std::byte{0});
        return copy;
    }

private:
    Bytes bytes_;
};

End product(std::uint64_t count, std::uint64_t unit)
{
    if (!count || !unit || count > kMost / unit)
        return std::nullopt;
    return count * unit;
}

// --- ext2, ext3, ext4 -------------------------------------------------------------------------------------------------

constexpr std::uint32_t kExtJournal = 0x4;  // feature_compat
constexpr std::uint32_t kExtRoOfExt3 = 0x7, kExtSums = 0x400;  // feature_ro_compat
constexpr std::uint32_t kExtOfExt3 = 0x16, kExtJournalDevice = 0x8, kExt64Bit = 0x80;  // feature_incompat
constexpr std::uint32_t kExtKnown = 0x3f7df;  // up to casefold: none of them says anything else of the number of blocks
constexpr std::uint32_t kExtLargestBlock = 6;  // 64 KiB

End ext_end(const Fields &sb)
{
    const std::uint32_t log = sb.get<Le32>(24), incompat = sb.get<Le32>(96), first = sb.get<Le32>(20);
    if (log > kExtLargestBlock || (incompat & ~kExtKnown) || first > 1)
        return std::nullopt;
    if ((sb.get<Le32>(100) & kExtSums) && sb.get<Le32>(1020) != ~crc32c(sb.bytes().first(1020)))
        return std::nullopt;
    std::uint64_t blocks = sb.get<Le32>(4);
    if (incompat & kExt64Bit)
        blocks |= std::uint64_t{sb.get<Le32>(336)} << 32;
    return blocks > first ? product(blocks, std::uint64_t{1024} << log) : std::nullopt;
}

std::optional<Content> ext(Bytes head)
{
    const Fields sb(head, 1024, 1024);
    if (sb.get<Le16>(56) != 0xef53)
        return std::nullopt;
    const std::uint32_t compat = sb.get<Le32>(92), incompat = sb.get<Le32>(96), ro = sb.get<Le32>(100);
    if (incompat & kExtJournalDevice)
        return Content{"jbd", "the journal of an ext4 file system", ext_end(sb)};
    const char *type = (incompat & ~kExtOfExt3) || (ro & ~kExtRoOfExt3) ? "ext4" : compat & kExtJournal ? "ext3" : "ext2";
    return Content{type, fmt::format("an {} file system", type), ext_end(sb)};
}

// --- XFS --------------------------------------------------------------------------------------------------------------

constexpr std::uint32_t kXfsKnown = 0x1ff;  // up to metadir; with zones there may be a section behind the data
constexpr std::size_t kXfsLargestSector = 32768;

struct XfsSize {
    std::uint64_t blocks = 0;
    std::uint32_t block_bytes = 0, group_blocks = 0, sector_bytes = 0;
};

// `from` begins with a superblock; each group has one.
std::optional<XfsSize> xfs_size(Bytes from)
{
    const Fields sb(from, 0, std::min(from.size(), kXfsLargestSector));
    const XfsSize size{sb.get<Be64>(8), sb.get<Be32>(4), sb.get<Be32>(84), sb.get<Be16>(102)};
    const std::uint32_t groups = sb.get<Be32>(88), version = sb.get<Be16>(100) & 0xf;
    if (!sb.has(0, "XFSB") || !std::has_single_bit(size.block_bytes) || size.block_bytes < 512 || size.block_bytes > 65536 ||
        !std::has_single_bit(size.sector_bytes) || size.sector_bytes < 512 || size.sector_bytes > kXfsLargestSector || version < 1 || version > 5)
        return std::nullopt;
    // The last group may be short, no other.
    const std::uint64_t most = std::uint64_t{groups} * size.group_blocks;
    if (!groups || size.blocks > most || size.blocks <= most - size.group_blocks)
        return std::nullopt;
    if (version == 5) {
        const Fields sector(from, 0, size.sector_bytes);
        if ((sb.get<Be32>(216) & ~kXfsKnown) || sector.bytes().empty() || crc32c(sector.without(224, 4)) != sb.get<Le32>(224))
            return std::nullopt;
    }
    return size;
}

// While it is mounted its superblock comes to the disk late, but those of the other groups before growing has ended.
Result<std::optional<Content>> xfs(const Medium &medium, Bytes head)
{
    const Fields sb(head, 0, 512);
    if (!sb.has(0, "XFSB"))
        return std::optional<Content>();
    Content found{"xfs", "an XFS file system", std::nullopt};
    const auto size = xfs_size(head);
    if (!size)
        return found;
    std::uint64_t blocks = size->blocks;
    const std::uint64_t second = std::uint64_t{size->group_blocks} * size->block_bytes;
    if (second <= medium.size_bytes() && medium.size_bytes() - second >= size->sector_bytes) {
        std::vector<std::byte> copy(size->sector_bytes);
        EMD_TRY(medium.read(second, copy));
        const auto theirs = xfs_size(copy);
        if (theirs && theirs->block_bytes == size->block_bytes && std::ranges::equal(Fields(copy, 32, 16).bytes(), Fields(head, 32, 16).bytes()))
            blocks = std::max(blocks, theirs->blocks);
    }
    found.end_bytes = product(blocks, size->block_bytes);
    return found;
}

// --- btrfs ------------------------------------------------------------------------------------------------------------

constexpr std::uint64_t kBtrfsAt = 64 << 10;
constexpr std::size_t kBtrfsDevice = 201;  // of dev_item: this device's part of the file system

End btrfs_end(const Fields &sb)
{
    const std::uint64_t all = sb.get<Le64>(112), here = sb.get<Le64>(kBtrfsDevice + 8), sector = sb.get<Le32>(144);
    if (sb.get<Le64>(48) != kBtrfsAt || !std::has_single_bit(sector) || sector < 512 || sector > 65536 || here % sector || here > all ||
        here < kBtrfsAt + 4096 || here > kMost)
        return std::nullopt;
    if (sb.get<Le16>(196) == 0 && sb.get<Le32>(0) != crc32c(sb.bytes().subspan(32)))  // of other kinds of sums nothing is computed
        return std::nullopt;
    return here;
}

std::optional<Content> btrfs(Bytes head)
{
    const Fields sb(head, kBtrfsAt, 4096);
    if (!sb.has(64, "_BHRfS_M"))
        return std::nullopt;
    return Content{"btrfs", "a btrfs file system", btrfs_end(sb)};
}

// --- swap -------------------------------------------------------------------------------------------------------------

// Its numbers are those of the machine that made it: of another byte order the version is none.
std::optional<Content> swap(Bytes head)
{
    for (std::size_t page = 4096; page <= 65536; page *= 2) {
        const Fields header(head, 0, page);
        if (!header.has(page - 10, "SWAPSPACE2"))
            continue;
        const std::uint64_t last = header.get<Le32>(1028);
        return Content{"swap", "a swap area", header.get<Le32>(1024) == 1 && last ? product(last + 1, page) : std::nullopt};
    }
    return std::nullopt;
}

// --- partition tables -------------------------------------------------------------------------------------------------

constexpr std::uint32_t kGptMostEntries = 1 << 16;

End gpt_end(Bytes head, std::uint64_t sector_bytes)
{
    const Fields header(head, sector_bytes, sector_bytes);
    const std::uint32_t length = header.get<Le32>(12), count = header.get<Le32>(80), entry = header.get<Le32>(84);
    const std::uint64_t backup = header.get<Le64>(32), first = header.get<Le64>(40), last = header.get<Le64>(48);
    if (length < 92 || length > sector_bytes || header.get<Le64>(24) != 1 || backup <= 1 || !first || last < first ||
        !count || count > kGptMostEntries || entry < 128 || entry > 4096 || !std::has_single_bit(entry))
        return std::nullopt;
    const auto summed = Fields(header.bytes(), 0, length).without(16, 4);
    if (crc32(0, reinterpret_cast<const Bytef *>(summed.data()), static_cast<uInt>(summed.size())) != header.get<Le32>(16))
        return std::nullopt;
    const std::uint64_t table = (std::uint64_t{count} * entry + sector_bytes - 1) / sector_bytes;
    if (std::max(backup, last) > kMost / sector_bytes - table - 2)
        return std::nullopt;
    return product(std::max(backup, last + table + 1) + 1, sector_bytes);
}

// A GPT has an MBR of one entry in front of it, so that nobody takes the disk for an empty one.
std::optional<Content> partition_table(Bytes head, unsigned sector_bytes)
{
    for (const unsigned bytes : {sector_bytes, 512u, 4096u})
        if (Fields(head, bytes, bytes).has(0, "EFI PART"))
            return Content{"gpt", "a GPT partition table", gpt_end(head, bytes)};
    const Fields mbr(head, 0, 512);
    if (!mbr.has(510, "\x55\xaa"))
        return std::nullopt;
    End end = 512;
    for (std::size_t entry = 446; entry < 510; entry += 16) {
        const unsigned flags = mbr.get<Wire<std::uint8_t, Endian::Little>>(entry), type = mbr.get<Wire<std::uint8_t, Endian::Little>>(entry + 4);
        const std::uint64_t start = mbr.get<Le32>(entry + 8), sectors = mbr.get<Le32>(entry + 12);
        if (flags & 0x7f)
            return std::nullopt;  // the code of a boot sector
        if (type == 0xee)
            return Content{"gpt", "a GPT partition table", std::nullopt};
        if (!type || !sectors)
            continue;
        const End its = start ? product(start + sectors, sector_bytes) : std::nullopt;
        end = end && its ? std::max(end, its) : std::nullopt;
    }
    return Content{"dos", "an MBR partition table", end};
}

// --- recognised only --------------------------------------------------------------------------------------------------

std::optional<Content> luks(Bytes head)
{
    if (!Fields(head, 0, 512).has(0, "LUKS\xba\xbe"))
        return std::nullopt;
    return Content{"crypto_LUKS", "a LUKS encrypted volume", std::nullopt};
}

std::optional<Content> lvm(Bytes head)
{
    for (std::size_t sector = 0; sector < 4; sector++) {
        const Fields label(head, sector * 512, 512);
        if (label.has(0, "LABELONE") && label.has(24, "LVM2 001"))
            return Content{"LVM2_member", "an LVM2 physical volume", std::nullopt};
    }
    return std::nullopt;
}

// --- the device as the page cache has it ------------------------------------------------------------------------------

class CachedDevice final : public Medium {
public:
    CachedDevice(const BlockDevice &device, Fd fd) : device_(device), fd_(std::move(fd)) {}

    const std::string &path() const override { return device_.path(); }
    DevNum dev() const override { return device_.dev(); }
    std::uint64_t size_bytes() const override { return device_.size_bytes(); }
    unsigned sector_bytes() const override { return device_.sector_bytes(); }
    bool partition() const override { return device_.partition(); }
    std::string serial() const override { return device_.serial(); }
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const override
    {
        while (!out.empty()) {
            const ssize_t got = ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset_bytes));
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return fail_errno(errno, "reading {} at byte {}", path(), offset_bytes);
            if (got == 0)
                return fail(Errc::Io, "reading {} at byte {}: it ends early", path(), offset_bytes);
            out = out.subspan(static_cast<std::size_t>(got));
            offset_bytes += static_cast<std::uint64_t>(got);
        }
        return {};
    }

private:
    const BlockDevice &device_;
    Fd fd_;
};

// What is one thing under several names: ext2 becomes ext3 while somebody looks, and a table's MBR is libblkid's "PMBR".
std::string_view family(std::string_view type)
{
    if (type.starts_with("ext"))
        return "ext";
    return type == "PMBR" ? "gpt" : type;
}

Content *same_thing(std::vector<Content> &all, std::string_view type)
{
    const auto found = std::ranges::find_if(all, [&](const Content &c) { return family(c.type) == family(type); });
    return found == all.end() ? nullptr : &*found;
}

}  // namespace

Result<std::vector<Content>> content_of(const Medium &medium)
{
    std::vector<std::byte> head(std::min<std::uint64_t>(medium.size_bytes(), kHead));
    EMD_TRY(medium.read(0, head));
    std::vector<Content> all;
    for (auto &found : {luks(head), lvm(head), ext(head), EMD_TRY(xfs(medium, head)), btrfs(head), swap(head),
                        partition_table(head, medium.sector_bytes())})
        if (found)
            all.push_back(*found);
    return all;
}

Result<std::vector<Content>> content_of(const std::string &path)
{
    const auto device = EMD_TRY(BlockDevice::open(path, OpenMode::Read));
    std::vector<Content> all = EMD_TRY(content_of(*device));
    const CachedDevice cached(*device, EMD_TRY(open_number(device->dev(), O_RDONLY)));
    for (const Content &other : EMD_TRY(content_of(cached))) {
        Content *const known = same_thing(all, other.type);
        if (!known)
            all.push_back(other);
        else
            known->end_bytes = std::max(known->end_bytes, other.end_bytes);  // none is less than any: one of them was being written
    }
    for (const Signature &s : EMD_TRY(find_signatures(*device)))
        if (!same_thing(all, s.type))
            all.push_back({s.type, describe(s), std::nullopt});
    return all;
}

}  // namespace emd
