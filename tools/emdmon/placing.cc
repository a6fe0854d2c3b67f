// SPDX-License-Identifier: GPL-2.0-only
// The keeper's decisions that no write waits for: places for spares, removal of failed members, volumes that were left
// frozen or with a proposal.
#include "keeper.h"
#include "tasks.h"

#include "libemd/kernel/array.h"

#include <algorithm>

namespace emd::mon {
namespace {

using std::chrono::seconds;

constexpr seconds kPlaceAgain{30};   // after the kernel refused a member
constexpr seconds kSettle{2};        // after the kernel took one
constexpr seconds kRemoveAgain{1};   // a failed member leaves its slot when its last request has ended
constexpr seconds kOrphanAfter{10};  // left, and nobody holds the container

// A takeover or another size is recorded, and who wanted it has gone before the kernel was told, or before the mirrors that are given
// up were taken out. What is recorded is what the next boot starts, so the kernel has to follow before more is written.
Leftover leftover_of(const VolumeFacts &facts, const Volume &record, const Container &container)
{
    Leftover left;
    // Who wanted more of each member has recorded that first; who was about to take members out has given up their ends in the kernel first.
    // What it does not use it does not rebuild.
    if (lags(facts, container, record) && facts.shape.level == record.shape.level)
        left.component_sectors = record.shape.component_sectors;
    if (facts.proposing() || health(record) == Health::Failed)
        return left;
    if (facts.shape.level != record.shape.level)
        left.level = level_word(record.shape.level);
    else if (record.shape.level == 1 && facts.shape.raid_disks != record.shape.raid_disks)
        left.mirrors = record.shape.raid_disks;
    const bool followed = left.level.empty() && !left.mirrors;
    for (const Disk &disk : container.disks)
        if ((record.shape.level == 0 || !followed) && disk.present && disk.state == DiskState::Spare)
            left.surplus.push_back(disk.dev);
    return left;
}

// Somebody was about to change its shape.
bool is_left(const VolumeFacts &facts)
{
    return facts.frozen || (facts.proposing() && !facts.reshape_position);
}

}  // namespace

void Keeper::give(Work work, Clerk::Task task)
{
    work_ = std::move(work);
    world_.clerk.give(std::move(task));
}

// True: a task has ended, so the kernel has changed.
bool Keeper::take_outcome(Time now)
{
    const std::optional<Result<>> outcome = world_.clerk.take();
    if (!outcome)
        return false;
    const Work work = std::exchange(work_, {});
    if (work.what == Work::What::Withdraw && pending_) {
        if (!*outcome)
            complain(fmt::format("{}: {}", work.text, outcome->error().text()));
        withdraw_pending();
        return true;
    }
    const auto try_again = [&](Time when, std::string why) {
        refusals_.push_back({work.volume, work.dev, when, std::move(why)});
    };
    if (*outcome) {
        if (work.what != Work::What::Remove)
            world_.log(work.text);
        // The kernel needs a moment until what it took is seen in its attributes.
        if (work.what == Work::What::Place)
            try_again(now + kSettle, "");
        return true;
    }
    const std::string text = fmt::format("{}: {}", work.text, outcome->error().text());
    if (work.what == Work::What::Remove) {
        remove_again_ = now + kRemoveAgain;
        return true;
    }
    complain(text);
    if (work.what != Work::What::Place)
        return true;
    try_again(now + kPlaceAgain, text);
    if (work.place == Placement::What::Reserve && pending_ && pending_->volume == work.volume) {
        pending_->withdrawing = true;
        pending_->reason = outcome->error().within(work.text);
    }
    return true;
}

bool Keeper::refused(const Placement &placement, Time now) const
{
    const DevNum dev = view().disks.at(static_cast<std::size_t>(placement.disk)).dev;
    return std::ranges::any_of(refusals_, [&](const Refusal &r) {
        return r.volume == placement.volume && r.dev == dev && now < r.until;
    });
}

// True: the record has changed.
bool Keeper::fill_vacancy(const Assignment &assignment)
{
    if (assignment.vacancies.empty())
        return false;
    const auto here = Array(world_.sysfs, container_).members();
    for (const std::vector<change::RebuildStarted> &choice : assignment.vacancies) {
        for (const change::RebuildStarted &change : choice) {
            const Disk &spare = view().disks.at(static_cast<std::size_t>(change.disk));
            // What was taken out of the container is somebody else's disk now, although the record knows it as a spare.
            // It may even be back, or another disk under its number: who is not open cannot be told that it is a member now.
            if ((here && std::ranges::find(*here, spare.dev, &MemberInfo::dev) == here->end()) || !world_.disks.has(spare.dev))
                continue;
            const std::string path = spare.path;  // numbers may change
            if (const Result<> applied = metadata_->apply(change); !applied) {
                complain(applied.error().text());
                continue;
            }
            if (const Result<> durable = make_durable(); durable)
                world_.log(fmt::format("{}: spare {} takes slot {}", find_volume(view(), change.volume)->name, path,
                                       change.slot));
            else
                complain(durable.error().text());
            return true;  // the disks have other numbers now
        }
    }
    return false;
}

bool Keeper::place(Time now)
{
    std::erase_if(refusals_, [now](const Refusal &r) { return now >= r.until; });
    if (winding_up_ || world_.clerk.busy() || (pending_ && pending_->withdrawing))
        return false;
    Assignment assignment = assign(all_facts(), view());
    remarks_ = std::move(assignment.remarks);
    for (const std::string &remark : remarks_)
        complain(remark);
    for (const Placement &p : assignment.placements) {
        const VolumeAttributes *v = find(p.volume);
        if (v == nullptr || refused(p, now))
            continue;
        const Disk &disk = view().disks.at(static_cast<std::size_t>(p.disk));
        const std::string text = fmt::format("{}: {} for slot {}", v->array(), disk.path, p.slot);
        give({Work::What::Place, p.volume, text, p.what, disk.dev},
             place_member(world_.sysfs, v->array(), p, view()));
        return false;
    }
    return fill_vacancy(assignment);
}

// What has failed, is recorded and acknowledged leaves the array. It may have gone by itself.
void Keeper::remove_failed(Time now)
{
    if (world_.clerk.busy() || now < remove_again_)
        return;
    for (const VolumeAttributes &v : volumes_) {
        const std::vector<MemberFacts> &members = v.facts().members;
        for (std::size_t i = 0; i < members.size(); i++) {
            if (!members[i].faulty || members[i].blocked)
                continue;
            give({Work::What::Remove, v.index(), v.member_name(i)},
                 remove_member(world_.sysfs, v.array(), v.member_name(i)));
            return;
        }
    }
}

void Keeper::thaw_orphans(Time now)
{
    const bool held = world_.held(container_);
    for (const VolumeAttributes &v : volumes_) {
        const Volume *record = find_volume(view(), v.index());
        const bool orphan = is_left(v.facts()) && !held && record != nullptr && !record->reshape && !pending_;
        if (!orphan) {
            frozen_since_.erase(v.index());
            continue;
        }
        const auto [since, fresh] = frozen_since_.try_emplace(v.index(), now);
        if (fresh || now - since->second < kOrphanAfter || world_.clerk.busy())
            continue;
        frozen_since_.erase(since);
        // The kernel cannot follow any more, and what is recorded cannot say who has failed.
        const auto lost = [&](const MemberFacts &m) { return m.faulty && needs(*record, m.disk); };
        if (!same_geometry(v.facts().shape, record->shape) && std::ranges::any_of(v.facts().members, lost)) {
            take_back(v.facts());
            continue;
        }
        Leftover left = leftover_of(v.facts(), *record, view());
        const std::string becomes = left.mirrors ? fmt::format("{} mirrors", left.mirrors) : left.level;
        const std::string follows = !becomes.empty()          ? fmt::format("taken over as {}, as it is recorded, and ", becomes)
                                    : left.component_sectors ? "resized as it is recorded, and "
                                                             : "";
        const char *what = v.facts().frozen ? "frozen" : "proposed";
        give({Work::What::Thaw, v.index(), fmt::format("{}: {} by nobody, {}thawed", v.array(), what, follows)},
             thaw(world_.sysfs, v.array(), std::move(left)));
    }
}

}  // namespace emd::mon
