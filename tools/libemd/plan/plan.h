// SPDX-License-Identifier: GPL-2.0-only
// A plan is what a command is going to do: facts for people, and steps with what takes each of them back.
#pragma once

#include "libemd/plan/action.h"

namespace emd::plan {

struct Step {
    Action action;
    std::vector<Action> undo;  // done in this order when a later step fails
    bool commit = false;       // from here on nothing is taken back: before this step every undo is dropped
};

struct Plan {
    std::string title;               // "create volume vol0"
    std::vector<std::string> facts;  // sentences or "name: value" lines
    std::vector<Step> steps;

    void add(Action action, std::vector<Action> undo = {}) { steps.push_back({std::move(action), std::move(undo), false}); }
    void commit(Action action) { steps.push_back({std::move(action), {}, true}); }
    void append(Plan other);
};

// What --dry-run prints: title, facts, numbered steps.
std::string to_text(const Plan &plan);

}  // namespace emd::plan
