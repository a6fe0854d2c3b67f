// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/plan.h"

#include <fmt/format.h>
#include <iterator>

namespace emd::plan {

void Plan::append(Plan other)
{
    std::move(other.facts.begin(), other.facts.end(), std::back_inserter(facts));
    std::move(other.steps.begin(), other.steps.end(), std::back_inserter(steps));
}

std::string to_text(const Plan &plan)
{
    std::string text = plan.title + "\n";
    for (const std::string &fact : plan.facts)
        text += fmt::format("  {}\n", fact);
    int number = 0;
    for (const Step &step : plan.steps)
        text += fmt::format("{:4}  {}\n", ++number, to_text(step.action));
    return text;
}

}  // namespace emd::plan
