// SPDX-License-Identifier: GPL-2.0-only
// A new array with superblocks 1.x: where superblock and data lie on each disk, and who has which place. Places are those that
// mdadm chooses, so that its later grows find the room that they look for: in front of the data, or for a bitmap.
#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"

#include "libemd/model/geometry.h"

#include <algorithm>
#include <ctime>
#include <set>

namespace emd::md {

namespace {

constexpr std::uint64_t kGiB = 1ull << 21;          // sectors
constexpr std::uint64_t kDataAlign = 2048;
constexpr std::uint64_t kMirrorAlign = 128;
constexpr std::uint64_t kLogSectors = 8;             // of bad blocks
constexpr std::uint64_t kMostHeadroom = 262144;
constexpr std::uint64_t kParityLogSectors = 2048;
constexpr std::uint32_t kRolesAtFirst = 128;

Result<unsigned> minor_of(const std::string &version)
{
    if (version.empty() || version == "md" || version == "default" || version == "1" || version == "1.2")
        return 2;
    if (version == "1.1" || version == "1.0")
        return version == "1.1" ? 1 : 0;
    if (version.starts_with("0"))
        return fail(Errc::Unsupported, "EMD makes no new array with superblocks {}: take 1.0, which stands at the end of the disks, too", version);
    return fail(Errc::Unsupported, "\"{}\" is no version of md's superblocks: take 1.2, 1.1 or 1.0", version);
}

// What a reshape moves the data by, instead of a backup.
std::uint64_t headroom(std::uint64_t sectors, std::uint32_t chunk_sectors)
{
    std::uint64_t room = kMostHeadroom;
    while (room * 1024 > sectors && room / 2 >= 2 * std::uint64_t{chunk_sectors})
        room /= 2;
    return room;
}

// Where mdadm makes one unasked: disks of 100 GB and more take long to resynchronise.
bool wants_bitmap(const NewArray &want, std::uint64_t component)
{
    return want.bitmap.value_or(!want.parity_log && redundant(want.shape.level) && component >= 100 * 1000 * 1000ull * 2);
}

// Where things lie, on every disk alike but for those that stand at its end.
struct Places {
    unsigned minor = 2;
    std::uint64_t bitmap = 0;  // or for the partial parity log
    std::uint64_t data_offset = 0;

