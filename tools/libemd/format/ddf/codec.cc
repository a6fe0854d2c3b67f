// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/ddf/codec.h"

#include <algorithm>
#include <string_view>
#include <zlib.h>

namespace emd::ddf {

namespace {

constexpr std::size_t kSumAt = 4;
constexpr std::uint32_t kMostSection = 1024;  // sectors
constexpr std::string_view kRevisions[] = {"01.02.00", "01.00.00"};

std::uint32_t add(std::uint32_t crc, Bytes bytes)
{
    return static_cast<std::uint32_t>(crc32(crc, reinterpret_cast<const Bytef *>(bytes.data()), static_cast<uInt>(bytes.size())));
}

bool all_ones(std::span<const std::uint8_t> bytes)
{
    return std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0xff; });
}

}  // namespace

// zlib's function inverts the register before and after; DDF does not.
std::uint32_t checksum(Bytes block)
{
    static constexpr std::array<std::byte, 4> ones{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};
    std::uint32_t crc = add(kNone32, block.first(kSumAt));
    crc = add(crc, ones);
    return ~add(crc, block.subspan(kSumAt + ones.size()));
}

void seal(MutableBytes block)
{
    [[maybe_unused]] const bool fits = write_at(block, kSumAt, Be32(checksum(block)));
}

namespace {

Result<> check_block(Bytes block, std::uint32_t signature, const char *what)
{
    if (block.size() < kSector || read_at<Be32>(block, 0)->get() != signature)
        return fail(Errc::Corrupt, "the {} have no signature", what);
    if (read_at<Be32>(block, kSumAt)->get() != checksum(block))
        return fail(Errc::Corrupt, "the checksum of the {} is wrong", what);
    return {};
}

Result<> check_sections(const HeaderBytes &header)
{
    for (unsigned i = 0; i < kMandatory; i++) {
        const std::uint64_t begin = header.sections[i].offset.get(), length = header.sections[i].length.get();
        if (begin == 0 || length == 0 || length > kMostSection || begin > kMostSection * kMandatory)
            return fail(Errc::Corrupt, "section {} of {} sectors at {}", i, length, begin);
        for (unsigned j = 0; j < i; j++) {
            const std::uint64_t other = header.sections[j].offset.get(), end = other + header.sections[j].length.get();
            if (begin < end && other < begin + length)
                return fail(Errc::Corrupt, "sections {} and {} overlap", j, i);
        }
    }
    return {};
}

Result<> check_numbers(const HeaderBytes &header)
{
    const auto bytes = [&](Section s) { return std::size_t{header.sections[s].length.get()} * kSector; };
    const std::size_t pds = header.max_pds.get(), vds = header.max_vds.get(), elements = header.max_elements.get();
    const std::size_t record = header.record_sectors.get() * kSector;
    if (pds == 0 || sizeof(TableBytes) + pds * sizeof(PdBytes) > bytes(kPds))
        return fail(Errc::Corrupt, "{} physical disks do not fit into {} bytes", pds, bytes(kPds));
    if (vds == 0 || sizeof(TableBytes) + vds * sizeof(VdBytes) > bytes(kVds))
        return fail(Errc::Corrupt, "{} virtual disks do not fit into {} bytes", vds, bytes(kVds));
    if (elements == 0 || kSector + 12 * elements > record)
        return fail(Errc::Corrupt, "{} elements do not fit into a configuration record of {} bytes", elements, record);
    if (record > bytes(kConfigs))
        return fail(Errc::Corrupt, "configuration records of {} bytes do not fit into {}", record, bytes(kConfigs));
    return {};
}

}  // namespace

Result<HeaderBytes> decode_header(Bytes sector, std::uint64_t disk_sectors)
{
    const HeaderBytes header = EMD_TRY(read_at<HeaderBytes>(sector, 0));
    if (header.signature.get() != kHeaderSignature)
        return fail(Errc::NotFound, "no DDF header");
    if (header.crc.get() != checksum(sector.first(kSector)))
        return fail(Errc::Corrupt, "the checksum of the DDF header is wrong");
    const std::string_view revision(header.revision.data(), header.revision.size());
    if (std::ranges::find(kRevisions, revision) == std::end(kRevisions))
        return fail(Errc::Unsupported, "DDF of a revision that EMD does not know");
    EMD_TRY(check_sections(header));
    EMD_TRY(check_numbers(header));
    const std::uint64_t size = structure_sectors(header), primary = header.primary.get(), secondary = header.secondary.get();
    const auto on_disk = [&](std::uint64_t lba) { return lba < kMostSectors && lba + size < disk_sectors; };
    if (!on_disk(primary) || (secondary != kNone64 && !on_disk(secondary)))
        return fail(Errc::Corrupt, "DDF structures at sectors {} and {} are not on the disk", primary, secondary);
    if (secondary != kNone64 && primary < secondary + size && secondary < primary + size)
        return fail(Errc::Corrupt, "both DDF structures are at one place, sectors {} and {}", primary, secondary);
    return header;
}

