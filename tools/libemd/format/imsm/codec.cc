// SPDX-License-Identifier: GPL-2.0-only
//
// Theory
//
// An MPB is a header, a table of disks, a packed table of volumes (each a fixed part and one or two maps, each map with a
// word per member), and a log of bad blocks that ends exactly at mpb_size. Nothing in it is trusted: a Cursor hands out
// each part only if it lies inside what is left, counts are checked against the tables that they count into, and numbers
// that enter arithmetic later are bounded here (kMaxSectors), so that sums and products of them cannot overflow.
//
// Drives with 4096-byte sectors store some numbers divided by eight. `Scale` turns them into 512-byte sectors right here,
// and back, so that nobody else knows. The checksum is over the stored form.
#include "libemd/format/imsm/mpb.h"

#include <algorithm>

namespace emd::imsm {

namespace {

constexpr std::size_t kMaxMpbBytes = 1 << 18;               // far above 255 disks and two volumes of 255 members
constexpr std::uint64_t kMaxSectors = 1ULL << 50;           // 512 PiB

class Scale {
public:
    explicit Scale(unsigned sector_bytes) : factor_(sector_bytes / 512) {}
    std::uint64_t load(std::uint64_t stored) const { return stored * factor_; }
    std::uint64_t store(std::uint64_t sectors) const { return sectors / factor_; }

private:
    std::uint64_t factor_;
};

std::uint64_t join(const Le32 &lo, const Le32 &hi) { return static_cast<std::uint64_t>(hi.get()) << 32 | lo.get(); }

void split(std::uint64_t value, Le32 &lo, Le32 &hi)
{
    lo = static_cast<std::uint32_t>(value);
    hi = static_cast<std::uint32_t>(value >> 32);
}

// Hands out the parts of a buffer one behind the other.
class Cursor {
public:
    Cursor(Bytes bytes, std::size_t at) : bytes_(bytes), at_(at) {}

    template <OnDisk T>
    Result<T> take()
    {
        T value = EMD_TRY(read_at<T>(bytes_, at_));
        at_ += sizeof(T);
        return value;
    }

    Bytes rest() const { return bytes_.subspan(at_); }

private:
    Bytes bytes_;
    std::size_t at_;
};

// Puts parts one behind the other; the caller sized the buffer with encoded_size().
class Writer {
public:
    explicit Writer(MutableBytes out) : out_(out) {}

    template <OnDisk T>
    void put(const T &value)
    {
        if (write_at(out_, at_, value))
            at_ += sizeof(T);
    }

