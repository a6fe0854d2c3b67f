// SPDX-License-Identifier: GPL-2.0-only
// New disks: a container without volumes on some that are blank, and one that comes to others. Everything lies where mdadm puts
// it, and has the lengths that it has there: it looks at the headers for neither.
#include "libemd/format/ddf/ddf.h"
#include "libemd/format/ddf/fresh.h"
#include "libemd/format/ddf/metadata.h"

#include <algorithm>
#include <climits>
#include <unistd.h>

namespace emd::ddf {

namespace {

constexpr std::uint64_t kArea = 32768;         // sectors: 16 MiB from each structure to the next, or to the end of the disk
constexpr std::uint64_t kLeastData = 2048;     // sectors; smaller disks are a mistake
constexpr std::string_view kRevision = "01.02.00";
constexpr std::string_view kPeer = "Linux-MD";
constexpr std::uint16_t kMaxPds = 1023, kMaxVds = 255, kMaxPartitions = 64, kMaxElements = 256, kRecordSectors = 7;

constexpr std::array<std::uint32_t, kMandatory> kLengths{1, 128, 32, (kMaxPartitions + 1) * kRecordSectors, 1};

// Of a disk of so many sectors.
void place(HeaderBytes &header, std::uint64_t sectors)
{
    header.primary = sectors - kArea;
    header.secondary = sectors - 2 * kArea;
    header.workspace = sectors - 2 * kArea;
}

HeaderBytes new_header(std::uint32_t seconds)
{
    HeaderBytes header = unused<HeaderBytes>();
    header.signature = kHeaderSignature;
    header.guid = new_guid(seconds);
    put_text(header.revision, kRevision);
    header.timestamp = seconds;
    header.foreign = header.grouping = 0;
    header.workspace_length = static_cast<std::uint32_t>(kArea);
    header.max_pds = kMaxPds;
    header.max_vds = kMaxVds;
    header.max_partitions = kMaxPartitions;
    header.record_sectors = kRecordSectors;
    header.max_elements = kMaxElements;
    std::uint32_t at = 1;
    for (unsigned section = 0; section < kSections; section++) {
        header.sections[section] = {kNone32, 0};
        if (section < kMandatory) {
            header.sections[section] = {at, kLengths[section]};
            at += kLengths[section];
        }
    }
    return header;
}

// The controller is this host. By its name and the host's the peer sees what was made here, and calls it by its name alone.
Block new_controller()
{
    std::array<char, HOST_NAME_MAX + 1> host{};
    if (::gethostname(host.data(), host.size() - 1))
        host.fill(0);
    ControllerBytes controller = unused<ControllerBytes>();
    controller.signature = kControllerSignature;
    const std::string_view name(host.data()), last = name.substr(0, 16);
    put_text(controller.guid, fmt::format("{}{:>16}", kPeer, last));
    put_text(controller.product, "EMD");
    if (name.size() < controller.vendor.size()) {
        put_text(std::span(controller.vendor).first(name.size()), name);
        controller.vendor[name.size()] = 0;
    }
    Block block(kSector);
    [[maybe_unused]] const bool fits = write_at(block, 0, controller);
    seal(block);
    return block;
}

Block empty_section(const HeaderBytes &header, Section section)
{
    return Block(header.sections[section].length.get() * kSector, std::byte{0xff});
}

Block empty_table(const HeaderBytes &header, Section section, Signature signature, std::uint16_t max)
{
    Block block = empty_section(header, section);
    TableBytes head = unused<TableBytes>();
    head.signature = signature;
    head.used = std::uint16_t{0};
    head.max = max;
    [[maybe_unused]] const bool fits = write_at(block, 0, head);
    return block;
}

Result<> check_disk(const Medium &medium)
{
    const std::uint64_t sectors = medium.size_bytes() / kSector;
    if (medium.partition())
        return fail(Errc::Refused, "{} is a partition, and DDF takes whole disks", medium.path());
    if (medium.sector_bytes() != kSector)
        return fail(Errc::Refused, "{} has sectors of {} bytes, and DDF lives on disks with sectors of {}", medium.path(), medium.sector_bytes(), kSector);
    if (sectors < 2 * kArea + kLeastData)
        return fail(Errc::NoSpace, "{} is too small for DDF: it has {} MiB, and the metadata takes {} MiB of each disk", medium.path(),
                    sectors >> 11, 2 * kArea >> 11);
    return {};
}

// For data: what lies in front of the structures and of the workspace.
std::uint64_t room_of(const HeaderBytes &header)
{
    return std::min({header.primary.get(), header.secondary.get(), header.workspace.get()});
}

}  // namespace

Member blank_member(const Disk &disk, const HeaderBytes &header, std::uint32_t refnum)
{
    Member member;
    member.refnum = refnum;
    member.present = true;
    member.path = disk.path;
    member.dev = disk.dev;
    member.sectors = disk.sectors;
    member.header = header;
    member.configs = empty_section(header, kConfigs);

    OwnBytes own = unused<OwnBytes>();
    own.signature = kOwnSignature;
    own.guid = new_disk_guid();
    own.refnum = refnum;
    own.forced_refnum = own.forced_guid = 1;
    put_text(own.scratch, kVendor);
    member.own = empty_section(header, kOwn);
    [[maybe_unused]] const bool fits = write_at(member.own, 0, own);
    seal(member.own);
    return member;
}

PdBytes spare_entry(const Member &member)
{
    PdBytes pd = unused<PdBytes>();
    pd.guid = read_at<OwnBytes>(member.own, 0)->guid;
    pd.refnum = member.refnum;
    pd.type = std::uint16_t{kForcedGuid | kGlobalSpare};
    pd.state = std::uint16_t{kOnline};
    pd.sectors = room_of(member.header);
    put_text(pd.path, " Information: nil");
    pd.path.back() = 0;
    return pd;
}

std::uint32_t new_refnum(const Structure &tables)
{
    std::uint32_t refnum;
    do
        refnum = random_word();
    while (refnum == 0 || refnum == kNone32 || tables.find_pd(refnum) >= 0);
    return refnum;
}

// A blank disk, with the structures as far from its end as on the others.
Result<Member> DdfMetadata::new_member(const Disk &disk)
{
    const auto pattern = std::ranges::find_if(members_, [this](const Member &m) { return writable(m); });
    if (pattern == members_.end())
        return fail(Errc::Refused, "no working disk is left whose record a spare could get");
    if (disk.sector_bytes != kSector)
        return fail(Errc::Refused, "{} has sectors of {} bytes, and DDF lives on disks with sectors of {}", disk.path, disk.sector_bytes, kSector);
    const std::uint64_t room = room_of(pattern->header);
    if (disk.sectors >= kMostSectors || disk.sectors <= pattern->sectors - room)
        return fail(Errc::NoSpace, "{} is too small for DDF metadata, which takes {} sectors here", disk.path, pattern->sectors - room);
    const auto free = std::ranges::find_if(tables_.pds, [](const PdBytes &p) { return !pd_used(p); });
    if (free == tables_.pds.end())
        return fail(Errc::NoSpace, "the table of physical disks has no room for another one");

    HeaderBytes header = pattern->header;
    for (Be64 HeaderBytes::*lba : {&HeaderBytes::primary, &HeaderBytes::secondary, &HeaderBytes::workspace})
        if ((header.*lba).get() != kNone64)
            header.*lba = disk.sectors - (pattern->sectors - (header.*lba).get());
    // Areas that only the other disk has something in.
    for (unsigned section = kMandatory; section < kSections; section++)
        header.sections[section] = {kNone32, 0};
    Member member = blank_member(disk, header, new_refnum(tables_));
    member.entry = static_cast<int>(free - tables_.pds.begin());
    member.behind = true;
    return member;
}

Result<std::unique_ptr<Metadata>> Ddf::create(std::span<const Medium *const> media) const
{
    if (media.empty())
        return fail(Errc::Invalid, "a container needs at least one disk");
    if (media.size() > kMaxPds)
        return fail(Errc::Invalid, "a DDF container holds {} disks at most", kMaxPds);
    Structure tables;
    tables.header = new_header(seconds_now());
    tables.controller = new_controller();
    tables.pd_section = empty_table(tables.header, kPds, kPdSignature, kMaxPds);
    tables.vd_section = empty_table(tables.header, kVds, kVdSignature, kMaxVds);
    tables.pds.assign(kMaxPds, unused<PdBytes>());
    tables.vds.assign(kMaxVds, unused<VdBytes>());
    std::vector<Member> members;
    for (const Medium *medium : media) {
        EMD_TRY(check_disk(*medium));
        Disk disk;
        disk.path = medium->path();
        disk.dev = medium->dev();
        disk.sectors = medium->size_bytes() / kSector;
        HeaderBytes header = tables.header;
        place(header, disk.sectors);
        Member member = blank_member(disk, header, new_refnum(tables));
        member.entry = static_cast<int>(members.size());
        tables.pds[members.size()] = spare_entry(member);
        members.push_back(std::move(member));
    }
    encode_pds(tables.pds, tables.pd_section);
    encode_vds(tables.vds, tables.vd_section);
    return std::unique_ptr<Metadata>(std::make_unique<DdfMetadata>(std::move(tables), 1, std::move(members), std::vector<Basic>(), ""));
}

}  // namespace emd::ddf