std::uint64_t structure_sectors(const HeaderBytes &header)
{
    std::uint64_t end = 1;
    for (const SectionBytes &section : header.sections)
        if (section.offset.get() != kNone32 && section.length.get() != 0)
            end = std::max(end, std::uint64_t{section.offset.get()} + section.length.get());
    return end;
}

bool pd_used(const PdBytes &pd)
{
    return pd.refnum.get() != kNone32 && !all_ones(pd.guid);
}

bool vd_used(const VdBytes &vd)
{
    return !all_ones(vd.guid);
}

namespace {

template <OnDisk T>
Result<std::vector<T>> decode_table(Bytes section, unsigned max)
{
    std::vector<T> entries;
    for (unsigned i = 0; i < max; i++)
        entries.push_back(EMD_TRY(read_at<T>(section, sizeof(TableBytes) + i * sizeof(T))));
    return entries;
}

template <OnDisk T>
void encode_table(const std::vector<T> &entries, Block &section, bool (*used)(const T &))
{
    TableBytes head = *read_at<TableBytes>(section, 0);
    head.used = static_cast<std::uint16_t>(std::ranges::count_if(entries, used));
    bool fits = write_at(section, 0, head);
    for (std::size_t i = 0; i < entries.size(); i++)
        fits = fits && write_at(section, sizeof(TableBytes) + i * sizeof(T), entries[i]);
    seal(section);
}

}  // namespace

void encode_pds(const std::vector<PdBytes> &pds, Block &section)
{
    encode_table(pds, section, pd_used);
}

// The peer counts a volume on after it was deleted; who is not used is not counted here.
void encode_vds(const std::vector<VdBytes> &vds, Block &section)
{
    encode_table(vds, section, vd_used);
}

Result<Structure> decode_structure(const HeaderBytes &header, Bytes bytes)
{
    Structure s;
    s.header = header;
    const auto section = [&](Section id) {
        return bytes.subspan(header.sections[id].offset.get() * kSector, header.sections[id].length.get() * kSector);
    };
    const auto block = [&](Section id) { return Block(section(id).begin(), section(id).end()); };
    EMD_TRY(check_block(section(kController), kControllerSignature, "controller's data"));
    EMD_TRY(check_block(section(kPds), kPdSignature, "records of physical disks"));
    EMD_TRY(check_block(section(kVds), kVdSignature, "records of virtual disks"));
    EMD_TRY(check_block(section(kOwn), kOwnSignature, "disk's own data"));
    s.controller = block(kController);
    s.pd_section = block(kPds);
    s.vd_section = block(kVds);
    s.configs = block(kConfigs);
    s.own = block(kOwn);
    s.pds = EMD_TRY(decode_table<PdBytes>(s.pd_section, header.max_pds.get()));
    s.vds = EMD_TRY(decode_table<VdBytes>(s.vd_section, header.max_vds.get()));
    for (std::size_t slot = 0; slot < s.records(); slot++) {
        const std::uint32_t signature = read_at<Be32>(s.record_at(slot), 0)->get();
        if (signature == kConfigSignature || signature == kSpareSignature)
            EMD_TRY(check_block(s.record_at(slot), signature, "configuration records"));
    }
    return s;
}

bool is_config(Bytes record)
{
    return check_block(record, kConfigSignature, "configuration record").has_value();
}

std::optional<Record> Structure::config(std::size_t slot) const
{
    const Bytes bytes = record_at(slot);
    if (read_at<Be32>(bytes, 0)->get() != kConfigSignature)
        return std::nullopt;
    return Record(bytes, header.max_elements.get());
}

int Structure::find_pd(std::uint32_t refnum) const
{
    const auto pd = std::ranges::find_if(pds, [&](const PdBytes &p) { return pd_used(p) && p.refnum.get() == refnum; });
    return pd == pds.end() ? -1 : static_cast<int>(pd - pds.begin());
}

void Record::put(unsigned element, std::uint32_t refnum, std::uint64_t start, std::uint32_t timestamp)
{
    ConfigBytes now = head();
    now.sequence = now.sequence.get() + 1;
    now.timestamp = timestamp;
    bool fits = write_at(bytes_, 0, now);
    fits = fits && write_at(bytes_, kSector + 4 * element, Be32(refnum));
    fits = fits && write_at(bytes_, kSector + 4 * elements_ + 8 * element, Be64(start));
    seal(bytes_);
}

}  // namespace emd::ddf