    void put(std::span<const std::byte> bytes)
    {
        std::ranges::copy(bytes, out_.subspan(at_).begin());
        at_ += bytes.size();
    }

private:
    MutableBytes out_;
    std::size_t at_ = 0;
};

Result<std::uint64_t> bounded(std::uint64_t sectors, const char *what)
{
    if (sectors > kMaxSectors)
        return fail(Errc::Corrupt, "{} of {} sectors cannot be true", what, sectors);
    return sectors;
}

// -- maps and volumes --

Result<Map> take_map(Cursor &from, const Scale &scale, bool high_words, std::size_t disks)
{
    Map map;
    map.raw = EMD_TRY(from.take<MapBytes>());
    if (!high_words)  // writers of old left garbage there
        map.raw.pba_of_lba0_hi = map.raw.blocks_per_member_hi = map.raw.num_data_stripes_hi = 0u;

    const MapBytes &raw = map.raw;
    map.start = EMD_TRY(bounded(scale.load(join(raw.pba_of_lba0_lo, raw.pba_of_lba0_hi)), "a volume's start"));
    map.blocks_per_member =
        EMD_TRY(bounded(scale.load(join(raw.blocks_per_member_lo, raw.blocks_per_member_hi)), "a member"));
    map.num_data_stripes = join(raw.num_data_stripes_lo, raw.num_data_stripes_hi);
    map.strip = static_cast<std::uint32_t>(scale.load(raw.blocks_per_strip.get()));
    map.state = raw.map_state;
    map.level = raw.raid_level;
    map.domains = raw.num_domains;
    map.failed_disk = raw.failed_disk_num;
    if (raw.num_members == 0)
        return fail(Errc::Corrupt, "a volume without members");
    std::uint64_t sectors;  // twice, because a mirror counts its stripes per copy
    if (__builtin_mul_overflow(map.num_data_stripes, 2ULL * map.strip, &sectors) || sectors > kMaxSectors)
        return fail(Errc::Corrupt, "{} stripes of {} sectors cannot be true", map.num_data_stripes, map.strip);

    for (unsigned slot = 0; slot < raw.num_members; slot++) {
        const std::uint32_t ord = EMD_TRY(from.take<Le32>()).get();
        if ((ord & kOrdIndex) >= disks)
            return fail(Errc::Corrupt, "slot {} names disk {}, but there are {}", slot, ord & kOrdIndex, disks);
        map.ord.push_back(ord);
    }
    return map;
}

void put_map(Writer &to, const Map &map, const Scale &scale)
{
    MapBytes raw = map.raw;
    split(scale.store(map.start), raw.pba_of_lba0_lo, raw.pba_of_lba0_hi);
    split(scale.store(map.blocks_per_member), raw.blocks_per_member_lo, raw.blocks_per_member_hi);
    split(map.num_data_stripes, raw.num_data_stripes_lo, raw.num_data_stripes_hi);
    raw.blocks_per_strip = static_cast<std::uint16_t>(scale.store(map.strip));
    raw.map_state = map.state;
    raw.raid_level = map.level;
    raw.num_members = static_cast<std::uint8_t>(map.ord.size());
    raw.num_domains = map.domains;
    raw.failed_disk_num = map.failed_disk;
    to.put(raw);
    for (const std::uint32_t ord : map.ord)
        to.put(Le32(ord));
}

Result<Dev> take_dev(Cursor &from, const Scale &scale, bool high_words, std::size_t disks)
{
    Dev dev;
    dev.raw = EMD_TRY(from.take<DevBytes>());
    const DevBytes &raw = dev.raw;
    dev.name = raw.name;
    dev.size = EMD_TRY(bounded(scale.load(join(raw.size_lo, raw.size_hi)), "a volume"));
    dev.status = raw.status.get();
    dev.id = raw.volume_id.get();
    dev.rwh_policy = raw.rwh_policy;
    dev.migr_unit = scale.load(join(raw.migr_unit_lo, raw.migr_unit_hi));  // bounded where it is used
    dev.migr_type = raw.migr_type;
    dev.dirty = raw.dirty;
    if (raw.migr_state > 1)
        return fail(Errc::Corrupt, "migration state {} is unknown", raw.migr_state);
    dev.migrating = raw.migr_state == 1;

    dev.map0 = EMD_TRY(take_map(from, scale, high_words, disks));
    if (dev.migrating)
        dev.map1 = EMD_TRY(take_map(from, scale, high_words, disks));
    return dev;
}

void put_dev(Writer &to, const Dev &dev, const Scale &scale)
{
    DevBytes raw = dev.raw;
    raw.name = dev.name;
    split(scale.store(dev.size), raw.size_lo, raw.size_hi);
    raw.status = dev.status;
    raw.volume_id = dev.id;
    raw.rwh_policy = dev.rwh_policy;
    split(scale.store(dev.migr_unit), raw.migr_unit_lo, raw.migr_unit_hi);
    raw.migr_state = dev.migrating;
    raw.migr_type = dev.migr_type;
    raw.dirty = dev.dirty;
    to.put(raw);
    put_map(to, dev.map0, scale);
    if (dev.migrating)
        put_map(to, dev.map1, scale);
}

std::size_t map_size(const Map &map) { return sizeof(MapBytes) + sizeof(Le32) * map.ord.size(); }

// -- disks and bad blocks --

Result<DiskEntry> take_disk(Cursor &from, const Scale &scale, bool high_words)
{
    DiskEntry disk;
    disk.raw = EMD_TRY(from.take<DiskBytes>());
    if (!high_words)
        disk.raw.total_blocks_hi = 0u;
    disk.serial = disk.raw.serial;
    disk.sectors = EMD_TRY(bounded(scale.load(join(disk.raw.total_blocks_lo, disk.raw.total_blocks_hi)), "a disk"));
    disk.scsi_id = disk.raw.scsi_id.get();
    disk.status = disk.raw.status.get();
    return disk;
}

void put_disk(Writer &to, const DiskEntry &disk, const Scale &scale)
{
    DiskBytes raw = disk.raw;
    raw.serial = disk.serial;
    split(scale.store(disk.sectors), raw.total_blocks_lo, raw.total_blocks_hi);
    raw.scsi_id = disk.scsi_id;
    raw.status = disk.status;
    to.put(raw);
}

Result<std::vector<BadEntry>> decode_bad_log(Bytes log, const Scale &scale)
{
    std::vector<BadEntry> entries;
    if (log.empty())
        return entries;

    Cursor from(log, 0);
    const auto header = EMD_TRY(from.take<BadLogBytes>());
    if (header.signature.get() != kBadLogSignature)
        return fail(Errc::Corrupt, "the bad-block log has no signature");
    const std::size_t count = header.entry_count.get();
    if (count > kMaxBadEntries || log.size() != sizeof(BadLogBytes) + count * sizeof(BadEntryBytes))
        return fail(Errc::Corrupt, "{} entries do not make a bad-block log of {} bytes", count, log.size());

    for (std::size_t i = 0; i < count; i++) {
        const auto raw = EMD_TRY(from.take<BadEntryBytes>());
        const std::uint64_t start = static_cast<std::uint64_t>(raw.start_hi.get()) << 16 | raw.start_lo.get();
        entries.push_back({.disk = raw.disk,
                           .start = scale.load(start),
                           .sectors = static_cast<std::uint32_t>(scale.load(raw.blocks_minus_one + 1u))});
    }
    return entries;
}

void put_bad_log(Writer &to, const std::vector<BadEntry> &entries, const Scale &scale)
{
    if (entries.empty())
        return;
    to.put(BadLogBytes{.signature = kBadLogSignature, .entry_count = static_cast<std::uint32_t>(entries.size())});
    for (const BadEntry &entry : entries) {
        const std::uint64_t start = scale.store(entry.start);
        const std::uint64_t blocks = std::max<std::uint64_t>(1, scale.store(entry.sectors));
        to.put(BadEntryBytes{.blocks_minus_one = static_cast<std::uint8_t>(blocks - 1),
                             .disk = entry.disk,
                             .start_lo = static_cast<std::uint16_t>(start),
                             .start_hi = static_cast<std::uint32_t>(start >> 16)});
    }
}

std::size_t bad_log_size(const Mpb &mpb)
{
    return mpb.bad.empty() ? 0 : sizeof(BadLogBytes) + mpb.bad.size() * sizeof(BadEntryBytes);
}

HeaderBytes header_of(const Mpb &mpb)
{
    HeaderBytes raw = mpb.raw;
    raw.check_sum = 0u;
    raw.mpb_size = static_cast<std::uint32_t>(encoded_size(mpb));
    raw.family_num = mpb.family;
    raw.generation_num = mpb.generation;
    raw.attributes = mpb.attributes;
    raw.num_disks = static_cast<std::uint8_t>(mpb.disks.size());
    raw.num_raid_devs = static_cast<std::uint8_t>(mpb.devs.size());
    raw.orig_family_num = mpb.orig_family;
    raw.bbm_log_size = static_cast<std::uint32_t>(bad_log_size(mpb));
    raw.num_raid_devs_created = mpb.volumes_created;
    raw.creation_time = mpb.creation_time;
    return raw;
}

}  // namespace

std::string_view Mpb::version() const
{
    const std::string_view text(raw.signature.data() + kVersionAt, raw.signature.size() - kVersionAt);
    return text.substr(0, text.find('\0'));
}

std::size_t encoded_size(const Mpb &mpb)
{
    std::size_t size = sizeof(HeaderBytes) + mpb.disks.size() * sizeof(DiskBytes) + mpb.extra.size() + bad_log_size(mpb);
    for (const Dev &dev : mpb.devs)
        size += sizeof(DevBytes) + map_size(dev.map0) + (dev.migrating ? map_size(dev.map1) : 0);
    return size;
}

Result<HeaderBytes> decode_header(Bytes anchor)
{
    const auto header = EMD_TRY(read_at<HeaderBytes>(anchor, 0));
    if (std::string_view(header.signature.data(), kSignature.size()) != kSignature)
        return fail(Errc::NotFound, "no IMSM signature");
    const std::size_t size = header.mpb_size.get();
    const std::size_t tables = sizeof(HeaderBytes) + header.num_disks * sizeof(DiskBytes);
    if (size < tables || size > kMaxMpbBytes)
        return fail(Errc::Corrupt, "IMSM metadata of {} bytes with {} disks cannot be true", size, header.num_disks);
    if (header.bbm_log_size.get() > size - tables)
        return fail(Errc::Corrupt, "a bad-block log of {} bytes does not fit into {}", header.bbm_log_size.get(), size);
    return header;
}

std::uint32_t checksum(Bytes mpb)
{
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at + sizeof(Le32) <= mpb.size(); at += sizeof(Le32)) {
        Le32 word;
        std::memcpy(&word, mpb.data() + at, sizeof(word));
        if (at != offsetof(HeaderBytes, check_sum))
            sum += word.get();
    }
    return sum;
}

