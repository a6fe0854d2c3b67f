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
    change::BitmapAdded added{v.index, want.chunk_bytes};
    const Container after = EMD_TRY(express(added));
    const auto recorded = std::ranges::find(after.volumes, v.index, &Volume::index);
    if (recorded == after.volumes.end() || !recorded->bitmap)
        return fail(Errc::Unsupported, "{}: the format did not record the bitmap", v.name);
    // The kernel is told of this very one.
    added.chunk_bytes = recorded->bitmap->chunk_bytes;
    added.sector = recorded->bitmap->sector;
    Plan plan;
    plan.title = fmt::format("a bitmap for {}", v.name);
    plan.facts.push_back(fmt::format("at sector {} of each disk, one bit for {}", recorded->bitmap->sector, format_size(recorded->bitmap->chunk_bytes)));
    plan.add(Send{running.container, added}, {Send{running.container, change::BitmapRemoved{v.index}}});
    set_bitmap(plan, *recorded->bitmap, array, {});
    plan.commit(Sync{running.container, v.index, {}});  // recorded and kept: whatever else is wrong, it works
    return plan;
}

// An array without a bitmap needs none; one that keeps a bitmap which is not recorded writes where others may. So once the kernel has given
// it up nothing is taken back, and who asks again comes to the end. What would refuse is asked before: the record, and whether emdmon
// answers and can write.
Result<Plan> plan_without(const Volume &v, const Running &running, const std::string &array, bool runs, const Express &express)
{
    const change::BitmapRemoved gone{v.index};
    if (v.bitmap)
        EMD_TRY(express(gone));
    Plan plan;
    plan.title = fmt::format("no bitmap for {}", v.name);
    plan.add(Sync{running.container, v.index, {}});
    if (runs)
        plan.add(Set{array, "bitmap/location", "none"});
    if (v.bitmap)
        plan.commit(Send{running.container, gone});
    plan.commit(Sync{running.container, v.index, {}});
    return plan;
}

// The kernel keeps one, as is wanted.
Result<> check_kept(const Volume &v, const BitmapRequest &want)
{
    if (!v.bitmap)
        return fail(Errc::Refused, "the kernel keeps a bitmap of {} that is not recorded: remove it first, with --bitmap=none", v.name);
    if (want.chunk_bytes && v.bitmap->chunk_bytes != want.chunk_bytes)
        return fail(Errc::Busy, "{} has a bitmap with one bit for {}: remove it first, with --bitmap=none", v.name,
                    format_size(v.bitmap->chunk_bytes));
    return {};
}

}  // namespace

Result<Plan> plan_bitmap(const Container &now, const Volume &v, const BitmapRequest &want, const Running &running, std::string_view location,
                         const Express &express)
{
    if (now.format != FormatId::Md1)
        return fail(Errc::Unsupported, "{}: EMD keeps bitmaps of arrays with md's superblocks 1.x alone", v.name);
    const RunningVolume &r = *EMD_TRY(running_volume(running, v));
    const bool runs = location != "none" && !location.empty();
    if (want.wanted && runs) {
        EMD_TRY(check_kept(v, want));
        return Plan();
    }
    if (!want.wanted && !runs && !v.bitmap)
        return Plan();
    EMD_TRY(check_at_rest(v, r));
    if (want.wanted)
        return plan_with(v, want, running, r.array, express);
    return plan_without(v, running, r.array, runs, express);
}

}  // namespace emd::plan
