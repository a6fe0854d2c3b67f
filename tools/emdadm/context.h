// SPDX-License-Identifier: GPL-2.0-only
// What every command works with.
#pragma once

#include "config.h"
#include "options.h"

#include "libemd/device/array_map.h"
#include "libemd/kernel/sysfs.h"

#include <functional>
#include <memory>

namespace emd::cli {

struct Context {
    Options options;
    Config config;
    std::unique_ptr<Sysfs> sysfs;
    ArrayMap map;

    // For people, on stderr, unless --quiet.
    template <typename... Args>
    void say(fmt::format_string<Args...> text, Args &&...args) const
    {
        if (!options.quiet)
            fmt::print(stderr, "emdadm: {}\n", fmt::format(text, std::forward<Args>(args)...));
    }
    void warn(std::string_view text) const { fmt::print(stderr, "emdadm: {}\n", text); }
};

// Each returns the exit status; an error is printed as one sentence and ends with status 1.
Result<int> cmd_create(Context &c);
Result<int> cmd_build(Context &c);
Result<int> cmd_assemble(Context &c);
Result<int> cmd_incremental(Context &c);
Result<int> cmd_grow(Context &c);
Result<int> cmd_manage(Context &c);
Result<int> cmd_detail(Context &c);
Result<int> cmd_examine(Context &c);
Result<int> cmd_examine_badblocks(Context &c);
Result<int> cmd_examine_bitmap(Context &c);
Result<int> cmd_rescue(Context &c);  // 3: some of it could not be read
Result<int> cmd_query(Context &c);
Result<int> cmd_stop(Context &c);
Result<int> cmd_wait(Context &c);
Result<int> cmd_wait_clean(Context &c);
Result<int> cmd_mode(Context &c);  // --readonly, --readwrite
Result<int> cmd_zero_superblock(Context &c);
Result<int> cmd_kill_subarray(Context &c);
Result<int> cmd_update_subarray(Context &c);
Result<int> cmd_detail_platform(Context &c);

}  // namespace emd::cli
