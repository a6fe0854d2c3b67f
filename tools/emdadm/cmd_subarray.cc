// SPDX-License-Identifier: GPL-2.0-only
// --kill-subarray, --update-subarray: what a container records of a volume, changed while none of its volumes runs.
#include "arrays.h"
#include "assembly.h"
#include "inventory.h"
#include "run_plan.h"

#include "libemd/device/udev.h"
#include "libemd/plan/subarray.h"
#include "libemd/report/json.h"

#include <algorithm>
#include <functional>

namespace emd::cli {
namespace {

// A container, by what its disks say.
struct Whose {
    const Format *format = nullptr;
    Uuid container{};
    std::string word;  // by which it was named
};

// Who has the disk now: nobody (empty), or a container of EMD. Busy: anybody else.
Result<std::string> container_holding(Context &c, const BlockDevice &disk)
{
    if (const std::string holder = foreign_holder(disk); !holder.empty())
        return fail(Errc::Busy, "{} is used by {}: stop that first{}", disk.path(), holder,
                    holder.starts_with("md") ? fmt::format(" (mdadm --stop /dev/{})", holder) : "");
    std::string container;
    for (const std::string &holder : disk.holders()) {
        const ArrayRef ref = EMD_TRY(look_at(c, holder));
        if (ref.kind == ArrayRef::Kind::Bare)
            return fail(Errc::Busy, "{} is a member of {}, which is no container: emdadm --stop {}", disk.path(), link_of(c, holder), link_of(c, holder));
        container = ref.kind == ArrayRef::Kind::Container ? holder : ref.container;
    }
    return container;
}

// `instead`: what to do about a volume that is in no container.
Result<Whose> whose_disk(const BlockDevice &disk, const std::string &instead)
{
    const auto found = EMD_TRY(recognise(disk));
    if (!found)
        return fail(Errc::NotFound, "{} has no metadata that EMD knows{}", disk.path(),
                    disk.kernel_name().starts_with("md") ? ": stop the array with mdadm --stop and name one of its disks" : "");
    if (is_single(*found->format))
        return fail(Errc::Unsupported, "{} is a member of an array with superblocks of its own, which is no container: {}", disk.path(), instead);
    return Whose{found->format, found->probe.container, disk.path()};
}

// All disks named belong to one container, which may have an array, but no volume that runs.
class Named {
public:
    Named(Context &c, std::string instead) : c_(c), instead_(std::move(instead)) {}

    Result<> take(const std::string &word)
    {
        const auto array = find_array(c_, word);
        if (!array)
            return take_disk(EMD_TRY(BlockDevice::open(word, OpenMode::Read)));
        const ArrayRef ref = EMD_TRY(look_at(c_, *array));
        if (ref.kind == ArrayRef::Kind::Volume)
            return fail(Errc::Busy, "{} is a volume that runs: emdadm --stop it, and name its container or a disk", link_of(c_, *array));
        if (ref.kind == ArrayRef::Kind::Bare)
            return fail(Errc::Invalid, "{} is no container", link_of(c_, *array));
        for (const MemberInfo &m : EMD_TRY(Array(*c_.sysfs, *array).members()))
            EMD_TRY(take_disk(EMD_TRY(BlockDevice::open(m.dev, OpenMode::Read))));
        return {};
    }

    // The rest of the container, and spares that nobody has, one of which may tell that a volume was deleted already.
    Result<> find_rest()
    {
        if (!whose_.format)
            return fail(Errc::NotFound, "{}: there is no volume on any of these disks: they are spares", to_word(c_.options.mode));
        for (const std::string &path : list_disks()) {
            auto device = BlockDevice::open(path, OpenMode::Read);
            if (!device || !c_.config.looks_at(path) || knows((*device)->dev()))
                continue;
            const auto found = recognise(**device);
            if (!found || !*found || (*found)->format != whose_.format || (*device)->sector_bytes() != disks_.front()->sector_bytes())
                continue;
            const bool loose = (*found)->probe.container == Uuid{};
            if ((*found)->probe.container == whose_.container)
                EMD_TRY(add(std::move(*device)));
            else if (loose && (*device)->holders().empty())
                disks_.push_back(std::move(*device));
        }
        if (array_.empty())
            array_ = running_container(c_, whose_.container);
        return {};
    }

    Result<> check_stopped() const
    {
        if (array_.empty())
            return {};
        const plan::Running running = EMD_TRY(running_volumes(c_, array_));
        if (!running.volumes.empty()) {
            const std::string volume = link_of(c_, running.volumes.front().array);
            return fail(Errc::Busy, "{} runs, a volume of this container: emdadm --stop {}", volume, volume);
        }
        if (monitor_runs(array_))
            return fail(Errc::Busy, "emdmon of {} still holds its record: it leaves within some seconds, try again", link_of(c_, array_));
        return {};
    }

