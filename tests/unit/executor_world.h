// SPDX-License-Identifier: GPL-2.0-only
// What a plan's executor acts on, and a record of what it has done.
#pragma once

#include "libemd/plan/executor.h"

#include <functional>
#include <map>
#include <set>

namespace emd::plan {

// Attributes as a map; what is stored is remembered in order, and one store may be refused.
class MapSysfs final : public Sysfs {
public:
    std::map<std::string, std::string, std::less<>> files;
    std::vector<std::string> log;
    std::string refused;
    Errc refusal = Errc::Invalid;
    int refusals = 1 << 30;

    Result<std::string> read(std::string_view path) override
    {
        const auto found = files.find(path);
        return found == files.end() ? Result<std::string>(fail(Errc::NotFound, "{}", path)) : found->second;
    }
    Result<> write(std::string_view path, std::string_view value) override
    {
        const std::string line = fmt::format("{}={}", path, value);
        if (line == refused && refusals-- > 0)
            return fail(refusal, "{} is refused", path);
        log.push_back(line);
        if (path == "../module/emd/parameters/new_array")
            files[fmt::format("{}/md/array_state", value)] = "clear";
        if (path.ends_with("/md/new_dev"))
            put_member(path.substr(0, path.rfind('/')), value);
        files[std::string(path)] = value;
        return {};
    }
    Result<std::vector<std::string>> list(std::string_view directory) override
    {
        std::set<std::string> names;
        for (const auto &[path, value] : files)
            if (path.starts_with(fmt::format("{}/", directory)))
                names.insert(path.substr(directory.size() + 1, path.find('/', directory.size() + 1) - directory.size() - 1));
        return std::vector<std::string>(names.begin(), names.end());
    }
    std::unique_ptr<Watch> watch() override
    {
        struct Now final : Watch {
            Result<> add(std::string_view) override { return {}; }
            Result<bool> wait(std::chrono::milliseconds) override { return true; }
        };
        return std::make_unique<Now>();
    }

private:
    void put_member(std::string_view md, std::string_view dev)
    {
        const std::string member = fmt::format("{}/dev-{}", md, dev);
        for (const auto &[attribute, value] : {std::pair<const char *, std::string_view>{"block/dev", dev}, {"slot", "none"},
                                               {"state", "spare"}, {"offset", "0"}, {"size", "0"}, {"recovery_start", "0"}})
            files[fmt::format("{}/{}", member, attribute)] = value;
    }
};

class LogHost final : public Host {
public:
    explicit LogHost(std::vector<std::string> &log) : log_(log) {}
    std::string refused;
    Outcome managed = Outcome::Done;

    std::function<bool()> udev = [] { return false; };
    bool udev_is_busy() const override { return udev(); }
    Result<> new_metadata(const NewMetadata &) override { return note("new metadata"); }
    Result<> wipe(const std::string &disk) override { return note("wipe " + disk); }
    Result<> apply(const Change &change) override { return note("apply " + to_text(change)); }
    Result<> store() override { return note("store"); }
    Result<> erase(const std::string &disk) override { return note("erase " + disk); }
    Result<> send(const std::string &, const Send &action) override { return note("send " + to_text(action.change)); }
    Result<> sync(const std::string &container, const Sync &) override { return note("sync " + container); }
    Result<> start_monitor(const std::string &container) override { return note("start " + container); }
    Result<> publish(const std::string &array, const Publish &p) override { return note("publish " + array + " " + p.name); }
    Result<> unpublish(const std::string &array) override { return note("unpublish " + array); }
    Result<> restore(unsigned) override { return note("restore"); }
    Result<> recover_parity(unsigned) override { return note("recover parity"); }
    Result<> reset_parity_log(unsigned, bool headers) override { return note(headers ? "empty the log" : "erase the log"); }
    Result<> reserve_backup(const ReserveBackup &a) override { return note("reserve " + a.path); }
    Result<> drop_backup(const std::string &path) override { return note("drop " + path); }
    Result<Outcome> manage(const std::string &array, const std::string &, const Manage &) override
    {
        const Result<> done = note("manage " + array);
        if (!done)
            return tl::make_unexpected(done.error());
        return managed;
    }

private:
    Result<> note(const std::string &what)
    {
        if (what == refused)
            return fail(Errc::Io, "{} fails", what);
        log_.push_back(what);
        return {};
    }
    std::vector<std::string> &log_;
};

}  // namespace emd::plan