    std::uint64_t record(const Medium &disk) const
    {
        const std::uint64_t sectors = disk.size_bytes() / 512;
        return minor == 0 ? (sectors - 16) & ~7ull : minor == 1 ? 0 : 8;
    }
    // Whole blocks of 4 KiB: linear takes them as they are.
    Result<std::uint64_t> data_sectors(const Medium &disk) const
    {
        const std::uint64_t sectors = disk.size_bytes() / 512;
        const std::uint64_t kept = minor == 0 ? 24 + bitmap + kLogSectors : data_offset;
        if (sectors < kept + kMirrorAlign)
            return fail(Errc::NoSpace, "{} is too small: it has {} sectors, and {} are needed before there is room for data", disk.path(),
                        sectors, kept);
        return ((minor == 0 ? record(disk) - bitmap - kLogSectors : sectors - data_offset)) & ~7ull;
    }
};

Places places_of(const NewArray &want, unsigned minor, std::uint64_t least)
{
    const Shape &shape = want.shape;
    Places places;
    places.minor = minor;
    places.bitmap = want.parity_log ? kParityLogSectors : bitmap_room(least, redundant(shape.level));
    if (minor == 0)
        return places;
    const std::uint64_t front = 24 + places.bitmap + headroom(least, shape.chunk_sectors);
    places.data_offset = (front + kDataAlign - 1) / kDataAlign * kDataAlign;
    return places;
}

std::vector<const Medium *> named(const NewArray &want)
{
    std::vector<const Medium *> all;
    for (const Medium *disk : want.members)
        if (disk)
            all.push_back(disk);
    all.insert(all.end(), want.spares.begin(), want.spares.end());
    return all;
}

Result<> check_disks(const NewArray &want)
{
    const auto all = named(want);
    if (all.empty())
        return fail(Errc::Invalid, "{} needs at least one disk", want.name);
    for (const Medium *disk : all)
        if (disk->sector_bytes() != all[0]->sector_bytes())
            return fail(Errc::Refused, "{} has sectors of {} bytes and {} of {}: an array needs disks of one kind", disk->path(),
                        disk->sector_bytes(), all[0]->path(), all[0]->sector_bytes());
    const auto printable = [](unsigned char c) { return c > ' ' && c != 0x7f; };
    if (want.name.empty() || want.name.size() >= sizeof(V1Bytes::name) || !std::ranges::all_of(want.name, printable))
        return fail(Errc::Invalid, "'{}' is no name for an array: md has room for {} characters that can be printed", want.name,
                    sizeof(V1Bytes::name) - 1);
    if (want.parity_log && want.shape.level != 5)
        return fail(Errc::Invalid, "{} has no use for a partial parity log: RAID5 alone has", want.name);
    if (want.parity_log && want.bitmap.value_or(false))
        return fail(Errc::Invalid, "{} is to have a partial parity log and a bitmap: there is room for one of them", want.name);
    if (!redundant(want.shape.level) && !want.spares.empty())
        return fail(Errc::Invalid, "{} keeps nothing twice and has no use for a spare", want.name);
    return {};
}

// The members' common size, or that of the smallest where each has its own.
Result<Shape> settle(const NewArray &want, const Places &places)
{
    Shape shape = want.shape;
    std::uint64_t least = ~0ull;
    const Medium *smallest = nullptr;
    for (const Medium *disk : named(want)) {
        const std::uint64_t sectors = EMD_TRY(places.data_sectors(*disk));
        if (sectors < least) {
            least = sectors;
            smallest = disk;
        }
    }
    if (shape.component_sectors > least)
        return fail(Errc::NoSpace, "{} is too small: {} sectors of each disk are asked for, and it has {}", smallest->path(),
                    shape.component_sectors, least);
    if (!shape.component_sectors)
        shape.component_sectors = least;
    const std::uint64_t align = shape.level == 1 ? kMirrorAlign : shape.chunk_sectors;
    if (align)
        shape.component_sectors -= shape.component_sectors % align;

    const emd_geometry geometry = geometry_of(shape);
    const char *why = nullptr;
    if (emd_geometry_validate(&geometry, &why))
        return fail(Errc::Invalid, "{}: {} of {} disks is not possible: {}", want.name, level_word(shape.level), shape.raid_disks, why);
    return shape;
}

bool in_zones(const NewArray &want, const Places &places)
{
    std::set<std::uint64_t> sizes;
    for (const Medium *disk : want.members)
        if (disk)
            sizes.insert(places.data_sectors(*disk).value_or(0) / std::max(want.shape.chunk_sectors, 1u));
    return sizes.size() > 1;
}

V1Bytes head_of(const NewArray &want, const Shape &shape, const Places &places, bool clean)
{
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    const bool with_layout = shape.level == 0 && in_zones(want, places);
    std::string name = want.name;
    if (name.find(':') == name.npos && !want.host.empty() && want.host.size() + 1 + name.size() < sizeof(V1Bytes::name))
        name = want.host + ":" + name;
    V1Bytes raw{};
    raw.magic = kMagic;
    raw.major = 1u;
    raw.features = with_layout ? kRaid0Layout : 0u;
    raw.array = random_uuid();
    std::ranges::copy(name, raw.name.begin());
    raw.ctime = now;
    raw.utime = now;
    raw.level = static_cast<std::uint32_t>(shape.level);
    raw.layout = with_layout || (shape.level != 0 && shape.level != 4) ? shape.layout : 0u;
    raw.size = redundant(shape.level) ? shape.component_sectors : 0;
    raw.chunk_sectors = shape.chunk_sectors;
    raw.raid_disks = shape.raid_disks;
    raw.data_offset = places.data_offset;
    raw.bad_sectors = static_cast<std::uint16_t>(kLogSectors);
    raw.bad_offset = places.minor == 0 ? static_cast<std::uint32_t>(-static_cast<std::int32_t>(kLogSectors))
                                     : static_cast<std::uint32_t>(8 + places.bitmap);
    raw.events = redundant(shape.level) ? 1 : 0;
    raw.resync_offset = clean ? kInSync : 0;
    return raw;
}

// The bitmap, and where it lies: in front of the superblock and its list of bad blocks, or behind it. Not set: there is none.
struct PlacedBitmap {
    std::optional<Bitmap> bitmap;
    std::int32_t offset = 0;  // from each superblock
};

Result<PlacedBitmap> place_bitmap(const NewArray &want, const Shape &shape, const Places &places, const Uuid &array)
{
    PlacedBitmap placed;
    if (!wants_bitmap(want, shape.component_sectors))
        return placed;
    if (!redundant(shape.level))
        return fail(Errc::Invalid, "{} keeps nothing twice and has no use for a bitmap", want.name);
    const auto all = named(want);
    const std::uint64_t record = places.record(*all[0]);
    const auto elsewhere = [&](const Medium *disk) { return places.record(*disk) != record; };
    if (!want.bitmap && std::ranges::any_of(all, elsewhere))
        return placed;
    for (const Medium *disk : all)
        if (elsewhere(disk))
            return fail(Errc::Refused, "{} and {} differ in size: with superblocks {} their bitmap would lie at two places, and EMD keeps it at one; "
                        "take --metadata=1.2, or --bitmap=none", all[0]->path(), disk->path(), want.version);
    Bitmap bitmap = EMD_TRY(new_bitmap(array, shape, 0, places.bitmap, want.bitmap_chunk_bytes).within(want.name));
    const auto blocks = bitmap_sectors(bitmap_regions(shape, bitmap.chunk_bytes), 4096);
    placed.offset = places.minor == 0 ? -static_cast<std::int32_t>(blocks + kLogSectors) : 8;
    if (places.minor == 0)
        reserve(bitmap, blocks);
    bitmap.sector = static_cast<std::uint64_t>(static_cast<std::int64_t>(record) + placed.offset);
    placed.bitmap = std::move(bitmap);
    return placed;
}

// Members have the numbers of their slots, spares those behind.
std::vector<std::uint16_t> roles_of(const NewArray &want)
{
    std::vector<std::uint16_t> roles(std::max<std::size_t>(kRolesAtFirst, want.members.size()), kRoleSpare);
    for (std::size_t slot = 0; slot < want.members.size(); slot++)
        if (want.members[slot])
            roles[slot] = static_cast<std::uint16_t>(slot);
    return roles;
}

Member member_of(const Medium &disk, const Places &places, std::uint64_t data_sectors, std::uint32_t number, int slot)
{
    Member member;
    member.state = slot < 0 ? Member::State::Spare : Member::State::Active;
    member.slot = slot;
    member.number = number;
    member.present = true;
    member.path = disk.path();
    member.dev = disk.dev();
    member.sectors = disk.size_bytes() / 512;
    member.sector_bytes = disk.sector_bytes();
    member.record_sector = places.record(disk);
    member.data_offset = places.data_offset;
    member.data_sectors = data_sectors;
    return member;
}

Block block_of(V1Bytes raw, const std::vector<std::uint16_t> &roles, const Member &member)
{
    Block block(kBlockBytes);
    for (std::size_t i = 0; i < roles.size(); i++) {
        const Le16 role(roles[i]);
        std::memcpy(block.data() + sizeof raw + 2 * i, &role, sizeof role);
    }
    raw.super_offset = member.record_sector;
    raw.data_size = member.data_sectors;
    raw.dev_number = member.number;
    raw.device = random_uuid();
    raw.max_dev = static_cast<std::uint32_t>(roles.size());
    seal(block, raw);
    return block;
}

}  // namespace

std::uint64_t bitmap_room(std::uint64_t sectors, bool redundant)
{
    if (!redundant || sectors < 128)
        return 0;
    if (sectors - 128 >= 200 * kGiB)
        return 256;
    return sectors - 8 > 8 * kGiB ? 128 : 8;
}

Result<std::unique_ptr<Metadata>> MdFormat::create_array(const NewArray &want) const
{
    const unsigned minor = EMD_TRY(minor_of(want.version));
    EMD_TRY(check_disks(want));
    std::uint64_t least = kMostSectors - 1;
    for (const Medium *disk : named(want))
        least = std::min(least, disk->size_bytes() / 512);
    const Places places = places_of(want, minor, least);
    const Shape shape = EMD_TRY(settle(want, places));
    const auto missing = static_cast<std::size_t>(std::ranges::count(want.members, nullptr));
    const bool clean = want.assume_clean || EMD_TRY(starts_in_sync(want.name, shape, missing));

    V1Bytes head = head_of(want, shape, places, clean);
    PlacedBitmap placed = EMD_TRY(place_bitmap(want, shape, places, head.array));
    if (placed.bitmap) {
        head.features = head.features.get() | kBitmap;
        head.bitmap_offset = static_cast<std::uint32_t>(placed.offset);
    }
    if (want.parity_log) {
        const std::int64_t offset = minor == 0 ? -static_cast<std::int64_t>(kParityLogSectors + kLogSectors) : 8;
        head.features = head.features.get() | kMultiplePpl;
        head.bitmap_offset = static_cast<std::uint32_t>(kParityLogSectors << 16) | static_cast<std::uint16_t>(offset);
    }
    const std::vector<std::uint16_t> roles = roles_of(want);
    std::vector<Member> members;
    const auto add = [&](const Medium &disk, std::uint32_t number, int slot) -> Result<> {
        Member member = member_of(disk, places, EMD_TRY(places.data_sectors(disk)), number, slot);
        member.block = block_of(head, roles, member);
        const V1 own = EMD_TRY(decode_v1(member.block, member.record_sector, member.sectors));
        member.log = BadLog(own, member.sectors, member.sector_bytes);
        member.ppl_offset = own.ppl_offset;
        member.ppl_sectors = own.ppl_sectors;
        members.push_back(std::move(member));
        return {};
    };
    for (std::size_t slot = 0; slot < want.members.size(); slot++)
        if (want.members[slot])
            EMD_TRY(add(*want.members[slot], static_cast<std::uint32_t>(slot), static_cast<int>(slot)));
    for (std::size_t i = 0; i < want.spares.size(); i++)
        EMD_TRY(add(*want.spares[i], static_cast<std::uint32_t>(want.members.size() + i), -1));

    // What a reader makes of it is what is known of it.
    V1 first = EMD_TRY(decode_v1(members[0].block, members[0].record_sector, members[0].sectors));
    Record record;
    record.events = first.events;
    record.updated = first.utime;
    record.redundant = redundant(shape.level);
    record.written = !clean;
    record.roles = roles;
    FoundParityLog log;
    if (want.parity_log)
        log = load_parity_log(first, shape, members);
    auto fresh = std::make_unique<MdMetadata>(std::move(first), std::move(record), std::move(members), std::move(placed.bitmap),
                                              std::move(log.log), std::move(log.refused), false);
    if (health(fresh->view().volumes[0]) == Health::Failed)
        return fail(Errc::Refused, "{}: {} of {} disks cannot miss {}", want.name, level_word(shape.level), shape.raid_disks,
                    missing);
    return fresh;
}

}  // namespace emd::md
