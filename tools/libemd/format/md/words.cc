// SPDX-License-Identifier: GPL-2.0-only
// The peer's words for levels, layouts and a reshape.
#include "libemd/format/md/md.h"

#include "libemd/base/size.h"
#include "libemd/model/layout_words.h"

namespace emd::md {

namespace {

std::string raid10_layout(std::uint32_t layout)
{
    const std::uint32_t near = layout & 0xff, far = layout >> 8 & 0xff;
    std::string text;
    if (near > 1 || far == 1)
        text = fmt::format("near={}", near);
    if (far > 1)
        text += fmt::format("{}{}={}", text.empty() ? "" : ", ", layout & EMD_LAYOUT_RAID10_OFFSET ? "offset" : "far", far);
    return text;
}

}  // namespace

bool has_chunk(int level)
{
    return level == 0 || level >= 4;
}

std::string level_text(int level)
{
    return level == kMultipath ? "multipath" : level_word(level);
}

std::string layout_text(int level, std::uint32_t layout)
{
    if (level == 0)
        return layout == EMD_LAYOUT_RAID0_ORIGINAL ? "original" : layout == EMD_LAYOUT_RAID0_ALTERNATE ? "alternate" : "";
    if (level == 10)
        return raid10_layout(layout);
    if (level != 5 && level != 6)
        return "";
    for (const LayoutWord &known : kLayoutWords)
        if (level >= known.level && layout == known.layout)
            return std::string(known.word);
    return fmt::format("{}", layout);
}

void add_reshape(Lines &lines, const Common &sb)
{
    if (!sb.reshape)
        return;
    const auto add = [&](const char *key, std::string value) { lines.push_back({"", key, std::move(value)}); };
    const Reshape &r = *sb.reshape;
    add("Reshape pos'n", fmt::format("{}{}", r.position / 2, format_size_pair(r.position * 512)));
    if (r.delta_disks)
        add("Delta Devices", fmt::format("{} ({}->{})", r.delta_disks, sb.raid_disks - std::int64_t{r.delta_disks}, sb.raid_disks));
    if (r.level != sb.level)
        add("New Level", level_text(r.level));
    if (r.level != sb.level || r.layout != sb.layout)
        if (const std::string layout = layout_text(r.level, r.layout); !layout.empty())
            add("New Layout", layout);
    if (r.chunk_sectors != sb.chunk_sectors)
        add("New Chunksize", fmt::format("{}K", r.chunk_sectors / 2));
}

}  // namespace emd::md
