// SPDX-License-Identifier: GPL-2.0-only
#include "keeper.h"

#include "bad_blocks.h"

#include "libemd/kernel/array.h"

#include <algorithm>

namespace emd::mon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kScanEvery{5};
constexpr seconds kComplainEvery{60};
constexpr seconds kLinger{10};  // with nothing to do, before leaving
constexpr int kTurns = 16;      // of the hot half in one pass: a kernel that never settles does not starve requests

bool clears(const Change &change)
{
    const auto *bad = std::get_if<change::BadBlock>(&change);
    return bad != nullptr && bad->cleared;
}

// "external:/emd127/1" or "external:-emd127/1": 1.
std::optional<unsigned> volume_of(std::string_view version, std::string_view container)
{
    if (!version.starts_with("external:/") && !version.starts_with("external:-"))
        return std::nullopt;
    version.remove_prefix(10);
    if (!version.starts_with(container) || version.substr(container.size(), 1) != "/")
        return std::nullopt;
    version.remove_prefix(container.size() + 1);
    if (version.empty() || version.size() > 3 || version.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    return static_cast<unsigned>(std::stoul(std::string(version)));
}

Result<std::vector<DevNum>> devices(Sysfs &sysfs, const std::string &container)
{
    std::vector<DevNum> all;
    for (const MemberInfo &m : EMD_TRY(Array(sysfs, container).members()))
        all.push_back(m.dev);
    return all;
}

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::adopt(const std::string &container, World world)
{
    const Result<std::string> life = Array(world.sysfs, container).life();  // before what is read of it
    const std::string version = EMD_TRY(Array(world.sysfs, container).metadata_version().within(container));
    constexpr std::string_view prefix = "external:";
    if (!version.starts_with(prefix) || version.size() == prefix.size() || version[9] == '/' || version[9] == '-')
        return fail(Errc::Invalid, "{} is no container: its metadata_version is \"{}\"", container, version);
    const std::vector<DevNum> devs = EMD_TRY(devices(world.sysfs, container).within(container));
    std::unique_ptr<Metadata> metadata = EMD_TRY(world.load(version.substr(9), devs).within(container));
    auto keeper = std::unique_ptr<Keeper>(new Keeper(container, std::move(world), std::move(metadata), life.value_or("")));
    // A record that was being written when the last emdmon was killed, or the power went, may be on some disks only. Whoever acts on it,
    // and then loses those disks, would find the older one on the others: a position behind which users have written, or a copy
    // that has been overwritten. So all disks have it before anybody is answered.
    const Container &view = keeper->view();
    keeper->unsaved_ = std::ranges::any_of(view.volumes, [&](const Volume &v) { return (v.reshape || view.uneven) && v.read_write; });
    if (const Result<> ready = keeper->writer_.prepare(); !ready)
        keeper->complain(ready.error().text());
    return keeper;
}

Keeper::Keeper(std::string container, World world, std::unique_ptr<Metadata> metadata, std::string life)
    : container_(std::move(container)), world_(std::move(world)), metadata_(std::move(metadata)),
      life_(std::move(life)), writer_(*metadata_, world_.disks)
{
}

void Keeper::pass(Time now)
{
    now_ = now;
    if (look_around_)
        scan(now);
    for (int turn = 0; turn < kTurns; turn++) {
        hot(now);
        if (!cold(now))
            break;
    }
    drive_pending();
    answer_held();
}

void Keeper::hot(Time now)
{
    for (int turn = 0; turn < kTurns && hot_turn(now); turn++) {
    }
}

// True: something has changed, so look again.
bool Keeper::hot_turn(Time now)
{
    decision_.clear();
    for (VolumeAttributes &v : volumes_)
        decide(v.read(view()), view(), memory(v.index()), now, decision_);

    bool changed = false, vital = true, complete = true;
    const auto apply = [&](const Change &change) {
        const Result<> applied = metadata_->apply(change);
        changed = changed || applied.has_value();
        unsaved_ = unsaved_ || applied.has_value();
        if (applied)
            return;
        if (const auto *bad = std::get_if<change::BadBlock>(&change); bad != nullptr && !bad->cleared && applied.error().code() != Errc::Busy)
            for (const VolumeAttributes &v : volumes_)
                give_up(v.facts(), *bad, decision_);
        if (std::holds_alternative<change::BadBlock>(change) && applied.error().code() == Errc::Busy)
            return;  // the record takes it when it has been written
        complete = complete && !std::holds_alternative<change::BitmapComplete>(change);
        // Without these two on the disks no write may go on.
        vital = vital && !std::holds_alternative<change::DiskFailed>(change) &&
                !std::holds_alternative<change::MarkDirty>(change);
        complain(applied.error().text());
    };
    // A log that disks share has room for what one lists when another's has been taken out of it.
    for (const Change &change : decision_.changes)
        if (clears(change))
            apply(change);
    for (const Change &change : decision_.changes)
        if (!clears(change))
            apply(change);
    // What an earlier turn could not write is not on the disks, whatever the record in memory says.
    // The failure of a disk that hangs cannot wait for what the kernel writes to all of them.
    const auto is_failure = [](const Change &change) { return std::holds_alternative<change::DiskFailed>(change); };
    const bool failure = std::ranges::any_of(decision_.changes, is_failure);
    if (const Result<> saved = save(!failure); !saved) {
        complain(saved.error().text());
        return false;
    }
    for (const Reply &reply : decision_.replies) {
        if (!vital)
            break;
        if (reply.what == Reply::What::ClearBits && !complete)
            continue;
        const Volume *record = find_volume(view(), reply.volume);
        const std::uint64_t checkpoint = record && record->reshape ? record->reshape->position : 0;
        if (VolumeAttributes *v = find(reply.volume); v != nullptr && v->reply(reply, checkpoint) == 0)
            changed = true;
    }
    if (failure)
        put_bitmap_heads();
    return changed;
}

VolumeAttributes *Keeper::find(unsigned volume)
{
    const auto v = std::ranges::find(volumes_, volume, &VolumeAttributes::index);
    return v == volumes_.end() ? nullptr : &*v;
}

std::vector<VolumeFacts> Keeper::all_facts() const
{
    std::vector<VolumeFacts> all;
    for (const VolumeAttributes &v : volumes_)
        all.push_back(v.facts());
    return all;
}

Result<> Keeper::save(bool heads_first)
{
    if (!unsaved_)
        return {};
    // The bitmap may be ahead of the record, and not behind it: then it would have to be taken for one that was not kept.
    if (heads_first)
        put_bitmap_heads();
    Result<> durable = writer_.commit();
    unsaved_ = !durable;
    if (heads_first)
        put_bitmap_heads();  // more than was foreseen happened if a disk was lost meanwhile
    if (durable)
        trouble_.clear();
    else
        trouble_ = durable.error().text();
    return durable;
}

// Where it fails the next start resynchronises everything, which is safe; so nothing waits for it but the taking back of bits.
void Keeper::put_bitmap_heads()
{
    for (VolumeAttributes &v : volumes_)
        if (const auto head = metadata_->bitmap_head(v.index()))
            if (const int error = v.put_bitmap_head(*head); error != 0)
                complain(fmt::format("{}: the superblock of its bitmap cannot be written (error {})", v.array(), -error));
}

// A change that was decided here or asked for: applied, with buffers for what it made, durable.
Result<> Keeper::record(const Change &change)
{
    EMD_TRY(metadata_->apply(change));
    return make_durable();
}

Result<> Keeper::make_durable()
{
    unsaved_ = true;
    const Result<> ready = writer_.prepare();
    EMD_TRY(save());
    return ready;
}

// True: something has changed, so the hot half has to look again.
bool Keeper::cold(Time now)
{
    drop_vanished();
    if (unsaved_ && writer_.waits())
        static_cast<void>(writer_.prepare());  // hot() says what is not right
    bool changed = take_outcome(now);
    const bool stale = std::ranges::any_of(volumes_, [](const VolumeAttributes &v) { return v.stale(); });
    if (changed || stale || look_around_ || now - last_scan_ >= kScanEvery) {
        scan(now);
        hot(now);
    }
    changed = place(now) || changed;
    remove_failed(now);
    thaw_orphans(now);
    if (winding_up_)
        for (VolumeAttributes &v : volumes_)
            if (v.facts().state == EMD_ARRAY_ACTIVE)
                changed = v.reply({Reply::What::Clean, v.index()}, 0) == 0 || changed;
    return changed;
}

void Keeper::drop_vanished()
{
    const auto dropped = std::erase_if(volumes_, [this](const VolumeAttributes &v) {
        if (v.facts().state != EMD_ARRAY_CLEAR || !v.stale())
            return false;
        memories_.erase(v.index());
        frozen_since_.erase(v.index());
        return true;
    });
    look_around_ = look_around_ || dropped != 0;  // the volume may run again already
}

// Another one of its name is not the one whose record is kept here. Where sysfs is out of reach, as after a switch of root, nothing is known,
// and what is open goes on.
bool Keeper::is_gone(const std::vector<std::string> &arrays) const
{
    if (const auto life = Array(world_.sysfs, container_).life())
        return !life_.empty() && *life != life_;
    return world_.sysfs.list("").has_value() && std::ranges::find(arrays, container_) == arrays.end();
}

void Keeper::scan(Time now)
{
    look_around_ = false;
    last_scan_ = now;
    const std::vector<std::string> arrays = list_arrays(world_.sysfs);
    container_gone_ = is_gone(arrays);
    for (const std::string &array : container_gone_ ? std::vector<std::string>() : arrays) {
        const std::string life = Array(world_.sysfs, array).life().value_or("");  // before what is read of it
        const auto index = volume_of(Array(world_.sysfs, array).metadata_version().value_or(""), container_);
        if (index && find(*index) == nullptr)
            volumes_.emplace_back(array, *index, life);
    }
    std::size_t members = 0;
    for (VolumeAttributes &v : volumes_) {
        v.refresh(world_.sysfs, world_.attributes);
        v.read(view());
        memory(v.index());
        members += v.facts().members.size();
    }
    decision_.reserve(2 * members + (16 + kMostBadChanges) * (volumes_.size() + 1));
    if (!container_gone_)
        scan_disks();
}

// A disk that left the container is not written any more.
void Keeper::scan_disks()
{
    const Result<std::vector<DevNum>> now = devices(world_.sysfs, container_);
    if (!now)
        return;
    for (const Disk &disk : view().disks)
        if (disk.present && disk.state != DiskState::Active && world_.disks.has(disk.dev) &&
            std::ranges::find(*now, disk.dev) == now->end())
            writer_.forget(disk.dev);
}

bool Keeper::done(Time now)
{
    const auto at_work = [this](const VolumeAttributes &v) {
        const Volume *record = find_volume(view(), v.index());
        const bool owed = record != nullptr && (record->reshape.has_value() || v.facts().frozen);
        return is_redundant(v.facts().shape.level) || v.facts().redundant || owed;
    };
    const auto unclean = [this](const VolumeAttributes &v) {
        const Volume *record = find_volume(view(), v.index());
        return record != nullptr && record->dirty;
    };
    if (container_gone_ && volumes_.empty())
        return true;
    if (winding_up_)
        return std::ranges::none_of(volumes_, unclean);
    const bool idle = std::ranges::none_of(volumes_, at_work) && !pending_ && held_.empty() && !world_.clerk.busy() &&
                      !world_.held(container_);
    if (!idle)
        idle_since_.reset();
    else if (!idle_since_)
        idle_since_ = now;
    return idle && now - *idle_since_ >= kLinger;
}

milliseconds Keeper::patience() const
{
    const bool soon = winding_up_ || !frozen_since_.empty() || !refusals_.empty() || idle_since_ || pending_;
    return soon ? milliseconds(1000) : milliseconds(kScanEvery);
}

void Keeper::for_each_fd(const std::function<void(int)> &visit) const
{
    for (const VolumeAttributes &v : volumes_)
        v.for_each_fd(visit);
}

// The same sentence at most once a minute.
void Keeper::complain(const std::string &text)
{
    Time &last = complaints_[text];
    if (last != Time() && now_ - last < kComplainEvery)
        return;
    last = now_;
    world_.log(text);
}

}  // namespace emd::mon
