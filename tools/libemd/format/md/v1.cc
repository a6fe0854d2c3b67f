// SPDX-License-Identifier: GPL-2.0-only
// Superblock 1.x: 256 bytes and a role per device, little-endian.
#include "libemd/format/md/superblock.h"
#include "libemd/format/md/v1_bytes.h"

#include <algorithm>

namespace emd::md {

namespace {

constexpr std::size_t kMostRoles = (kBlockBytes - sizeof(V1Bytes)) / 2;
constexpr std::uint64_t kSeconds = (1ULL << 40) - 1;  // of a time; microseconds above

// The bytes in order are the digits in order, where to_string() has a little-endian word.
Uuid uuid_of(const std::array<std::uint8_t, 16> &bytes)
{
    Uuid uuid;
    for (std::size_t i = 0; i < uuid.size(); i++)
        uuid[i / 4 * 4 + 3 - i % 4] = bytes[i];
    return uuid;
}

// It is shown on terminals and in lines that programs read.
std::string name_of(const std::array<char, 32> &bytes)
{
    std::string name(bytes.begin(), std::ranges::find(bytes, '\0'));
    std::ranges::replace_if(name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
    return name;
}

std::optional<Reshape> reshape_of(const V1Bytes &raw, std::uint32_t features)
{
    if (!(features & kReshape))
        return std::nullopt;
    Reshape r;
    r.position = raw.reshape_position.get();
    r.delta_disks = static_cast<std::int32_t>(raw.delta_disks.get());
    r.level = static_cast<std::int32_t>(raw.new_level.get());
    r.layout = raw.new_layout.get();
    r.chunk_sectors = raw.new_chunk.get();
    r.new_offset = features & kNewOffset ? static_cast<std::int32_t>(raw.new_offset.get()) : 0;
    // As md has it; a change of level, which md does not go on with, goes against the way of the data.
    const bool md_has_it = r.level == static_cast<std::int32_t>(raw.level.get());
    r.backward = md_has_it ? r.delta_disks < 0 || (r.delta_disks == 0 && (features & kBackward)) : r.new_offset > 0;
    return r;
}

Result<> check_places(const V1 &sb)
{
    for (const auto &[value, what] : {std::pair(sb.sector, "own place"), std::pair(sb.data_offset, "data offset"),
                                      std::pair(sb.data_size, "size of the data"), std::pair(sb.recovery_offset, "recovery offset")})
        if (value >= kMostSectors)
            return fail(Errc::Corrupt, "its {}, sector {}, is not possible", what, value);
    if (sb.reshape && sb.reshape->new_offset < -static_cast<std::int64_t>(sb.data_offset))
        return fail(Errc::Corrupt, "its data would move to before the disk's first sector");
    return {};
}

V1 take_apart(const V1Bytes &raw)
{
    V1 sb;
    sb.checksum = raw.checksum.get();
    sb.array = uuid_of(raw.array);
    sb.ctime = raw.ctime.get() & kSeconds;
    sb.utime = raw.utime.get() & kSeconds;
    sb.level = static_cast<std::int32_t>(raw.level.get());
    sb.layout = raw.layout.get();
    sb.chunk_sectors = raw.chunk_sectors.get();
    sb.raid_disks = raw.raid_disks.get();
    sb.size = raw.size.get();
    sb.events = raw.events.get();
    sb.features = raw.features.get();
    sb.reshape = reshape_of(raw, sb.features);
    sb.unknown_fields = raw.pad0.get() != 0 || !all_zero(raw.pad3);
    sb.name = name_of(raw.name);
    if (sb.features & kBitmap)
        sb.bitmap_offset = static_cast<std::int32_t>(raw.bitmap_offset.get());
    if (sb.features & (kPpl | kMultiplePpl)) {
        sb.ppl_offset = static_cast<std::int16_t>(raw.bitmap_offset.get() & 0xffff);
        sb.ppl_sectors = raw.bitmap_offset.get() >> 16;
    }
    sb.data_offset = raw.data_offset.get();
    sb.data_size = raw.data_size.get();
    sb.recovery_offset = sb.features & kRecovery ? raw.recovery_offset.get() : 0;
    sb.dev_number = raw.dev_number.get();
    sb.corrected_reads = raw.corrected_reads.get();
    sb.device = uuid_of(raw.device);
    sb.flags = raw.flags;
    sb.bad_shift = raw.bad_shift;
    sb.bad_sectors = raw.bad_sectors.get();
    sb.bad_offset = static_cast<std::int32_t>(raw.bad_offset.get());
    sb.resync_offset = raw.resync_offset.get();
    return sb;
}

}  // namespace

// An odd last role counts as its own word.
std::uint32_t checksum_v1(Bytes block, std::size_t size)
{
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at + 4 <= size; at += 4)
        if (at != offsetof(V1Bytes, checksum))
            sum += read_at<Le32>(block, at)->get();
    if (size % 4 == 2)
        sum += read_at<Le16>(block, size - 2)->get();
    return static_cast<std::uint32_t>(sum + (sum >> 32));
}

Result<V1> decode_v1(Bytes block, std::uint64_t sector, std::uint64_t device_sectors)
{
    const V1Bytes raw = EMD_TRY(read_at<V1Bytes>(block, 0));
    // Only its own place tells a superblock from one that stands in the data, or belongs to a partition.
    if (raw.magic.get() != kMagic || raw.major.get() != 1 || raw.super_offset.get() != sector)
        return fail(Errc::NotFound, "no superblock of md 1.x at sector {}", sector);
    const std::size_t roles = raw.max_dev.get();
    if (roles > kMostRoles || sizeof(raw) + 2 * roles > block.size())
        return fail(Errc::Corrupt, "{} roles are more than fit into it", roles);
    if (const std::uint32_t sum = checksum_v1(block, sizeof(raw) + 2 * roles); sum != raw.checksum.get())
        return fail(Errc::Corrupt, "its checksum is {:x} and should be {:x}", raw.checksum.get(), sum);

    V1 sb = take_apart(raw);
    sb.sector = sector;
    sb.minor = sector == 0 ? 1 : sector == 8 ? 2 : 0;
    for (std::size_t i = 0; i < roles; i++)
        sb.roles.push_back(read_at<Le16>(block, sizeof(raw) + 2 * i)->get());
    EMD_TRY(check_places(sb));
    EMD_TRY(check_common(sb));
    sb.cut_short = sb.data_offset + sb.data_size > device_sectors;
    return sb;
}

std::uint8_t begun_mark(std::uint64_t data_offset, std::int64_t new_offset)
{
    const std::uint64_t place = data_offset + static_cast<std::uint64_t>(new_offset);
    return static_cast<std::uint8_t>(kBegunByEmd | (place % 31 + 1) << 2);
}

bool begun_by_emd(const V1 &sb)
{
    return sb.reshape && (sb.flags & (kBegunByEmd | kBegunWhich)) == begun_mark(sb.data_offset, sb.reshape->new_offset);
}

std::uint8_t unmarked(std::uint8_t flags)
{
    return static_cast<std::uint8_t>(flags & kBegunByEmd ? flags & ~(kBegunByEmd | kBegunWhich) : flags);
}

std::string version_text(const V1 &sb)
{
    return fmt::format("1.{}", sb.minor);
}

}  // namespace emd::md
