// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/executor.h"

#include <chrono>

namespace emd::plan {
namespace {

// A thread that was told to end may still be on its way out: sync_action then says EBUSY for a moment. Arrays are held
// open by udev after each event: while it is at work, which takes long on a busy machine, nobody can say who else holds
// one. So the limit counts from when udev was last seen at work. What is taken back must go, and is held by nobody but udev.
constexpr auto kUdevLimit = std::chrono::seconds(60);
constexpr auto kBusyRetry = std::chrono::milliseconds(50);

bool passes_by_itself(const Set &action)
{
    return action.attribute == "sync_action" || action.attribute == "array_state";
}

Result<Outcome> done(Result<> result)
{
    if (!result)
        return tl::make_unexpected(std::move(result).error());
    return Outcome::Done;
}

}  // namespace

const std::string &Executor::array(const std::string &word) const
{
    const auto known = names_.find(word);
    return known == names_.end() ? word : known->second;
}

std::string Executor::expand(std::string_view value) const
{
    std::string text;
    for (std::size_t at = 0; at < value.size();) {
        const std::size_t open = value.find('{', at);
        const std::size_t close = open == value.npos ? open : value.find('}', open);
        if (close == value.npos)
            return text.append(value.substr(at));
        text.append(value.substr(at, open - at)).append(array(std::string(value.substr(open + 1, close - open - 1))));
        at = close + 1;
    }
    return text;
}

Result<> Executor::new_array(const std::string &word)
{
    names_[word] = EMD_TRY(create_array(*sysfs_));
    return {};
}

Result<> Executor::set(const Set &action)
{
    Array target(*sysfs_, array(action.array));
    const std::string value = expand(action.value);
    const auto begin = std::chrono::steady_clock::now();
    auto quiet = begin;  // since when udev has nothing to do, as far as is known
    for (;;) {
        const bool may_pass = passes_by_itself(action);
        const bool udev_at_work = may_pass && host_->udev_is_busy();  // looked at before the store, which may meet its end
        Result<> stored = target.set(action.attribute, value);
        const auto now = std::chrono::steady_clock::now();
        if (udev_at_work)
            quiet = now;
        const bool waited_enough = now - begin > kUdevLimit || (!taking_back_ && !udev_at_work && now - quiet > busy_limit);
        if (stored || stored.error().code() != Errc::Busy || !may_pass || waited_enough)
            return std::move(stored).within(fmt::format("{}: setting {} to {}", target.name(), action.attribute, value));
        const auto watch = sysfs_->watch();
        EMD_TRY(watch->add(target.path(action.attribute)));
        EMD_TRY(watch->wait(kBusyRetry));
    }
}

Result<> Executor::expect(const Expect &action)
{
    const Array target(*sysfs_, array(action.array));
    const std::string value = EMD_TRY(target.get(action.attribute));
    if (value != expand(action.value))
        return fail(Errc::Refused, "{}: {} ({} reads {})", target.name(), action.otherwise, action.attribute, value);
    return {};
}

Result<> Executor::add_member(const AddMember &m)
{
    Array target(*sysfs_, array(m.array));
    const auto context = [&](Result<> r) { return std::move(r).within(fmt::format("{}: adding {}", target.name(), m.disk)); };
    if (m.size == 0)  // a container: no place, so nothing to tell
        return context(target.set("new_dev", fmt::format("{}:{}", m.dev.major, m.dev.minor)));
    auto added = target.add_member(m.dev, m.offset, m.size);
    if (!added)
        return tl::make_unexpected(added.error().within(fmt::format("{}: adding {}", target.name(), m.disk)));
    if (m.new_offset)
        EMD_TRY(context(target.set_member(*added, "new_offset", fmt::to_string(*m.new_offset))));
    EMD_TRY(context(target.give_bad_blocks(*added, m.bad, m.keeps_bad)));
    EMD_TRY(context(target.give_log_place(*added, m.parity_log)));
    if (m.write_mostly)
        EMD_TRY(context(target.set_member(*added, "state", "writemostly")));
    if (m.slot >= 0)
        EMD_TRY(context(target.set_member(*added, "slot", fmt::to_string(m.slot))));
    if (m.recovery_start)  // after slot, which declares an inactive array's member to be in sync
        EMD_TRY(context(target.set_member(*added, "recovery_start", fmt::to_string(*m.recovery_start))));
    return {};
}

Result<> Executor::remove_member(const RemoveMember &action)
{
    Array target(*sysfs_, array(action.array));
    for (const MemberInfo &m : EMD_TRY(target.members()))
        if (m.dev == action.dev) {
            Result<> removed = target.set_member(m.name, "state", "remove");
            const bool vanished = !removed && (removed.error().code() == Errc::Gone || removed.error().code() == Errc::NotFound);
            return vanished ? Result<>() : std::move(removed).within(fmt::format("{}: removing {}", target.name(), action.disk));
        }
    return {};  // a failed member goes by itself when its last request has ended
}

Result<> Executor::clear(const std::string &word)
{
    const std::string name = array(word);
    EMD_TRY(set({name, "array_state", "clear"}));
    return host_->unpublish(name);
}

Result<Outcome> Executor::act(const Action &action)
{
    if (const auto *a = std::get_if<NewArray>(&action))
        return done(new_array(a->array));
    if (const auto *a = std::get_if<Set>(&action))
        return done(set(*a));
    if (const auto *a = std::get_if<Expect>(&action))
        return done(expect(*a));
    if (const auto *a = std::get_if<AddMember>(&action))
        return done(add_member(*a));
    if (const auto *a = std::get_if<RemoveMember>(&action))
        return done(remove_member(*a));
    if (const auto *a = std::get_if<ClearArray>(&action))
        return done(clear(a->array));
    if (const auto *a = std::get_if<NewMetadata>(&action))
        return done(host_->new_metadata(*a));
    if (const auto *a = std::get_if<Wipe>(&action))
        return done(host_->wipe(a->disk));
    if (const auto *a = std::get_if<Apply>(&action))
        return done(host_->apply(a->change));
    if (std::get_if<Store>(&action))
        return done(host_->store());
    if (const auto *a = std::get_if<Erase>(&action))
        return done(host_->erase(a->disk));
    if (const auto *a = std::get_if<Send>(&action))
        return done(host_->send(array(a->container), *a));
    if (const auto *a = std::get_if<Sync>(&action))
        return done(host_->sync(array(a->container), *a));
    if (const auto *a = std::get_if<StartMonitor>(&action))
        return done(host_->start_monitor(array(a->container)));
    if (const auto *a = std::get_if<Publish>(&action))
        return done(host_->publish(array(a->array), *a));
    if (const auto *a = std::get_if<Restore>(&action))
        return done(host_->restore(a->volume));
    if (const auto *a = std::get_if<RecoverParity>(&action))
        return done(host_->recover_parity(a->volume));
    if (const auto *a = std::get_if<ResetParityLog>(&action))
        return done(host_->reset_parity_log(a->volume, a->headers));
    if (const auto *a = std::get_if<ReserveBackup>(&action))
        return done(host_->reserve_backup(*a));
    if (const auto *a = std::get_if<DropBackup>(&action))
        return done(host_->drop_backup(a->path));
    const auto &manage = std::get<Manage>(action);
    return host_->manage(array(manage.array), array(manage.container), manage);
}

Result<Outcome> Executor::run(const Plan &plan)
{
    std::vector<const Step *> done;
    for (const Step &step : plan.steps) {
        if (step.commit)
            done.clear();
        if (before)
            before(step.action);
        Result<Outcome> outcome = act(step.action);
        if (outcome && *outcome == Outcome::Paused)
            return outcome;
        if (outcome) {
            done.push_back(&step);
            continue;
        }
        std::string left;
        taking_back_ = true;
        for (auto it = done.rbegin(); it != done.rend(); ++it)
            for (const Action &undo : (*it)->undo)
                if (const auto undone = act(undo); !undone)
                    left += fmt::format("; could not take back: {}", undone.error().text());
        taking_back_ = false;
        const Error &error = outcome.error();
        return tl::make_unexpected(Error(error.code(), error.text() + left, error.sys()));
    }
    return Outcome::Done;
}

}  // namespace emd::plan
