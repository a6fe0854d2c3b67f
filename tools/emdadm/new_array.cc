// SPDX-License-Identifier: GPL-2.0-only
#include "new_array.h"

#include "arrays.h"
#include "run_plan.h"

#include "libemd/plan/bare.h"

#include <emd/emd.h>

namespace emd::cli {
namespace {

using Bare = plan::BareArray;

Result<Bare::Member> bare_member(Context &c, const Positional &named)
{
    const auto device = EMD_TRY(BlockDevice::open(named.text, OpenMode::Read));
    if (const bool array = find_array(c, device->path()).has_value(); !array)
        EMD_TRY(check_unused(*device));
    if (device->read_only())
        return fail(Errc::Refused, "{} is read-only", device->path());
    Bare::Member member{device->path(), device->dev(), device->size_bytes() / 512, named.write_mostly};
    const Contents found = EMD_TRY(look_on(*device));
    if (!found.records.empty())
        member.record = found.records.front();
    if (!found.content.empty())
        member.content = found.content.front();
    return member;
}

}  // namespace

Result<> check_unused(const BlockDevice &device)
{
    if (const std::string holder = foreign_holder(device); !holder.empty())
        return fail(Errc::Busy, "{} is used by {}: stop that first", device.path(), holder);
    EMD_TRY(device.reopen(OpenMode::Exclusive));
    return {};
}

Result<> check_name_free(Context &c, const std::string &name)
{
    const auto entry = c.map.by_name(name);
    if (entry && find_array(c, entry->array))
        return fail(Errc::Busy, "an array named {} runs already ({}): take another name, or stop it", name, entry->array);
    return {};
}

Result<Shape> wanted_shape(const Options &o)
{
    if (!o.level)
        return fail(Errc::Invalid, "--level is missing");
    if (!o.raid_disks)
        return fail(Errc::Invalid, "--raid-devices is missing");
    Shape shape;
    shape.level = *o.level;
    shape.raid_disks = *o.raid_disks;
    shape.chunk_sectors = o.chunk_sectors.value_or(0);
    if (o.layout)
        shape.layout = EMD_TRY(parse_layout(*o.layout, shape.level));
    else if (shape.level == 10)
        shape.layout = EMD_LAYOUT_RAID10_NEAR(2);
    shape.component_sectors = o.size_sectors.value_or(0) == kMax ? 0 : o.size_sectors.value_or(0);
    return shape;
}

Result<Shape> usual_shape(const Options &o, std::uint32_t default_chunk_sectors)
{
    Shape shape = EMD_TRY(wanted_shape(o));
    if (shape.level == 1 || shape.level == EMD_LEVEL_LINEAR)
        shape.chunk_sectors = 0;
    else if (shape.chunk_sectors == 0)
        shape.chunk_sectors = default_chunk_sectors;
    if (!o.layout && (shape.level == 5 || shape.level == 6))
        shape.layout = EMD_LAYOUT_LEFT_SYMMETRIC;
    if (!o.layout && shape.level == 0)
        shape.layout = EMD_LAYOUT_RAID0_ALTERNATE;
    return shape;
}

Result<> check_count(const Options &o, const Shape &shape, std::size_t named)
{
    if (shape.raid_disks + o.spares != named)
        return fail(Errc::Invalid, "{} disks are named for {} members{}{}", named, shape.raid_disks,
                    o.spares ? fmt::format(" and {} spares", o.spares) : "",
                    named < shape.raid_disks ? ": write missing for one that is not there" : "");
    return {};
}

Result<> check_no_bitmap(const Options &o)
{
    if (o.bitmap.value_or(false))
        return fail(Errc::Unsupported, "--bitmap=internal: emdadm makes one only of arrays with superblocks of their own (--metadata=1.2): leave it out");
    return {};
}

Result<int> make_bare(Context &c, const std::string &name, const std::vector<Positional> &disks, const Shape &shape, bool holds_data)
{
    const Options &o = c.options;
    EMD_TRY(check_no_bitmap(o));
    EMD_TRY(check_count(o, shape, disks.size()));
    Bare want;
    want.name = name;
    want.shape = shape;
    want.assume_clean = o.assume_clean;
    want.force = o.force;
    want.holds_data = holds_data;
    for (const Positional &named : disks) {
        std::optional<Bare::Member> member;
        if (named.text != "missing")
            member = EMD_TRY(bare_member(c, named));
        if (want.members.size() < shape.raid_disks)
            want.members.push_back(std::move(member));
        else if (member)
            want.spares.push_back(std::move(*member));
    }
    const plan::Plan plan = EMD_TRY(plan::plan_bare(want));
    SystemHost host(c, {});
    EMD_TRY(run_plan(c, host, plan));
    if (!o.dry_run)
        c.say("array {} started", name);
    return 0;
}

}  // namespace emd::cli
