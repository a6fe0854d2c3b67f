// SPDX-License-Identifier: GPL-2.0-only
// What one disk's metadata says, in the words and the order of the peer's examine report, so that what people and scripts
// know how to read stays as it is.
#include "libemd/format/ddf/ddf.h"
#include "libemd/format/ddf/metadata.h"

#include <algorithm>
#include <ctime>

namespace emd::ddf {

namespace {

using Lines = std::vector<Reader::Line>;

void add(Lines &lines, std::string key, std::string value)
{
    lines.push_back({"", std::move(key), std::move(value)});
}

std::string hex_of(const Guid &guid)
{
    std::string text;
    for (std::size_t i = 0; i < guid.size(); i++)
        text += fmt::format("{}{:02X}", i && i % 4 == 0 ? ":" : "", guid[i]);
    return text;
}

std::string printable(std::span<const std::uint8_t> bytes)
{
    std::string text;
    for (const std::uint8_t b : bytes)
        text += b >= ' ' && b < 0x7f ? static_cast<char>(b) : '?';
    return text;
}

// Whoever made it names himself in front, and then says when.
std::string maker_of(const Guid &guid)
{
    std::uint64_t seconds = 0;
    for (std::size_t i = 16; i < 20; i++)
        seconds = seconds << 8 | guid[i];
    const auto when = static_cast<std::time_t>(seconds + kEpoch);
    std::tm local{};
    char text[32] = "";
    if (localtime_r(&when, &local))
        std::strftime(text, sizeof(text), "%D %T", &local);
    return fmt::format("({} {})", printable(std::span(guid).first(8)), text);
}

template <std::size_t N>
const char *word(const std::array<const char *, N> &words, unsigned number)
{
    return number < N ? words[number] : "unknown";
}

std::string level_text(std::uint8_t level)
{
    switch (level) {
    case 0x00: return "RAID0";
    case 0x01: return "RAID1";
    case 0x03: return "RAID3";
    case 0x04: return "RAID4";
    case 0x05: return "RAID5";
    case 0x06: return "RAID6";
    case 0x0f: return "JBOD";
    case 0x11: return "RAID1E";
    case 0x15: return "RAID5E";
    case 0x1f: return "CONCAT";
    case 0x25: return "RAID5EE";
    default: return fmt::format("unknown ({:#04x})", level);
    }
}

void add_config(Lines &lines, const Structure &s, const Record &record, unsigned vd)
{
    static constexpr std::array secondary{"Striped", "Mirrored", "Concatenated", "Spanned"};
    const ConfigBytes head = record.head();
    const auto key = [vd](const char *name) { return fmt::format("{}[{}]", name, vd); };
    std::string disks;
    for (unsigned i = 0; i < record.elements(); i++) {
        if (record.refnum(i) == kNone32)
            continue;
        const int pd = s.find_pd(record.refnum(i));
        disks += fmt::format("{}{}@{}K", disks.empty() ? "" : " ", pd < 0 ? "--" : fmt::to_string(pd), record.start(i) / 2);
    }
    add(lines, key("Raid Devices"), fmt::format("{} ({})", head.primary_count.get(), disks));
    if (head.strip < 32)
        add(lines, key("Chunk Size"), fmt::format("{} sectors", 1u << head.strip));
    add(lines, key("Raid Level"), level_text(head.level));
    if (head.secondary_count != 1) {
        add(lines, key("Secondary Position"), fmt::format("{} of {}", head.secondary_sequence, head.secondary_count));
        add(lines, key("Secondary Level"), word(secondary, head.secondary_level));
    }
    add(lines, key("Device Size"), fmt::to_string(head.blocks.get() / 2));
    add(lines, key("Array Size"), fmt::to_string(head.size.get() / 2));
}

void add_volume(Lines &lines, const Structure &s, unsigned index)
{
    static constexpr std::array states{"Optimal", "Degraded", "Deleted", "Missing", "Failed", "Partially Optimal", "Offline", "-reserved-"};
    static constexpr std::array inits{"Not Initialised", "QuickInit in Progress", "Fully Initialised", "*UNKNOWN*"};
    static constexpr std::array accesses{"Read/Write", "Reserved", "Read Only", "Blocked (no access)"};
    const VdBytes &vd = s.vds[index];
    const auto key = [index](const char *name) { return fmt::format("{}[{}]", name, index); };
    add(lines, key("VD GUID"), hex_of(vd.guid));
    add(lines, "", maker_of(vd.guid));
    add(lines, key("unit"), fmt::to_string(vd.unit.get()));
    add(lines, key("state"), fmt::format("{}{}, {}Consistent", word(states, vd.state & kStateMask), vd.state & kMorphing ? ", Morphing" : "",
                                         vd.state & kInconsistent ? "Not " : ""));
    add(lines, key("init state"), word(inits, vd.init & kInitMask));
    add(lines, key("access"), word(accesses, vd.init >> 6));
    add(lines, key("Name"), text_of(vd));
    for (std::size_t slot = 0; slot < s.records(); slot++)
        if (const auto record = s.config(slot); record && record->head().guid == vd.guid)
            add_config(lines, s, *record, index);
}

std::string pd_text(const PdBytes &pd)
{
    struct Bit { std::uint16_t bit; const char *word; };
    static constexpr Bit types[] = {{kInVd, "active"}, {kGlobalSpare, "Global-Spare"}, {kDedicatedSpare, "Dedicated-Spare"}, {kForeign, "Foreign"}, {kLegacy, "Legacy"}};
    static constexpr Bit states[] = {{kFailed, "Failed"}, {kRebuilding, "Rebuilding"}, {kTransition, "In-transition"}, {kPredicted, "SMART-errors"}, {kReadErrors, "Unrecovered-Read-Errors"}, {kMissing, "Missing"}};
    const std::uint16_t type = pd.type.get();
    std::uint16_t state = pd.state.get();
    if (state & kFailed)  // it says all that there is to say of these
        state &= static_cast<std::uint16_t>(~(kOnline | kRebuilding | kTransition));
    std::string text;
    for (const Bit &t : types)
        if (type & t.bit)
            text += fmt::format("{}{}", text.empty() ? "" : ",", t.word);
    text += state & kOnline ? "/Online" : "/Offline";
    for (const Bit &t : states)
        if (state & t.bit)
            text += fmt::format(", {}", t.word);
    return text;
}

}  // namespace

Result<std::vector<Reader::Line>> Ddf::examine(const Medium &medium) const
{
    const Found found = EMD_TRY(read_disk(medium));
    const Structure &s = found.newest;
    Lines lines;
    add(lines, "Magic", fmt::format("{:x}", s.header.signature.get()));
    add(lines, "Version", std::string(s.header.revision.data(), s.header.revision.size()));
    add(lines, "Controller GUID", hex_of(s.controller_head().guid));
    add(lines, "", fmt::format("({})", printable(s.controller_head().guid)));
    add(lines, "Container GUID", hex_of(s.header.guid));
    add(lines, "", maker_of(s.header.guid));
    add(lines, "Seq", fmt::format("{:08x}", s.header.sequence.get()));
    add(lines, "Redundant hdr", found.redundant ? "yes" : "no");
    add(lines, "Virtual Disks", fmt::to_string(std::ranges::count_if(s.vds, vd_used)));
    for (unsigned i = 0; i < s.vds.size(); i++)
        if (vd_used(s.vds[i]))
            add_volume(lines, s, i);
    add(lines, "Physical Disks", fmt::to_string(s.pds.size()));
    add(lines, "", "Number    RefNo      Size       Device      Type/State");
    for (std::size_t i = 0; i < s.pds.size(); i++)
        if (const PdBytes &pd = s.pds[i]; pd_used(pd)) {
            const bool own = pd.refnum == s.own_head().refnum && pd.guid == s.own_head().guid;
            add(lines, "", fmt::format("{}    {:08x} {:>10}K {:<15} {}", i, pd.refnum.get(), pd.sectors.get() / 2, own ? medium.path() : "", pd_text(pd)));
        }
    return lines;
}

Result<std::vector<std::pair<std::string, std::string>>> Ddf::examine_export(const Medium &medium) const
{
    const Found found = EMD_TRY(read_disk(medium));
    return std::vector<std::pair<std::string, std::string>>{
        {"MD_METADATA", "ddf"},
        {"MD_LEVEL", "container"},
        {"MD_UUID", to_string(uuid_of(found.anchor.guid))},
        {"MD_DEVICES", fmt::to_string(std::ranges::count_if(found.newest.pds, pd_used))},
    };
}

}  // namespace emd::ddf
