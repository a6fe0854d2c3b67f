// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/md/md.h"

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

const Md &md()
{
    static const Md reader;
    return reader;
}

}  // namespace emd::md
