// SPDX-License-Identifier: GPL-2.0-only
#include "run_plan.h"

namespace emd::cli {

Result<plan::Outcome> run_plan(Context &c, SystemHost &host, const plan::Plan &plan)
{
    if (c.options.dry_run) {
        fmt::print("{}", plan::to_text(plan));
        return plan::Outcome::Done;
    }
    plan::Executor executor(*c.sysfs, host);
    if (c.options.verbose)
        executor.before = [](const plan::Action &action) { fmt::print(stderr, "emdadm: {}\n", plan::to_text(action)); };
    return executor.run(plan);
}

}  // namespace emd::cli
