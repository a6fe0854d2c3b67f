// SPDX-License-Identifier: GPL-2.0-only
// Text of attributes to values and back. The only place that knows their grammar.
#include "libemd/kernel/array.h"

#include <algorithm>
#include <charconv>

namespace emd {
namespace {

constexpr std::uint64_t kSectorsPerKb = 2;

std::optional<std::uint64_t> parse_number(std::string_view text)
{
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

// "5" or "5 (4)"
std::optional<Pair> parse_pair(std::string_view text)
{
    const std::size_t space = text.find(' ');
    const auto next = parse_number(text.substr(0, space));
    if (!next)
        return std::nullopt;
    if (space == std::string_view::npos)
        return Pair{*next, *next};
    std::string_view old = text.substr(space + 1);
    if (!old.starts_with('(') || !old.ends_with(')'))
        return std::nullopt;
    const auto now = parse_number(old.substr(1, old.size() - 2));
    if (!now)
        return std::nullopt;
    return Pair{*next, *now};
}

// "8:16"
std::optional<DevNum> parse_dev(std::string_view text)
{
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    const auto major = parse_number(text.substr(0, colon)), minor = parse_number(text.substr(colon + 1));
    if (!major || !minor)
        return std::nullopt;
    return DevNum{static_cast<unsigned>(*major), static_cast<unsigned>(*minor)};
}

tl::unexpected<Error> not_understood(const std::string &path, std::string_view text)
{
    return fail(Errc::Corrupt, "{} reads \"{}\", which is not understood", path, text);
}

Result<Pair> get_pair(const Array &array, std::string_view attribute)
{
    const std::string text = EMD_TRY(array.get(attribute));
    const auto pair = parse_pair(text);
    if (!pair)
        return not_understood(array.path(attribute), text);
    return *pair;
}

}  // namespace

std::optional<int> parse_level(std::string_view word)
{
    if (word == "linear")
        return -1;
    if (!word.starts_with("raid"))
        return std::nullopt;
    const auto number = parse_number(word.substr(4));
    if (!number || (*number > 1 && *number < 4) || (*number > 6 && *number != 10))
        return std::nullopt;
    return static_cast<int>(*number);
}

bool MemberInfo::has(std::string_view word) const
{
    std::string_view rest = state;
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        if (rest.substr(0, comma) == word)
            return true;
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    return false;
}

std::string Array::path(std::string_view attribute) const
{
    return fmt::format("{}/md/{}", name_, attribute);
}

std::string Array::own_path(std::string_view attribute) const
{
    return fmt::format("{}/emd/{}", name_, attribute);
}

bool Array::exists() const
{
    return sysfs_->read(path("array_state")).has_value();
}

Result<std::string> Array::life() const
{
    return sysfs_->read(name_ + "/diskseq");
}

Result<std::string> Array::get(std::string_view attribute) const
{
    return sysfs_->read(path(attribute));
}

Result<> Array::set(std::string_view attribute, std::string_view value)
{
    Result<> done = sysfs_->write(path(attribute), value);
    if (done)
        return done;
    const Error &error = done.error();
    const Result<std::string> reason = sysfs_->read(own_path("last_error"));
    if (!reason || reason->empty())
        return done;
    return tl::make_unexpected(Error(error.code(), fmt::format("{} ({})", error.text(), *reason), error.sys()));
}

Result<> Array::set(std::string_view attribute, std::uint64_t value)
{
    return set(attribute, fmt::to_string(value));
}

Result<std::uint64_t> Array::number(std::string_view attribute) const
{
    const std::string text = EMD_TRY(get(attribute));
    const auto value = parse_number(text);
    if (!value)
        return not_understood(path(attribute), text);
    return *value;
}

Result<std::string> Array::state() const
{
    return get("array_state");
}

Result<std::string> Array::action() const
{
    return get("sync_action");
}

Result<SyncCompleted> Array::completed() const
{
    const std::string text = EMD_TRY(get("sync_completed"));
    if (text == "none")
        return SyncCompleted{};
    if (text == "delayed")
        return SyncCompleted{SyncCompleted::Kind::Delayed, 0, 0};
    const std::size_t slash = text.find(" / ");
    const auto done = parse_number(std::string_view(text).substr(0, slash));
    const auto total = slash == std::string::npos ? done : parse_number(std::string_view(text).substr(slash + 3));
    if (!done || !total)
        return not_understood(path("sync_completed"), text);
    return SyncCompleted{SyncCompleted::Kind::Running, *done, *total};
}

Result<std::optional<std::uint64_t>> Array::reshape_position() const
{
    const std::string text = EMD_TRY(get("reshape_position"));
    if (text == "none")
        return std::optional<std::uint64_t>();
    const auto value = parse_number(text);
    if (!value)
        return not_understood(path("reshape_position"), text);
    return value;
}

Result<Pair> Array::raid_disks() const
{
    return get_pair(*this, "raid_disks");
}

Result<Pair> Array::chunk_bytes() const
{
    return get_pair(*this, "chunk_size");
}

Result<Pair> Array::layout() const
{
    return get_pair(*this, "layout");
}

Result<std::string> Array::level() const
{
    return get("level");
}

Result<Shape> Array::shape() const
{
    const std::string word = EMD_TRY(level());
    const auto level = parse_level(word);
    if (!level)
        return not_understood(path("level"), word);
    Shape shape;
    shape.level = *level;
    shape.layout = static_cast<std::uint32_t>(EMD_TRY(layout()).now);
    shape.raid_disks = static_cast<std::uint32_t>(EMD_TRY(raid_disks()).now);
    shape.chunk_sectors = static_cast<std::uint32_t>(EMD_TRY(chunk_bytes()).now / 512);
    shape.component_sectors = EMD_TRY(number("component_size")) * kSectorsPerKb;
    return shape;
}

Result<std::string> Array::metadata_version() const
{
    return get("metadata_version");
}

Result<std::vector<MemberInfo>> Array::members() const
{
    std::vector<MemberInfo> all;
    for (const std::string &entry : EMD_TRY(sysfs_->list(fmt::format("{}/md", name_)))) {
        if (!entry.starts_with("dev-"))
            continue;
        Result<MemberInfo> one = member(entry);
        // A failed member vanishes by itself, also between the listing and the reading.
        if (!one && (one.error().code() == Errc::NotFound || one.error().code() == Errc::Gone))
            continue;
        if (!one || !one->has("removed"))  // such a one is on its way out and has no say
            all.push_back(EMD_TRY(std::move(one)));
    }
    return all;
}

Result<MemberInfo> Array::member(std::string_view name) const
{
    const auto text = [&](std::string_view attribute) { return get(fmt::format("{}/{}", name, attribute)); };
    const auto value = [&](std::string_view attribute) { return number(fmt::format("{}/{}", name, attribute)); };

    MemberInfo info;
    info.name = name;
    const std::string dev = EMD_TRY(text("block/dev"));
    const auto number = parse_dev(dev);
    if (!number)
        return not_understood(path(fmt::format("{}/block/dev", name)), dev);
    info.dev = *number;
    const std::string slot = EMD_TRY(text("slot"));
    const auto place = parse_number(slot);
    if (!place && slot != "none")
        return not_understood(path(fmt::format("{}/slot", name)), slot);
    info.slot = place ? static_cast<int>(*place) : -1;
    info.state = EMD_TRY(text("state"));
    info.offset = EMD_TRY(value("offset"));
    info.size = EMD_TRY(value("size")) * kSectorsPerKb;
    const std::string recovery = EMD_TRY(text("recovery_start"));
    info.recovery_start = parse_number(recovery).value_or(~std::uint64_t(0));  // "none": in sync
    return info;
}

Result<> Array::set_member(std::string_view member, std::string_view attribute, std::string_view value)
{
    return set(fmt::format("{}/{}", member, attribute), value);
}

Result<std::string> Array::add_member(DevNum dev, std::uint64_t offset, std::uint64_t size)
{
    EMD_TRY(set("new_dev", fmt::format("{}:{}", dev.major, dev.minor)));
    for (const MemberInfo &m : EMD_TRY(members())) {
        // A failed member of the same disk may still be waiting for its acknowledgement: it is not the new one.
        if (m.dev != dev || m.slot >= 0 || m.has("faulty"))
            continue;
        EMD_TRY(set_member(m.name, "offset", fmt::to_string(offset)));  // offset before size: the kernel demands it
        EMD_TRY(set_member(m.name, "size", fmt::to_string(size / kSectorsPerKb)));
        return m.name;
    }
    return fail(Errc::Gone, "{}: disk {}:{} was added and has vanished again", name_, dev.major, dev.minor);
}

// Who has no list yet gets one by `external_bbl`, and keeps what is in it without.
Result<> Array::give_log_place(std::string_view member, const ParityLogPlace::Area &area)
{
    if (!area.sectors)
        return {};
    EMD_TRY(set_member(member, "ppl_sector", fmt::to_string(area.sector)));
    return set_member(member, "ppl_size", fmt::to_string(area.sectors));
}

Result<> Array::give_bad_blocks(std::string_view member, const std::vector<BadRange> &bad, bool kept)
{
    if (bad.empty() && !kept)
        return {};
    EMD_TRY(set_member(member, "state", "external_bbl"));
    for (const BadRange &r : bad)
        EMD_TRY(set_member(member, "bad_blocks", fmt::format("{} {}", r.start, r.sectors)));
    return kept ? Result<>() : set_member(member, "state", "-external_bbl");
}

namespace {

// Relative to the block directory, as everything that goes through Sysfs.
constexpr std::string_view kNewArray = "../module/emd/parameters/new_array";
constexpr int kMaxArrays = 512;

std::optional<int> array_number(std::string_view name)
{
    if (!name.starts_with("emd"))
        return std::nullopt;
    const auto number = parse_number(name.substr(3));
    return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

}  // namespace

Result<std::string> create_array(Sysfs &sysfs, int preferred)
{
    for (int n = preferred < 0 ? 0 : preferred; n < kMaxArrays || n == preferred; n++) {
        const std::string name = fmt::format("emd{}", n);
        const bool taken = sysfs.read(fmt::format("{}/md/array_state", name)).has_value();
        if (!taken) {
            const Result<> made = sysfs.write(kNewArray, name);
            if (made)
                return name;
            if (made.error().code() == Errc::NotFound)
                return fail(Errc::NotFound, "the module emd is not loaded: modprobe emd");
            if (made.error().sys() != EEXIST)
                return tl::make_unexpected(made.error().within(fmt::format("creating {}", name)));
        }
        if (preferred >= 0)
            return fail(Errc::Busy, "{} exists already", name);
    }
    return fail(Errc::NoSpace, "all {} array numbers are in use", kMaxArrays);
}

std::vector<std::string> list_arrays(Sysfs &sysfs)
{
    std::vector<int> numbers;
    for (const std::string &name : sysfs.list("").value_or(std::vector<std::string>()))
        if (const auto n = array_number(name))
            numbers.push_back(*n);
    std::sort(numbers.begin(), numbers.end());
    std::vector<std::string> names;
    for (const int n : numbers)
        names.push_back(fmt::format("emd{}", n));
    return names;
}

}  // namespace emd
