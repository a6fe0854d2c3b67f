// SPDX-License-Identifier: GPL-2.0-only
#include "run_plan.h"

#include "names.h"

namespace emd::cli {

Result<plan::Outcome> run_plan(Context &c, SystemHost &host, const plan::Plan &plan)
{
    if (c.options.dry_run) {
        fmt::print("{}", plan::to_text(plan));
        return plan::Outcome::Done;
    }
    plan::Executor executor(*c.sysfs, host);
    executor.before = [&](const plan::Action &action) {
        if (c.options.verbose)
            fmt::print(stderr, "emdadm: {}\n", plan::to_text(action));
        // udev hears of the start itself: a reshape that shall not go on must be marked before.
        if (const auto *set = std::get_if<plan::Set>(&action); set && c.options.freeze_reshape && set->attribute == "array_state")
            if (const auto marked = set_paused(executor.array(set->array), true); !marked)
                c.warn(marked.error().text());
    };
    return executor.run(plan);
}

}  // namespace emd::cli
