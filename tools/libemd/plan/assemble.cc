// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/assemble.h"

#include "core/emd_parity.h"
#include "libemd/model/bad_blocks.h"
#include "libemd/model/geometry.h"
#include "libemd/plan/bitmap.h"
#include "libemd/plan/grow_facts.h"
#include "libemd/reshape/manager.h"

#include <algorithm>
#include <emd/emd.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <numeric>

namespace emd::plan {
namespace {

bool present(const Container &c, const Slot &slot)
{
    return slot.disk >= 0 && c.disks[static_cast<std::size_t>(slot.disk)].present &&
           c.disks[static_cast<std::size_t>(slot.disk)].state != DiskState::Failed;
}

// "member 1 (serial WD-123)", for each slot whose disk is not there
std::vector<std::string> missing(const Container &c, const std::vector<Slot> &slots)
{
    std::vector<std::string> names;
    for (std::size_t i = 0; i < slots.size(); i++) {
        if (present(c, slots[i]) && slots[i].in_sync)
            continue;
        const bool known = slots[i].disk >= 0 && !c.disks[static_cast<std::size_t>(slots[i].disk)].serial.empty();
        names.push_back(known ? fmt::format("member {} (serial {})", i, c.disks[static_cast<std::size_t>(slots[i].disk)].serial)
                              : fmt::format("member {}", i));
    }
    return names;
}

// Is a disk away that the record counts on? In a record of md a failed one has no place any more. In one of IMSM it has, and
// nothing tells whether it was replaced meanwhile.
bool waits(const Container &c, const std::vector<Slot> &slots)
{
    const bool md = c.format == FormatId::Md1 || c.format == FormatId::Md090;
    return !md || std::ranges::any_of(slots, [&](const Slot &s) { return s.disk >= 0 && !present(c, s); });
}

// What the volume's health is with the disks at hand, in all of its geometries.
Health health_with(const Container &c, Volume v)
{
    const auto look = [&](std::vector<Slot> &slots) {
        for (Slot &slot : slots)
            slot.in_sync = slot.in_sync && present(c, slot);
    };
    look(v.slots);
    if (v.reshape)
        look(v.reshape->target_slots);
    return health(v);
}

void set(Plan &plan, const std::string &array, const char *attribute, const std::string &value)
{
    plan.add(Set{array, attribute, value});
}

void add_members(Plan &plan, const Container &c, const Volume &v, const std::string &word, const std::vector<Slot> &slots,
                 std::size_t from)
{
    for (std::size_t i = from; i < slots.size(); i++) {
        if (!present(c, slots[i]))
            continue;
        const Disk &disk = c.disks[static_cast<std::size_t>(slots[i].disk)];
        const Place place = place_of(v, slots[i]);
        AddMember m{word, disk.path, disk.dev, place.offset, place.sectors, static_cast<int>(i), {}};
        if (v.reshape && v.reshape->data_shift)
            m.new_offset = place.offset + static_cast<std::uint64_t>(v.reshape->data_shift);
        if (!slots[i].in_sync)
            m.recovery_start = v.activity == Activity::Rebuild ? v.checkpoint : 0;
        m.bad = bad_blocks(c, slots[i].disk);
        if (v.parity_log && i < v.parity_log->areas.size())
            m.parity_log = v.parity_log->areas[i];
        m.keeps_bad = disk.bad_room != 0 && redundant(v.shape);  // without redundancy there may be no monitor
        plan.add(m);
    }
}

// Members of RAID0 and linear may give different numbers of sectors: the kernel adds them up.
bool uneven(const Volume &v)
{
    return !redundant(v.shape) && std::ranges::any_of(v.slots, [](const Slot &s) { return s.data_sectors != 0; });
}

// What is done with the partial parity log of a volume that is to be started.
struct LogPlan {
    bool recover = false;  // parity is made right by it
    bool clean = false;    // and then nothing is left to be done
};

LogPlan plan_log(const Container &c, const Volume &v, const ParityLogState &log)
{
    if (!v.parity_log || !v.dirty)
        return {};
    // A resync follows, because nothing tells whether a member had failed that was not recorded as failed when the power went, and is here
    // again. It makes right what the log does not say, but not from blocks that a member has lost: those need the log first.
    if (health_with(c, v) == Health::Optimal)
        return {log.sound && log.entries, false};
    const bool built = v.parity_log->built && v.initialised && v.activity != Activity::Init && v.activity != Activity::Repair;
    return {true, log.sound && built};
}

// From where redundancy has to be built, in member sectors.
std::string resync_start(const Volume &v, bool force)
{
    if (!redundant(v.shape) || force)
        return "none";
    if (v.activity == Activity::Init || v.activity == Activity::Repair)
        return fmt::to_string(v.checkpoint);
    return v.dirty || !v.initialised ? "0" : "none";
}

Result<> set_reshape(Plan &plan, const Container &c, const Volume &v, const std::string &word)
{
    const ReshapeRecord &r = *v.reshape;
    // A section that was restored lies in its new place: to move it again would destroy it.
    const std::uint64_t position = EMD_TRY(reshape::position_after_restore(v));
    set(plan, word, "reshape_position", fmt::to_string(position));
    if (r.backward)
        set(plan, word, "reshape_direction", "backwards");
    if (r.target.level != v.shape.level)
        set(plan, word, "new_level", level_word(r.target.level));
    if (r.target.chunk_sectors != v.shape.chunk_sectors)
        set(plan, word, "chunk_size", fmt::to_string(r.target.chunk_sectors * 512));
    if (r.target.layout != v.shape.layout)
        set(plan, word, "layout", fmt::to_string(r.target.layout));
    if (r.target.raid_disks != v.shape.raid_disks)
        set(plan, word, "raid_disks", fmt::to_string(r.target.raid_disks));
    add_members(plan, c, v, word, r.target_slots, v.slots.size());
    set(plan, word, "array_size", fmt::to_string(v.array_sectors / 2));
    // Nothing moves before the manager says how far.
    set(plan, word, "sync_min", "0");
    set(plan, word, "sync_max", "0");
    return {};
}

// Has data of it to be computed from parity?
bool misses_data(const Container &c, const Volume &v)
{
    const emd_geometry geometry = geometry_of(v.shape);
    bool missing = v.reshape.has_value();
    for (std::size_t i = 0; i < v.slots.size(); i++)
        missing |= !(present(c, v.slots[i]) && v.slots[i].in_sync) && !emd_parity_alone(&geometry, static_cast<std::uint32_t>(i));
    return missing;
}

bool has_parity(const Shape &shape)
{
    return shape.level >= 4 && shape.level <= 6;
}

// Is enough of it there?
Result<> check_health(const Container &c, const Volume &v, const StartOptions &options, const ParityLogState *log = nullptr)
{
    const bool moving = v.reshape.has_value();
    const Health now = health_with(c, v);
    const auto absent = missing(c, moving ? v.reshape->target_slots : v.slots);
    if (now == Health::Failed)
        return fail(Errc::Refused, "{} cannot start: {} of {} disks are missing: {}; connect them and try again", v.name,
                    absent.size(), moving ? v.reshape->target.raid_disks : v.shape.raid_disks, fmt::join(absent, ", "));
    const bool degraded = now == Health::Degraded;
    if (degraded && !options.degraded && waits(c, v.slots))
        return fail(Errc::Timeout, "{} waits for {}; --run starts it without", v.name, fmt::join(absent, ", "));
    const bool at_risk = degraded && (has_parity(v.shape) || (moving && has_parity(v.reshape->target))) && v.dirty &&
                         !options.force && misses_data(c, v);
    if (at_risk && log && !plan_log(c, v, *log).clean)
        return fail(Errc::Refused,
                    "{} was being written when it stopped and misses {}, and its partial parity log is no help ({}): blocks of that member "
                    "near those that were written last may be damaged; connect the disk, or start it with --force",
                    v.name, fmt::join(absent, ", "), log->sound ? "parity was not built everywhere" : log->why);
    if (at_risk && !log)
        return fail(Errc::Refused,
                    "{} was being written when it stopped and misses {}: what was written last may be damaged; "
                    "connect the disk, or start it with --force",
                    v.name, fmt::join(absent, ", "));
    return {};
}

}  // namespace

bool redundant(const Shape &shape)
{
    return shape.level != EMD_LEVEL_LINEAR && shape.level != 0;
}

void set_geometry(Plan &plan, const std::string &word, const Shape &shape)
{
    set(plan, word, "level", level_word(shape.level));
    set(plan, word, "raid_disks", fmt::to_string(shape.raid_disks));
    if (shape.chunk_sectors)
        set(plan, word, "chunk_size", fmt::to_string(shape.chunk_sectors * 512));
    set(plan, word, "layout", fmt::to_string(shape.layout));
    set(plan, word, "component_size", fmt::to_string(shape.component_sectors / 2));
}

Result<> check_start(const Container &c, const Volume &v, const StartOptions &options)
{
    if (!v.refused.empty() && v.parity_log && !(v.readable && options.read_only))
        return fail(Errc::Refused, "{}: {}: mdadm and md go on with it; emdadm --assemble --update=no-ppl DISK... makes right what was being "
                    "written, and does without it from then on{}", v.name, v.refused,
                    v.readable ? "; --readonly starts it to be read" : "");
    if (v.refused.empty() && v.parity_log && v.dirty && options.read_only)
        return fail(Errc::Refused, "{} was being written when it stopped, and what its partial parity log says has to be written before it is "
                    "read: start it without --readonly", v.name);
    if (!v.refused.empty() && v.readable && !options.read_only)
        return fail(Errc::Refused, "{}: {}; --readonly starts it to be read", v.name, v.refused);
    if (!v.refused.empty() && !v.readable)
        return fail(Errc::Refused, "{}: {}", v.name, v.refused);
    return check_health(c, v, options);
}

Result<> check_log_recovery(const Container &c, const LogRecovery &recovery, const StartOptions &options)
{
    return check_health(c, c.volumes[recovery.volume], options, &recovery.log);
}

Plan plan_revert(const Container &c, const std::vector<unsigned> &volumes)
{
    Plan plan;
    for (const unsigned volume : volumes) {
        const auto moving = std::ranges::find(c.volumes, volume, &Volume::index);
        plan.title = fmt::format("turn back the reshape of {}", moving->name);
        plan.facts.push_back(fmt::format("volume {}: becomes {} again, from sector {} on", moving->name, shape_words(moving->shape),
                                         moving->reshape->position));
        plan.add(Apply{change::ReshapeReverted{volume, !moving->reshape->backward}});
    }
    plan.add(Store{});
    return plan;
}

Plan plan_log_recovery(const Container &c, const std::vector<LogRecovery> &recoveries)
{
    Plan plan;
    plan.title = "use partial parity logs";
    for (const auto &[volume, state, keep] : recoveries) {
        const Volume &v = c.volumes[volume];
        if (keep && !v.dirty && !v.parity_log->single)
            continue;
        const LogPlan log = plan_log(c, v, state);
        if (log.recover)
            plan.add(RecoverParity{volume});
        if (v.dirty && !log.clean && !state.sound)
            plan.facts.push_back(fmt::format("{}: {}", v.name, state.why));
        if (v.dirty && !log.clean && health_with(c, v) == Health::Optimal)
            plan.facts.push_back(fmt::format("{}: all members are here: a resync computes all parity anew", v.name));
        // Who is away has not seen it, and must not be taken for one who has when he comes back.
        for (const Slot &slot : v.slots)
            if (log.clean && slot.disk >= 0 && !present(c, slot))
                plan.add(Apply{change::DiskFailed{slot.disk}});
        plan.add(Apply{keep ? Change(change::ParityLogRecovered{volume, log.clean}) : Change(change::ParityLogRemoved{volume, log.clean})});
        plan.add(Store{});
    }
    return plan;
}

Plan plan_container(const Container &c, std::string_view format, const std::string &word)
{
    Plan plan;
    plan.title = fmt::format("assemble container {}", word);
    plan.add(NewArray{word}, {ClearArray{word}});
    set(plan, word, "metadata_version", fmt::format("external:{}", format));
    for (const Disk &disk : c.disks)
        if (disk.present && disk.state != DiskState::Failed)
            plan.add(AddMember{word, disk.path, disk.dev, 0, 0, -1, {}});
    // One identity names one array: the volume, where the container has no identity of its own.
    const bool own = std::ranges::none_of(c.volumes, [&](const Volume &v) { return v.uuid == c.uuid; });
    plan.add(Publish{word, word, std::string(format), own ? c.uuid : Uuid{}});
    return plan;
}

namespace {

// The kernel takes it up where it announces nothing.
void set_parity_log(Plan &plan, const Volume &v, const std::string &word)
{
    set(plan, word, "consistency_policy", "ppl");
    set(plan, word, "ppl_header", fmt::format("{} {}", v.parity_log->signature, v.parity_log->unit_bytes));
}

}  // namespace

std::vector<unsigned> start_order(const Container &c)
{
    std::vector<unsigned> order(c.volumes.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_partition(order.begin(), order.end(), [&](unsigned i) { return c.volumes[i].reshape && c.volumes[i].reshape->backup_live; });
    return order;
}

Result<Plan> plan_volume(const Container &c, const Volume &v, const std::string &container_word, const std::string &word,
                         const StartOptions &options)
{
    EMD_TRY(check_start(c, v, options));
    Plan plan;
    plan.title = fmt::format("start volume {}", v.name);
    if (v.reshape)
        plan.facts.push_back(fmt::format("a reshape from {} to {} disks was interrupted at sector {} of {} and will go on",
                                         v.shape.raid_disks, v.reshape->target.raid_disks, v.reshape->position,
                                         array_sectors(v.reshape->target)));
    if (v.reshape && v.reshape->backup_live) {
        if (options.monitored)
            return fail(Errc::Busy, "{}: the section that was being moved when it stopped has to be put back first, and emdmon of {} holds the record: "
                        "stop the container's other volumes (emdmon may need some seconds to leave: try again)", v.name, container_word);
        plan.add(Restore{v.index});
    }
    // What is only read needs no bits, and old ones are not renewed then.
    const bool bitmap = v.bitmap && !(v.bitmap->stale && options.read_only);
    if (bitmap && v.bitmap->stale) {
        plan.facts.push_back("the bitmap was not kept while the array was written: all of it counts as written");
        plan.add(Apply{change::BitmapReset{v.index}});
        plan.add(Store{});
    }
    const bool logged = v.parity_log && !options.read_only;
    const std::string start = resync_start(v, options.force && v.dirty && health_with(c, v) != Health::Optimal);
    if (logged)
        plan.add(ResetParityLog{v.index, start == "none"});
    plan.add(NewArray{word}, {ClearArray{word}});
    set(plan, word, "metadata_version", fmt::format("external:/{{{}}}/{}", container_word, v.index));
    set_geometry(plan, word, v.shape);
    add_members(plan, c, v, word, v.slots, 0);
    if (redundant(v.shape))
        set(plan, word, "resync_start", start);
    if (logged)
        set_parity_log(plan, v, word);
    if (v.reshape)
        EMD_TRY(set_reshape(plan, c, v, word));
    else if (!uneven(v) && v.array_sectors != array_sectors(v.shape))
        set(plan, word, "array_size", fmt::to_string(v.array_sectors / 2));
    if (bitmap)
        set_bitmap(plan, *v.bitmap, word, {});
    set(plan, word, "array_state", "readonly");
    if (bitmap)
        set(plan, word, "bitmap/can_clear", "false");
    if (!options.read_only) {
        plan.add(StartMonitor{container_word});
        plan.add(Sync{container_word, v.index, {}});
    }
    plan.add(Publish{word, v.name, "", v.uuid});
    return plan;
}

}  // namespace emd::plan