Result<Mpb> decode_mpb(Bytes image, unsigned sector_bytes)
{
    const Scale scale(sector_bytes);
    Mpb mpb;
    mpb.raw = EMD_TRY(decode_header(image));
    const HeaderBytes &raw = mpb.raw;
    if (raw.mpb_size.get() > image.size())
        return fail(Errc::Corrupt, "{} of {} bytes of IMSM metadata are there", image.size(), raw.mpb_size.get());
    const Bytes bytes = image.first(raw.mpb_size.get());
    if (checksum(bytes) != raw.check_sum.get())
        return fail(Errc::Corrupt, "the checksum of the IMSM metadata is {:08x}, but {:08x} is recorded", checksum(bytes),
                    raw.check_sum.get());

    mpb.family = raw.family_num.get();
    mpb.orig_family = raw.orig_family_num.get();
    mpb.generation = raw.generation_num.get();
    mpb.attributes = raw.attributes.get();
    mpb.volumes_created = raw.num_raid_devs_created.get();
    mpb.creation_time = raw.creation_time.get();

    const Bytes tables = bytes.first(bytes.size() - raw.bbm_log_size.get());
    const bool high_words = mpb.attributes & kAttrDisk2Tb;
    Cursor from(tables, sizeof(HeaderBytes));
    for (unsigned i = 0; i < raw.num_disks; i++)
        mpb.disks.push_back(EMD_TRY(take_disk(from, scale, high_words)));
    for (unsigned i = 0; i < raw.num_raid_devs; i++)
        mpb.devs.push_back(EMD_TRY(take_dev(from, scale, high_words, mpb.disks.size()).within(fmt::format("volume {}", i))));
    mpb.slack.assign(image.begin() + static_cast<std::ptrdiff_t>(bytes.size()), image.end());
    mpb.extra.assign(from.rest().begin(), from.rest().end());
    mpb.bad = EMD_TRY(decode_bad_log(bytes.last(raw.bbm_log_size.get()), scale));
    return mpb;
}