    const std::string &array() const { return array_; }  // empty: it has none
    Result<Loaded> load() { return cli::load(*whose_.format, std::move(disks_)); }

private:
    bool knows(DevNum dev) const
    {
        return std::ranges::any_of(disks_, [&](const auto &d) { return d->dev() == dev; });
    }

    Result<> add(std::unique_ptr<BlockDevice> disk)
    {
        if (const std::string container = EMD_TRY(container_holding(c_, *disk)); !container.empty())
            array_ = container;
        if (disk->read_only())
            return fail(Errc::Refused, "{} is read-only", disk->path());
        disks_.push_back(std::move(disk));
        return {};
    }

    Result<> take_disk(std::unique_ptr<BlockDevice> disk)
    {
        if (knows(disk->dev()))
            return {};
        const Whose whose = EMD_TRY(whose_disk(*disk, instead_));
        if (whose.container == Uuid{})  // a spare, which says nothing of containers
            return {};
        if (!whose_.format)
            whose_ = whose;
        if (whose.format != whose_.format || whose.container != whose_.container)
            return fail(Errc::Invalid, "{} and {} belong to different containers", whose_.word, whose.word);
        return add(std::move(disk));
    }

    Context &c_;
    std::string instead_;
    Whose whose_;
    std::string array_;
    std::vector<std::unique_ptr<BlockDevice>> disks_;
};

// An array that has lost its last volume has another identity, or none.
Result<> name_anew(Context &c, const std::string &array, const Container &now)
{
    auto entry = c.map.by_array(array);
    if (array.empty() || !entry)
        return {};
    entry->uuid = now.uuid == Uuid{} ? "-" : to_string(now.uuid);
    return c.map.put(*entry);
}

Result<int> edit(Context &c, const std::string &instead, const std::function<Result<plan::Plan>(const Container &, const plan::Express &)> &plan_for)
{
    const Options &o = c.options;
    if (o.arguments.empty())
        return fail(Errc::Invalid, "{} needs a disk of the container, or the container", to_word(o.mode));
    std::optional<Fd> turn;  // nobody assembles what is being changed
    if (!o.dry_run)
        turn = EMD_TRY(take_turn());
    Named named(c, instead);
    for (const std::string &word : o.names())
        EMD_TRY(named.take(word));
    EMD_TRY(named.find_rest());
    EMD_TRY(named.check_stopped());
    std::optional<ContainerLock> lock;
    if (!o.dry_run && !named.array().empty())
        lock = EMD_TRY(ContainerLock::take(named.array(), fmt::format("{} {}", to_word(o.mode), o.subarray)));

    SystemHost host(c, EMD_TRY(named.load()));
    Container after = host.loaded().view();
    const auto express = [&](const Change &change) -> Result<Container> {
        auto scratch = EMD_TRY(host.loaded().scratch());
        EMD_TRY(scratch->apply(change));
        after = scratch->view();
        return after;
    };
    const plan::Plan plan = EMD_TRY(plan_for(host.loaded().view(), express));
    if (!o.dry_run || !o.json)
        EMD_TRY(run_plan(c, host, plan));
    if (o.json)
        fmt::print("{}\n", nlohmann::ordered_json{{"version", 1}, {"containers", nlohmann::ordered_json::array({to_json(after)})}}.dump(2));
    if (o.dry_run)
        return 0;
    EMD_TRY(name_anew(c, named.array(), after));
    c.say("{}: done", plan.title);
    for (const std::string &fact : plan.facts)
        c.say("{}", fact);
    return 0;
}

}  // namespace

Result<int> cmd_kill_subarray(Context &c)
{
    return edit(c, "emdadm --zero-superblock on each of its disks deletes it", [&](const Container &now, const plan::Express &express) {
        return plan::plan_delete_volume(now, c.options.subarray, c.options.force, express);
    });
}

Result<int> cmd_update_subarray(Context &c)
{
    const std::string name = c.options.name;
    if (!c.options.rename)
        return fail(Errc::Invalid, "--update-subarray needs --update=name, and the name with --name=NAME");
    if (name.empty())
        return fail(Errc::Invalid, "--update=name needs the new name: --name=NAME, with 1 to 16 characters");
    return edit(c, "it gets another name with mdadm --assemble --update=name while it is stopped", [&](const Container &now, const plan::Express &express) {
        return plan::plan_rename_volume(now, c.options.subarray, name, c.options.force, express);
    });
}

}  // namespace emd::cli
