// SPDX-License-Identifier: GPL-2.0-only
// The keeper's answers. A request is done when it is durable; asked again after a lost connection it is done already.
#include "keeper.h"
#include "tasks.h"

#include <algorithm>

namespace emd::mon {
namespace {

constexpr std::size_t kRemembered = 64;  // answers kept for requests that come again

// The disk that comes with the change; null: none does.
const Disk *added_disk(const Change &change)
{
    if (const auto *added = std::get_if<change::SpareAdded>(&change))
        return &added->disk;
    const auto *back = std::get_if<change::MemberReturned>(&change);
    return back ? &back->disk : nullptr;
}

// The disks that the change names by number.
std::vector<int *> numbers_in(Change &change)
{
    std::vector<int *> all;
    if (auto *takeover = std::get_if<change::Takeover>(&change))
        for (Slot &slot : takeover->slots)
            all.push_back(&slot.disk);
    if (auto *created = std::get_if<change::VolumeCreated>(&change))
        for (int &disk : created->slots)
            all.push_back(&disk);
    if (auto *reshape = std::get_if<change::ReshapeStarted>(&change))
        for (int &disk : reshape->new_disks)
            all.push_back(&disk);
    if (auto *failed = std::get_if<change::DiskFailed>(&change))
        all.push_back(&failed->disk);
    if (auto *removed = std::get_if<change::DiskRemoved>(&change))
        all.push_back(&removed->disk);
    if (auto *rebuild = std::get_if<change::RebuildStarted>(&change))
        all.push_back(&rebuild->disk);
    return all;
}

// By the numbers that its disks have here. Who asks has read them anew: a disk that failed or left since counts no more with him.
Result<> renumber(Change &change, const std::vector<DevNum> &disks, const Container &here)
{
    for (int *number : numbers_in(change)) {
        if (*number < 0)
            continue;
        if (static_cast<std::size_t>(*number) >= disks.size())
            return fail(Errc::Invalid, "the request names disk {}, and does not say which one that is", *number);
        const DevNum dev = disks[static_cast<std::size_t>(*number)];
        const int index = find_disk(here, dev);
        if (index < 0)
            return fail(Errc::NotFound, "the container has no disk {}:{} any more", dev.major, dev.minor);
        *number = index;
    }
    return {};
}

// Already as the change wants it?
bool is_so(const Container &container, const Change &change)
{
    if (const Disk *added = added_disk(change)) {
        const Disk *disk = disk_at(container, find_disk(container, added->dev));
        if (const auto *back = std::get_if<change::MemberReturned>(&change)) {
            const Volume *volume = find_volume(container, back->volume);
            return volume != nullptr && back->slot < volume->slots.size() && disk != nullptr &&
                   disk_at(container, volume->slots[back->slot].disk) == disk;
        }
        // Of md one that failed comes back as a new one. IMSM knows it by its serial number, as failed.
        return disk != nullptr && (disk->state != DiskState::Failed || container.format == FormatId::Imsm);
    }
    if (const auto *created = std::get_if<change::VolumeCreated>(&change))
        return std::ranges::any_of(container.volumes, [&](const Volume &v) {
            return v.name == created->name && same_geometry(v.shape, created->shape);
        });
    if (const auto *failed = std::get_if<change::DiskFailed>(&change)) {
        const Disk *disk = disk_at(container, failed->disk);
        return disk != nullptr && disk->state == DiskState::Failed;
    }
    if (const auto *gone = std::get_if<change::BitmapRemoved>(&change)) {
        const Volume *volume = find_volume(container, gone->volume);
        return volume != nullptr && !volume->bitmap;
    }
    if (const auto *turned = std::get_if<change::ReshapeReverted>(&change)) {
        const Volume *volume = find_volume(container, turned->volume);
        return volume != nullptr && volume->reshape && volume->reshape->backward == turned->backward;
    }
    if (const auto *resized = std::get_if<change::Resized>(&change)) {
        const Volume *volume = find_volume(container, resized->volume);
        return volume != nullptr && volume->shape.component_sectors == resized->component_sectors;
    }
    if (const auto *takeover = std::get_if<change::Takeover>(&change)) {
        const Volume *volume = find_volume(container, takeover->volume);
        return volume != nullptr && volume->shape == takeover->target;
    }
    return false;
}

}  // namespace

void Keeper::answer(const Held &held, Result<> result)
{
    protocol::Answer answer;
    answer.id = held.request.id;
    answer.ok = result.has_value();
    if (!result) {
        answer.kind = result.error().code();
        answer.text = result.error().text();
    }
    if (answered_.size() == kRemembered)
        answered_.erase(answered_.begin());
    answered_.push_back(answer);
    deliveries_.push_back({held.client, std::move(answer)});
}

void Keeper::refuse_gone(const Held &held)
{
    protocol::Answer gone;
    gone.id = held.request.id;
    gone.ok = false;
    gone.kind = Errc::Gone;
    gone.text = fmt::format("the {} that this emdmon served is no more, and it leaves", container_);
    deliveries_.push_back({held.client, std::move(gone)});
}

void Keeper::answer_sync(const Held &held)
{
    if (container_gone_)
        return refuse_gone(held);
    const Volume *record = find_volume(view(), held.request.volume);
    const VolumeAttributes *attributes = find(held.request.volume);
    if (record == nullptr || attributes == nullptr) {
        protocol::Answer unknown;
        unknown.id = held.request.id;
        unknown.ok = false;
        unknown.kind = Errc::NotFound;
        unknown.text = fmt::format("{} has no running volume {}", container_, held.request.volume);
        deliveries_.push_back({held.client, std::move(unknown)});
        return;
    }
    protocol::Answer answer;
    answer.id = held.request.id;
    answer.text = trouble_;
    for (const Refusal &r : refusals_)
        if (r.volume == record->index && answer.text.empty())
            answer.text = r.text;
    if (record->reshape)
        answer.checkpoint = record->reshape->position;
    for (const MemberFacts &m : attributes->facts().members)
        if (m.reserved >= 0)
            answer.reserved_slots.push_back(static_cast<unsigned>(m.reserved));
    deliveries_.push_back({held.client, std::move(answer)});
}

// A ping waits for places that are being given: its answer says which are.
void Keeper::answer_held()
{
    if (work_.what == Work::What::Place)
        return;
    for (const Held &held : std::exchange(held_, {}))
        answer_sync(held);
}

void Keeper::ask(unsigned client, const protocol::Request &request, Time now)
{
    const Held held{client, request};
    now_ = now;
    if (request.kind == protocol::Kind::Sync) {
        // Answered by the pass that begins now, because it reads everything.
        look_around_ = true;
        held_.push_back(held);
        pass(now);
        return;
    }
    const auto old = std::ranges::find(answered_, request.id, &protocol::Answer::id);
    if (old != answered_.end()) {
        deliveries_.push_back({client, *old});
        return;
    }
    if (pending_ && pending_->request.request.id == request.id) {
        pending_->request.client = client;
        return;
    }
    look_around_ = true;
    pass(now);
    if (container_gone_)
        return refuse_gone(held);
    Held known = held;
    if (const Result<> numbered = renumber(*known.request.change, request.disks, view()); !numbered)
        return answer(held, numbered);
    const Result<bool> done = apply(known);
    if (!done || *done)
        answer(held, done ? Result<>() : Result<>(tl::make_unexpected(done.error())));
    pass(now);
}

// False: it is under way, and answered later.
Result<bool> Keeper::apply(const Held &held)
{
    const Change &change = *held.request.change;
    if (const auto *start = std::get_if<change::ReshapeStarted>(&change))
        return start_reshape(held, *start);
    if (const auto *withdrawn = std::get_if<change::ReshapeWithdrawn>(&change))
        return withdraw_reshape(held, withdrawn->volume);
    if (const Disk *added = added_disk(change))
        EMD_TRY(forget_departed(added->dev));
    if (const auto *back = std::get_if<change::MemberReturned>(&change))
        EMD_TRY(check_bitmap_runs(*back));
    if (is_so(view(), change)) {
        // In memory, that is: an earlier request may have failed because no disk took it.
        if (unsaved_)
            EMD_TRY(make_durable());
        return true;
    }
    if (const auto *added = std::get_if<change::BitmapAdded>(&change))
        EMD_TRY(check_bitmap_rests(added->volume));
    if (const auto *gone = std::get_if<change::BitmapRemoved>(&change))
        EMD_TRY(check_bitmap_rests(gone->volume));
    std::optional<DevNum> removed;
    if (const auto *gone = std::get_if<change::DiskRemoved>(&change);
        gone != nullptr && gone->disk >= 0 && static_cast<std::size_t>(gone->disk) < view().disks.size())
        removed = view().disks[static_cast<std::size_t>(gone->disk)].dev;
    if (const Disk *added = added_disk(change))
        writer_.welcome(added->dev);
    if (const auto *takeover = std::get_if<change::Takeover>(&change))
        EMD_TRY(take_over(*takeover));
    else
        EMD_TRY(record(change));
    if (removed)
        writer_.forget(*removed);
    return true;
}

// What some disks have of it is good for both shapes. But if it does not reach one that the new shape needs, the old one can do without, and
// that is what they all say then. A shape that needs him, too, waits for him.
Result<> Keeper::take_over(const change::Takeover &change)
{
    const Volume *volume = find_volume(view(), change.volume);
    const change::Takeover back{change.volume, volume ? volume->shape : Shape(), volume ? volume->slots : std::vector<Slot>()};
    const Result<> recorded = record(change);
    volume = find_volume(view(), change.volume);
    const bool applied = volume && volume->shape != back.target;
    if (!recorded && applied && writer_.waits() && is_redundant(back.target.level))
        EMD_TRY(record(back));
    return recorded;
}

// By the kernel's members: their places are those of before, as it has not followed.
void Keeper::take_back(const VolumeFacts &facts)
{
    const Volume *volume = find_volume(view(), facts.volume);
    change::Takeover back{facts.volume, facts.shape, std::vector<Slot>(facts.shape.raid_disks)};
    back.target.component_sectors = volume->shape.component_sectors;
    for (const MemberFacts &m : facts.members)
        if (m.disk >= 0 && m.slot >= 0 && static_cast<std::size_t>(m.slot) < back.slots.size() && (m.in_sync || m.faulty))
            back.slots[static_cast<std::size_t>(m.slot)] = {m.disk, true};
    if (const Result<> recorded = record(back); recorded)
        world_.log(fmt::format("{}: recorded as {} again, because a disk has failed before the kernel followed", volume->name,
                               level_word(facts.shape.level)));
    else
        complain(recorded.error().text());
}

// Without its bitmap nobody has noted what is written.
Result<> Keeper::check_bitmap_runs(const change::MemberReturned &back)
{
    const VolumeAttributes *attributes = find(back.volume);
    if (attributes == nullptr || !attributes->facts().can_clear)
        return fail(Errc::Refused, "{} cannot come back with its data: the array runs without its bitmap", back.disk.path);
    return {};
}

// As long as the kernel writes bits, they are where the record says.
Result<> Keeper::check_bitmap_rests(unsigned volume)
{
    const VolumeAttributes *attributes = find(volume);
    if (attributes == nullptr)
        return fail(Errc::NotFound, "{} has no running volume {}", container_, volume);
    if (attributes->facts().can_clear)
        return fail(Errc::Busy, "{} runs with a bitmap: store none in its bitmap/location first", attributes->array());
    return {};
}

// A spare that had left is still known as it was. Who is added now may be another disk, with nothing on it: it is a new one.
Result<> Keeper::forget_departed(DevNum dev)
{
    const int index = find_disk(view(), dev);
    const Disk *disk = disk_at(view(), index);
    if (disk == nullptr || disk->state != DiskState::Spare || world_.disks.has(dev))
        return {};
    EMD_TRY(metadata_->apply(change::DiskRemoved{index}));
    return make_durable();  // the disks have other numbers now
}

// Spares for the members that the target has more than the source, if the client left the choice to us.
Result<> Keeper::choose_members(const Volume &volume, change::ReshapeStarted &change)
{
    if (!change.new_disks.empty() || change.target.raid_disks <= volume.shape.raid_disks)
        return {};
    std::vector<std::string> remarks;
    const std::vector<int> found = candidates(view(), volume, remarks);
    const std::size_t needed = change.target.raid_disks - volume.shape.raid_disks;
    if (found.size() < needed) {
        std::string why;
        for (const std::string &remark : remarks)
            why += "; " + remark;
        return fail(Errc::Refused, "{}: {} more disks are needed, {} suitable spares are there{}", volume.name, needed,
                    found.size(), why);
    }
    change.new_disks.assign(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(needed));
    return {};
}

Result<bool> Keeper::start_reshape(const Held &held, change::ReshapeStarted change)
{
    const Volume *volume = find_volume(view(), change.volume);
    const VolumeAttributes *attributes = find(change.volume);
    if (volume == nullptr || attributes == nullptr)
        return fail(Errc::NotFound, "{} has no running volume {}", container_, change.volume);
    if (pending_)
        return fail(Errc::Busy, "{}: another change of shape is under way", container_);
    const VolumeFacts &facts = attributes->facts();
    if (!facts.proposing() || !same_geometry(facts.proposed, change.target))
        return fail(Errc::Refused, "{}: the kernel has not been told of this change of shape; propose it there first",
                    attributes->array());
    const bool again = volume->reshape && same_geometry(volume->reshape->target, change.target);
    if (!again) {
        EMD_TRY(choose_members(*volume, change));
        EMD_TRY(record(change));
    }
    pending_ = Pending{held, change.volume, false, false, {}};
    std::erase_if(refusals_, [&](const Refusal &r) { return r.volume == change.volume; });
    return false;
}

Result<bool> Keeper::withdraw_reshape(const Held &held, unsigned index)
{
    const Volume *volume = find_volume(view(), index);
    if (volume == nullptr)
        return fail(Errc::NotFound, "{} has no volume {}", container_, index);
    if (!volume->reshape)
        return true;
    const VolumeAttributes *attributes = find(index);
    if (attributes != nullptr && attributes->facts().reshape_position)
        return fail(Errc::Refused, "{}: the reshape has begun, it can be reverted but not withdrawn", volume->name);
    if (pending_)
        return fail(Errc::Busy, "{}: another change of shape is under way", container_);
    pending_ = Pending{held, index, true, false, {}};
    return false;
}

// Step 6 to its end: all reserved and the gate armed, or nothing.
void Keeper::drive_pending()
{
    if (!pending_ || world_.clerk.busy())
        return;
    const Volume *record = find_volume(view(), pending_->volume);
    const VolumeAttributes *attributes = find(pending_->volume);
    if (record == nullptr || !record->reshape || attributes == nullptr) {
        const Pending gone = *std::exchange(pending_, std::nullopt);
        answer(gone.request, fail(Errc::Gone, "{}: volume {} went away", container_, gone.volume));
        return;
    }
    const VolumeFacts &facts = attributes->facts();
    if (!pending_->withdrawing && !facts.proposing() && !facts.reshape_position) {
        pending_->withdrawing = true;
        pending_->reason =
            Error(Errc::Refused, fmt::format("{}: the proposal in the kernel was cancelled", record->name));
    }
    if (pending_->withdrawing) {
        if (std::exchange(pending_->told, true))
            return;
        std::vector<DevNum> disks;
        for (std::size_t i = record->slots.size(); i < record->reshape->target_slots.size(); i++)
            if (const int disk = record->reshape->target_slots[i].disk; disk >= 0)
                disks.push_back(view().disks.at(static_cast<std::size_t>(disk)).dev);
        give({Work::What::Withdraw, record->index, fmt::format("{}: reshape withdrawn", attributes->array())},
             withdraw_members(world_.sysfs, attributes->array(), std::move(disks)));
        return;
    }
    const bool armed = !facts.gate || facts.acked;
    const Assignment left = assign({facts}, view());
    if (left.placements.empty() && armed)
        answer(std::exchange(pending_, std::nullopt)->request, {});
}

// The members are out of the array: now the record may forget them.
void Keeper::withdraw_pending()
{
    const Pending pending = *std::exchange(pending_, std::nullopt);
    Result<> recorded = record(change::ReshapeWithdrawn{pending.volume});
    if (recorded && pending.reason)
        recorded = tl::make_unexpected(*pending.reason);
    answer(pending.request, std::move(recorded));
}

}  // namespace emd::mon
