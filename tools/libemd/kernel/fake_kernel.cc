// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/kernel/fake_kernel.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace emd {
namespace {

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string pair_text(std::uint64_t next, std::uint64_t now)
{
    return next == now ? fmt::to_string(now) : fmt::format("{} ({})", next, now);
}

std::string show_completed(FakeArray &a)
{
    if (!a.reshaping() || !a.running)
        return "none";
    return fmt::format("{} / {}", emd_reshape_to_member(&a.plan(), a.published()),
                       std::uint64_t{a.plan().member_sectors});
}

int store_action(FakeArray &a, std::string_view word)
{
    static const std::set<std::string_view> kWords{"frozen", "idle", "reshape", "resync", "recover", "check", "repair"};
    if (!kWords.contains(word))
        return -EINVAL;
    if (word == "frozen" || word == "idle") {
        a.running = false;
        a.frozen = word == "frozen";
        return 0;
    }
    if (a.running)
        return -EBUSY;
    if (word != "reshape" || !a.reshaping())
        return -EINVAL;
    a.running = true;
    a.frozen = false;
    return 0;
}

}  // namespace

FakeArray &FakeKernel::add(std::string name, FakeArray array)
{
    arrays_.erase(name);
    return arrays_.emplace(std::move(name), std::move(array)).first->second;
}

const std::map<std::string, FakeKernel::Attribute, std::less<>> &FakeKernel::attributes()
{
    using K = FakeKernel;
    using A = FakeArray;
    using Text = std::string_view;
    static const std::map<std::string, Attribute, std::less<>> kTable{
        {"md/array_state", {[](A &) { return std::string("active"); }, nullptr}},
        {"md/sync_action", {[](A &a) { return std::string(a.running ? "reshape" : a.frozen ? "frozen" : "idle"); },
                            [](K &, A &a, Text t) { return store_action(a, t); }}},
        {"md/sync_completed", {show_completed, nullptr}},
        {"md/sync_max", {[](A &a) { return a.limit() ? fmt::to_string(*a.limit()) : std::string("max"); },
                         [](K &k, A &a, Text t) {
                             if (t == "max")
                                 return a.set_limit(std::nullopt);
                             const auto value = number(t);
                             const int error = value ? a.set_limit(value) : -EINVAL;
                             if (error == -EINVAL)
                                 k.refusal_ = fmt::format("sync_max {} is not a multiple of the larger chunk", t);
                             return error;
                         }}},
        {"md/suspend_lo", {[](A &a) { return fmt::to_string(a.suspend_lo()); },
                           [](K &k, A &a, Text t) { return k.store_suspend(a, true, t); }}},
        {"md/suspend_hi", {[](A &a) { return fmt::to_string(a.suspend_hi()); },
                           [](K &k, A &a, Text t) { return k.store_suspend(a, false, t); }}},
        {"md/reshape_position", {[](A &a) { return a.reshaping() ? fmt::to_string(a.published()) : std::string("none"); },
                                 nullptr}},
        {"md/raid_disks", {[](A &a) { return pair_text(a.geometry().raid_disks, a.geometry_in_force().raid_disks); }, nullptr}},
        {"md/chunk_size", {[](A &a) { return pair_text(a.geometry().chunk_sectors * 512ULL,
                                                       a.geometry_in_force().chunk_sectors * 512ULL); }, nullptr}},
        {"md/layout", {[](A &a) { return pair_text(a.geometry().layout, a.geometry_in_force().layout); }, nullptr}},
        {"md/degraded", {[](A &) { return std::string("0"); }, nullptr}},
        {"emd/reshape_acked", {[](A &a) { return a.acked() ? fmt::to_string(*a.acked()) : std::string("none"); },
                               [](K &, A &a, Text t) {
                                   const auto value = number(t);
                                   return value || t == "none" ? a.set_acked(value) : -EINVAL;
                               }}},
    };
    return kTable;
}

std::pair<FakeArray *, const FakeKernel::Attribute *> FakeKernel::find(std::string_view path)
{
    const std::size_t slash = path.find('/');
    const auto array = arrays_.find(path.substr(0, slash));
    if (slash == std::string_view::npos || array == arrays_.end())
        return {};
    const auto attribute = attributes().find(path.substr(slash + 1));
    return {&array->second, attribute == attributes().end() ? nullptr : &attribute->second};
}

Result<std::string> FakeKernel::read(std::string_view path)
{
    hooks_.step();
    const auto [array, attribute] = find(path);
    if (array && path.ends_with("/emd/last_error"))
        return last_error_[std::string(path.substr(0, path.find('/')))];
    if (!attribute)
        return fail_errno(ENOENT, "reading {}", path);
    return attribute->show(*array);
}

Result<> FakeKernel::write(std::string_view path, std::string_view value)
{
    hooks_.step();
    const auto [array, attribute] = find(path);
    if (!attribute)
        return fail_errno(ENOENT, "writing {}", path);
    if (!attribute->store)
        return fail_errno(EACCES, "writing {}", path);
    refusal_.clear();
    const int error = attribute->store(*this, *array, value);
    last_error_[std::string(path.substr(0, path.find('/')))] = refusal_;
    if (error != 0)
        return fail_errno(-error, "writing \"{}\" to {}", value, path);
    return {};
}

int FakeKernel::store_suspend(FakeArray &array, bool low, std::string_view text)
{
    const auto value = number(text);
    if (!value)
        return -EINVAL;
    const int error = array.set_suspend(low, *value);
    if (error != 0 || array.bugs.suspend_does_not_drain)
        return error;
    // In force for new writes from here on; those that were admitted before have to end.
    while (array.suspend_lo() < array.suspend_hi() && array.under_way_in(array.suspend_lo(), array.suspend_hi()))
        hooks_.block();
    return 0;
}

Result<std::vector<std::string>> FakeKernel::list(std::string_view directory)
{
    hooks_.step();
    std::set<std::string> names;
    for (const auto &[name, array] : arrays_) {
        if (directory.empty())
            names.insert(name);
        else if (directory.starts_with(name + "/"))
            for (const auto &[path, attribute] : attributes())
                if (path.starts_with(directory.substr(name.size() + 1)))
                    names.insert(path.substr(path.find('/') + 1));
    }
    return std::vector<std::string>(names.begin(), names.end());
}

class FakeWatch final : public Watch {
public:
    explicit FakeWatch(FakeKernel &kernel) : kernel_(&kernel) {}

    Result<> add(std::string_view path) override
    {
        values_.emplace_back(path, EMD_TRY(kernel_->read(path)));
        return {};
    }

    // Time is counted in turns of the world.
    Result<bool> wait(std::chrono::milliseconds limit) override
    {
        for (auto left = limit.count(); left >= 0; left -= kTurn) {
            bool changed = false;
            for (auto &[path, value] : values_) {
                std::string now = kernel_->read(path).value_or(std::string());
                changed |= now != value;
                value = std::move(now);
            }
            if (changed)
                return true;
            kernel_->hooks_.block();
        }
        return false;
    }

private:
    static constexpr long kTurn = 50;
    FakeKernel *kernel_;
    std::vector<std::pair<std::string, std::string>> values_;
};

std::unique_ptr<Watch> FakeKernel::watch()
{
    return std::make_unique<FakeWatch>(*this);
}

}  // namespace emd
