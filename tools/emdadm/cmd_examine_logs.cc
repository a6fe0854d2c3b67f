// SPDX-License-Identifier: GPL-2.0-only
// --examine-badblocks, --examine-bitmap: what disks keep besides their superblocks. As with --examine it is the disks' word.
#include "examined.h"

#include "libemd/report/examine.h"
#include "libemd/report/json.h"

namespace emd::cli {
namespace {

using Json = nlohmann::ordered_json;

// Each disk that is named; what is wrong with one is said, and the others are shown all the same. `show` returns what --json gets.
template <typename Show>
Result<int> for_each_disk(Context &c, const char *key, Show show)
{
    const auto paths = c.options.names();
    if (paths.empty())
        return fail(Errc::Invalid, "{} needs disks or image files", to_word(c.options.mode));
    int status = 0;
    Json all = Json::array();
    for (std::size_t i = 0; i < paths.size(); i++) {
        const auto examined = examine_one(paths[i], i + 1);
        const Result<> shown = examined ? show(*examined, all) : Result<>(tl::make_unexpected(examined.error()));
        if (!shown) {
            c.warn(shown.error().text());
            status = 1;
        }
    }
    if (c.options.json)
        fmt::print("{}\n", Json{{"version", 1}, {key, all}}.dump(2));
    return status;
}

}  // namespace

Result<int> cmd_examine_badblocks(Context &c)
{
    return for_each_disk(c, "disks", [&c](const Examined &e, Json &all) -> Result<> {
        const auto bad = EMD_TRY(e.what.format->bad_blocks(*e.medium));
        if (c.options.json)
            all.push_back(to_json(bad, e.medium->path()));
        else
            fmt::print("{}", bad_blocks_text(e.medium->path(), bad));
        return {};
    });
}

Result<int> cmd_examine_bitmap(Context &c)
{
    return for_each_disk(c, "bitmaps", [&c](const Examined &e, Json &all) -> Result<> {
        const auto bitmaps = EMD_TRY(e.what.format->bitmaps(*e.medium));
        if (bitmaps.empty())
            return fail(Errc::NotFound, "{} has no write-intent bitmap", e.medium->path());
        for (const BitmapRecord &bitmap : bitmaps)
            if (c.options.json)
                all.push_back(to_json(bitmap, e.medium->path()));
            else
                fmt::print("{}", bitmap_text(e.medium->path(), bitmap));
        return {};
    });
}

}  // namespace emd::cli
