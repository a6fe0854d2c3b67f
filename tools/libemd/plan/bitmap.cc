// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/bitmap.h"

#include "libemd/base/size.h"
#include "libemd/plan/grow_steps.h"

#include <algorithm>
#include <fmt/format.h>

namespace emd::plan {

void set_bitmap(Plan &plan, const BitmapPlace &bitmap, const std::string &word, std::vector<Action> undo)
{
    plan.add(Set{word, "bitmap/metadata", "internal"});
    plan.add(Set{word, "bitmap/chunksize", fmt::to_string(bitmap.chunk_bytes)});
    plan.add(Set{word, "bitmap/time_base", fmt::to_string(bitmap.sleep)});
    plan.add(Set{word, "bitmap/location", fmt::format("+{}", bitmap.sector)}, std::move(undo));
}

namespace {

Result<Plan> plan_with(const Volume &v, const BitmapRequest &want, const Running &running, const std::string &array, const Express &express)
{
    const change::BitmapAdded added{v.index, want.chunk_bytes};
    const Container after = EMD_TRY(express(added));
    const auto recorded = std::ranges::find(after.volumes, v.index, &Volume::index);
    if (recorded == after.volumes.end() || !recorded->bitmap)
        return fail(Errc::Unsupported, "{}: the format did not record the bitmap", v.name);
    Plan plan;
    plan.title = fmt::format("a bitmap for {}", v.name);
    plan.facts.push_back(fmt::format("at sector {} of each disk, one bit for {}", recorded->bitmap->sector, format_size(recorded->bitmap->chunk_bytes)));
    plan.add(Send{running.container, added}, {Send{running.container, change::BitmapRemoved{v.index}}});
    set_bitmap(plan, *recorded->bitmap, array, {});
    plan.add(Sync{running.container, v.index, {}});
    return plan;
}

}  // namespace

Result<Plan> plan_bitmap(const Container &now, const Volume &v, const BitmapRequest &want, const Running &running, std::string_view location,
                         const Express &express)
{
    if (now.format != FormatId::Md1)
        return fail(Errc::Unsupported, "{}: EMD keeps bitmaps of arrays with md's superblocks 1.x alone", v.name);
    const RunningVolume &r = *EMD_TRY(running_volume(running, v));
    const bool runs = location != "none" && !location.empty();
    Plan plan;
    if (want.wanted && runs) {
        if (want.chunk_bytes && v.bitmap && v.bitmap->chunk_bytes != want.chunk_bytes)
            return fail(Errc::Busy, "{} has a bitmap with one bit for {}: remove it first, with --bitmap=none", v.name, format_size(v.bitmap->chunk_bytes));
        return plan;
    }
    if (!want.wanted && !runs && !v.bitmap)
        return plan;
    EMD_TRY(check_at_rest(v, r));
    if (want.wanted)
        return plan_with(v, want, running, r.array, express);
    plan.title = fmt::format("no bitmap for {}", v.name);
    if (runs)
        plan.add(Set{r.array, "bitmap/location", "none"}, {Set{r.array, "bitmap/location", std::string(location)}});
    plan.add(Send{running.container, change::BitmapRemoved{v.index}});
    plan.add(Sync{running.container, v.index, {}});
    return plan;
}

}  // namespace emd::plan
