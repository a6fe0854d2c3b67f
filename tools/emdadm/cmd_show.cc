// SPDX-License-Identifier: GPL-2.0-only
// --detail, --query, --detail-platform: what runs.
#include "detail.h"

#include "libemd/device/block_device.h"
#include "inventory.h"

#include <algorithm>

namespace emd::cli {
namespace {

// mdadm's --detail --test: 0 whole, 1 degraded, 2 not usable.
int test_status(const Detail &d)
{
    if (d.state == "broken" || (d.state == "inactive" && d.ref.kind != ArrayRef::Kind::Container))
        return 2;
    return d.degraded ? 1 : 0;
}

}  // namespace

Result<int> cmd_detail(Context &c)
{
    std::vector<std::string> arrays;
    const bool everything = c.options.arguments.empty();
    if (everything && !c.options.scan)
        return fail(Errc::Invalid, "--detail needs an array, or --scan");
    for (const std::string &name : c.options.names())
        arrays.push_back(EMD_TRY(find_array(c, name)));
    if (everything)
        arrays = list_arrays(*c.sysfs);
    std::vector<Detail> all;
    for (const std::string &array : arrays)
        all.push_back(EMD_TRY(gather_detail(c, array)));
    int status = 0;
    for (const Detail &d : all) {
        if (c.options.test)
            status = std::max(status, test_status(d));
        if (c.options.json)
            continue;
        fmt::print("{}", c.options.as_export                ? detail_export(d, !c.options.no_devices)
                         : c.options.brief || c.options.scan ? detail_brief(d)
                                                             : detail_text(d));
    }
    if (c.options.json)
        fmt::print("{}", detail_json(all));
    return status;
}

Result<int> cmd_query(Context &c)
{
    for (const std::string &name : c.options.names()) {
        if (const auto array = find_array(c, name)) {
            const Detail d = EMD_TRY(gather_detail(c, *array));
            fmt::print("{}: {} {} with {} members, {}\n", name, d.level, *array, d.members.size(), state_words(d));
            continue;
        }
        const auto device = EMD_TRY(BlockDevice::open(name, OpenMode::Read));
        const auto found = EMD_TRY(recognise(*device));
        if (found && found->described)
            fmt::print("{}: {}\n", name, EMD_TRY(found->described->describe(*device)));
        else if (found)
            fmt::print("{}: {} metadata of container {}\n", name, found->format->name(), to_string(found->probe.container));
        else
            fmt::print("{}: no metadata that EMD knows\n", name);
    }
    return 0;
}

Result<int> cmd_detail_platform(Context &)
{
    for (const Format *format : formats()) {
        const Limits limits = format->limits();
        std::string levels;
        for (const int level : limits.levels)
            levels += " " + level_word(level);
        fmt::print("{:>18} : {}\n{:>18} :{}\n{:>18} : {}K to {}K\n{:>18} : {} per container\n", "Format", format->name(), "Levels", levels,
                   "Chunk Sizes", limits.min_chunk_sectors / 2, limits.max_chunk_sectors / 2, "Volumes", limits.max_volumes);
    }
    fmt::print("{:>18} : not read; limits of the format alone are applied\n", "Option ROM");
    return 0;
}

}  // namespace emd::cli