void encode_mpb(const Mpb &mpb, MutableBytes out, unsigned sector_bytes)
{
    const Scale scale(sector_bytes);
    std::ranges::fill(out, std::byte{0});
    Writer to(out);
    HeaderBytes header = header_of(mpb);
    to.put(header);
    for (const DiskEntry &disk : mpb.disks)
        put_disk(to, disk, scale);
    for (const Dev &dev : mpb.devs)
        put_dev(to, dev, scale);
    to.put(std::span<const std::byte>(mpb.extra));
    put_bad_log(to, mpb.bad, scale);

    const std::size_t size = encoded_size(mpb);
    if (size == mpb.raw.mpb_size.get() && mpb.slack.size() <= out.size() - size)
        to.put(std::span<const std::byte>(mpb.slack));
    header.check_sum = checksum(out.first(size));
    Writer(out).put(header);
}

std::optional<Record> decode_record(Bytes sector, unsigned sector_bytes)
{
    const auto raw = read_at<RecordBytes>(sector, 0);
    if (!raw || all_zero(bytes_of(*raw)))
        return std::nullopt;

    const Scale scale(sector_bytes);
    Record record;
    record.raw = *raw;
    record.copy_valid = raw->rec_status.get() == 1;
    record.unit = join(raw->unit_lo, raw->unit_hi);
    record.family = raw->family_num.get();
    record.ascending = raw->ascending.get() == 1;
    record.blocks_per_unit = static_cast<std::uint32_t>(scale.load(raw->blocks_per_unit.get()));
    record.depth = static_cast<std::uint32_t>(scale.load(raw->dest_depth_per_unit.get()));
    record.copy_area = scale.load(join(raw->copy_area_lo, raw->copy_area_hi));
    record.dest_first = scale.load(join(raw->dest_first_lba_lo, raw->dest_first_lba_hi));
    record.units = join(raw->num_units_lo, raw->num_units_hi);
    record.post_size = scale.load(join(raw->post_size_lo, raw->post_size_hi));
    return record;
}

void encode_record(const Record &record, MutableBytes sector, unsigned sector_bytes)
{
    const Scale scale(sector_bytes);
    RecordBytes raw = record.raw;
    raw.rec_status = record.copy_valid ? 1u : 0u;
    split(record.unit, raw.unit_lo, raw.unit_hi);
    raw.family_num = record.family;
    raw.ascending = record.ascending ? 1u : 0u;
    raw.blocks_per_unit = static_cast<std::uint32_t>(scale.store(record.blocks_per_unit));
    raw.dest_depth_per_unit = static_cast<std::uint32_t>(scale.store(record.depth));
    split(scale.store(record.copy_area), raw.copy_area_lo, raw.copy_area_hi);
    split(scale.store(record.dest_first), raw.dest_first_lba_lo, raw.dest_first_lba_hi);
    split(record.units, raw.num_units_lo, raw.num_units_hi);
    split(scale.store(record.post_size), raw.post_size_lo, raw.post_size_hi);

    std::ranges::fill(sector, std::byte{0});
    Writer(sector).put(raw);
}

}  // namespace emd::imsm
