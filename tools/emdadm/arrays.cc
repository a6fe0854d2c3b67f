// SPDX-License-Identifier: GPL-2.0-only
#include "arrays.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace emd::cli {
namespace {

constexpr std::size_t kMaxName = 64;

std::string base_name(const std::string &path)
{
    return path.substr(path.rfind('/') + 1);
}

}  // namespace

Result<ArrayRef> parse_metadata_version(const std::string &array, std::string_view text)
{
    ArrayRef ref;
    ref.array = array;
    if (text == "none")
        return ref;
    constexpr std::string_view kExternal = "external:";
    if (!text.starts_with(kExternal) || text.size() == kExternal.size())
        return fail(Errc::Corrupt, "{}: metadata_version reads \"{}\", which is none of EMD's", array, text);
    std::string_view rest = text.substr(kExternal.size());
    if (rest[0] != '/' && rest[0] != '-') {
        ref.kind = ArrayRef::Kind::Container;
        ref.format = rest;
        return ref;
    }
    ref.kind = ArrayRef::Kind::Volume;
    ref.tagged = rest[0] == '-';
    rest.remove_prefix(1);
    const std::size_t slash = rest.find('/');
    const std::string_view number = slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), ref.volume);
    if (error != std::errc() || end != number.data() + number.size() || slash == 0)
        return fail(Errc::Corrupt, "{}: metadata_version reads \"{}\", which names no volume", array, text);
    ref.container = rest.substr(0, slash);
    return ref;
}

Result<ArrayRef> look_at(Context &c, const std::string &array)
{
    return parse_metadata_version(array, EMD_TRY(Array(*c.sysfs, array).metadata_version()));
}

Result<std::string> find_array(Context &c, const std::string &what)
{
    const std::vector<std::string> all = list_arrays(*c.sysfs);
    const auto runs = [&](const std::string &name) { return std::ranges::count(all, name) > 0; };
    const std::string base = base_name(what);
    const bool plain = what.find('/') == what.npos;
    if ((plain || what == "/dev/" + base) && runs(base))
        return base;
    if (plain || what == "/dev/emd/" + base)
        if (const auto entry = c.map.by_name(base); entry && runs(entry->array))
            return entry->array;
    std::error_code error;
    const std::string target = std::filesystem::canonical(what, error).string();
    if (!error && target == "/dev/" + base_name(target) && runs(base_name(target)))
        return base_name(target);
    for (const MapEntry &entry : c.map.entries())
        if (entry.uuid == what && runs(entry.array))
            return entry.array;
    return fail(Errc::NotFound, "{} is no array that EMD runs: emdadm --detail --scan lists them", what);
}

Result<plan::Running> running_volumes(Context &c, const std::string &container)
{
    plan::Running running;
    running.container = container;
    for (const std::string &name : list_arrays(*c.sysfs)) {
        const auto ref = look_at(c, name);
        if (!ref || ref->kind != ArrayRef::Kind::Volume || ref->container != container)
            continue;
        const Array array(*c.sysfs, name);
        plan::RunningVolume v;
        v.index = ref->volume;
        v.array = name;
        v.state = EMD_TRY(array.state());
        v.tagged = ref->tagged;
        v.level = array.level().value_or("");
        v.action = array.action().value_or("");  // a level without redundancy may have none
        v.degraded = static_cast<unsigned>(array.number("degraded").value_or(0));
        if (const auto members = array.members())
            for (const MemberInfo &m : *members)
                if (m.slot >= 0)
                    v.members.push_back({m.name, m.offset, m.size});
        v.component_sectors = array.number("component_size").value_or(0) * 2;
        v.array_size = array.get("array_size").value_or("");
        running.volumes.push_back(v);
    }
    std::ranges::sort(running.volumes, {}, &plan::RunningVolume::index);
    return running;
}

std::string link_of(Context &c, const std::string &array)
{
    const auto entry = c.map.by_array(array);
    return entry ? "/dev/emd/" + entry->name : "/dev/" + array;
}

Result<std::string> name_from(const std::string &path)
{
    const std::string name = base_name(path);
    const bool letters = std::ranges::all_of(name, [](unsigned char ch) { return std::isalnum(ch) || ch == '.' || ch == '_' || ch == '-'; });
    if (name.empty() || name.size() > kMaxName || !letters || name[0] == '.' || name[0] == '-')
        return fail(Errc::Invalid, "\"{}\" is no name for an array: letters, digits, '.', '_' and '-', not first '.' or '-'", path);
    return name;
}

}  // namespace emd::cli
