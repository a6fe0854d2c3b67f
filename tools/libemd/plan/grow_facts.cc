// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/grow_facts.h"

#include "libemd/base/size.h"
#include "libemd/model/geometry.h"
#include "libemd/model/layout_words.h"
#include "libemd/reshape/terms.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace emd::plan {
namespace {

// What a disk is assumed to read or write in a row; each member's sectors are read once and written once.
constexpr std::uint64_t kMemberBytesPerSecond = 100 << 20;

// Array sectors that pass through the backup: every piece that the format can record and that may not be moved without.
std::uint64_t backed_up(const emd_reshape_plan &math, std::uint64_t unit)
{
    reshape::Terms terms;
    terms.plan = math;
    terms.unit = unit ? unit : math.unit;
    std::uint64_t sum = 0;
    for (std::uint64_t x = 0; x < terms.total(); x = terms.next(x))
        if (terms.critical(x))
            sum += terms.next(x) - x;
    return sum;
}

std::string layout_word(const Shape &s)
{
    const auto found = std::ranges::find(kLayoutWords, s.layout, &LayoutWord::layout);
    return found == std::end(kLayoutWords) ? fmt::format("layout {}", s.layout) : std::string(found->word);
}

}  // namespace

std::string shape_words(const Shape &s)
{
    return fmt::format("{} of {} disks{}", level_word(s.level), s.raid_disks,
                       s.chunk_sectors ? fmt::format(", chunk {}K", s.chunk_sectors / 2) : "");
}

std::string format_duration(std::uint64_t s)
{
    if (s < 60)
        return fmt::format("{} s", s);
    if (s < 3600)
        return fmt::format("{} min", s / 60);
    if (s < 86400)
        return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
    return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

Result<std::vector<std::string>> grow_facts(const Container &now, const Volume &v, const ReshapeRecord &record,
                                            const std::vector<int> &new_disks)
{
    const emd_geometry from = geometry_of(v.shape), to = geometry_of(record.target);
    emd_reshape_plan math;
    const char *why = "the change is not possible";
    if (emd_geometry_validate(&to, &why) < 0 || emd_reshape_plan_init(&math, &from, &to, record.data_shift, record.backward, &why) < 0)
        return fail(Errc::Invalid, "{}: {}", v.name, why);

    const std::uint64_t moved = std::min(math.array_old, math.array_new) * 512;
    const std::uint64_t saved = std::min(backed_up(math, record.unit) * 512, moved);
    const std::uint64_t per_member = v.shape.component_sectors * 512 + record.target.component_sectors * 512;
    std::vector<std::string> facts;
    const bool same_layout = v.shape.level != record.target.level || v.shape.layout == record.target.layout;
    const auto words = [&](const Shape &s) { return shape_words(s) + (same_layout ? "" : ", " + layout_word(s)); };
    facts.push_back(fmt::format("volume {}: {} becomes {}", v.name, words(v.shape), words(record.target)));
    if (!new_disks.empty()) {
        std::vector<std::string> names;
        for (const int disk : new_disks)
            names.push_back(now.disks[static_cast<std::size_t>(disk)].path);
        facts.push_back(fmt::format("new members: {}", fmt::join(names, ", ")));
    }
    facts.push_back(fmt::format("size: {} before, {} after", format_size(v.array_sectors * 512),
                                format_size(array_sectors(record.target) * 512)));
    facts.push_back(fmt::format("to be moved: {}", format_size(moved)));
    if (saved == 0 && record.data_shift)
        facts.push_back(fmt::format("to be backed up: nothing, because the data of each member moves by {} into free room",
                                    format_size(static_cast<std::uint64_t>(std::abs(record.data_shift)) * 512)));
    else if (saved == 0)
        facts.push_back("to be backed up: nothing");
    else if (record.backup_member_sectors)
        facts.push_back(fmt::format("to be backed up: {}, in the copy area of each member (sectors {} to {})",
                                    format_size(saved), record.backup_member_start,
                                    record.backup_member_start + record.backup_member_sectors));
    else
        facts.push_back(fmt::format("to be backed up: {}", format_size(saved)));
    facts.push_back(fmt::format("time: about {} if each disk does {}/s and is otherwise idle",
                                format_duration(std::max<std::uint64_t>(1, per_member / kMemberBytesPerSecond)),
                                format_size(kMemberBytesPerSecond)));
    return facts;
}

}  // namespace emd::plan
