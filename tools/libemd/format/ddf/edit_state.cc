// SPDX-License-Identifier: GPL-2.0-only
// Changes that the kernel reports. They are applied while writes wait, so nothing here allocates (errors excepted).
#include "libemd/format/ddf/metadata.h"

#include <algorithm>
#include <core/emd_mstate.h>
#include <emd/emd.h>

namespace emd::ddf {

Result<> DdfMetadata::apply(const Change &change)
{
    if (!refused_.empty())
        return fail(Errc::Refused, "the container must not be written: {}", refused_);
    Result<> done = std::visit([this](const auto &one) { return on(one); }, change);
    if (!done)
        return done;
    applied_ = true;
    if (!std::holds_alternative<change::SyncProgress>(change)) {
        changed_ = true;
        record_stale();
        record_empty();
    }
    sort_members();
    refresh();
    return {};
}

// A member that is too old, although nobody has said so. From now on it is older still, and others must know: they may go by
// the tables alone.
void DdfMetadata::record_stale()
{
    for (const Member &member : members_) {
        if (member.entry < 0 || !member.failed || (pd_of(member).state.get() & kFailed))
            continue;
        pd_of(member).state = static_cast<std::uint16_t>(pd_of(member).state.get() | kFailed);
        pds_changed_ = true;
        update_states();
    }
}

bool holds_nothing(const PdBytes &pd)
{
    const std::uint16_t type = pd.type.get();
    return (pd.state.get() & kRebuilding) || ((type & (kGlobalSpare | kDedicatedSpare)) && !(type & kInVd));
}

void make_member(PdBytes &pd)
{
    pd.type = static_cast<std::uint16_t>((pd.type.get() & ~(kGlobalSpare | kDedicatedSpare)) | kInVd);
}

// A spare that a record names, and the tables do not know: they are made to say it.
void DdfMetadata::record_empty()
{
    for (const Virtual &volume : volumes_)
        for (const Element &element : volume.elements) {
            if (!being_made(element))
                continue;
            PdBytes &pd = pd_of(members_[static_cast<std::size_t>(disk_of(refnum_of(element)))]);
            if ((pd.state.get() & kRebuilding) || !holds_nothing(pd))
                continue;
            make_member(pd);
            pd.state = static_cast<std::uint16_t>(pd.state.get() | kRebuilding);
            pds_changed_ = true;
        }
}

// The order in which load() would find the disks now, so that a number means the same disk to everybody.
void DdfMetadata::sort_members()
{
    const auto before = [](const Member &a, const Member &b) {
        return std::tuple(a.entry < 0, a.entry, a.refnum) < std::tuple(b.entry < 0, b.entry, b.refnum);
    };
    if (!std::ranges::is_sorted(members_, before))  // what the kernel reports never changes it
        std::ranges::stable_sort(members_, before);
}

Result<Virtual *> DdfMetadata::volume_at(unsigned volume)
{
    const auto found = std::ranges::find(volumes_, volume, &Virtual::entry);
    if (found == volumes_.end())
        return fail(Errc::NotFound, "the container has no volume {}", volume);
    if (!found->refused.empty())
        return fail(Errc::Refused, "{} must not be written: {}", text_of(vd_of(*found)), found->refused);
    return &*found;
}

Result<Member *> DdfMetadata::member_at(int disk)
{
    if (disk < 0 || static_cast<std::size_t>(disk) >= members_.size())
        return fail(Errc::NotFound, "the container has no disk {}", disk);
    return &members_[static_cast<std::size_t>(disk)];
}

bool DdfMetadata::used_by(const Basic &basic, std::uint32_t refnum) const
{
    return std::ranges::any_of(basic.elements, [&](unsigned e) { return basic.record.refnum(e) == refnum; });
}

// Is there a member that is being made one?
bool DdfMetadata::rebuilding(const Virtual &volume) const
{
    return std::ranges::any_of(volume.elements, [this](const Element &e) { return being_made(e); });
}

bool DdfMetadata::being_made(const Element &element) const
{
    const int disk = disk_of(refnum_of(element));
    return element.out_of_sync && disk >= 0 && members_[static_cast<std::size_t>(disk)].present && healthy(members_[static_cast<std::size_t>(disk)]);
}

// -- the state of a volume, as DDF counts it --

// By the record alone: who is recorded as working counts, whether he is here or not.
bool DdfMetadata::sound(const Element &element) const
{
    const int disk = disk_of(refnum_of(element));
    return disk >= 0 && !element.out_of_sync && healthy(members_[static_cast<std::size_t>(disk)]);
}

namespace {

std::uint8_t mirror_state(std::size_t left, std::size_t all)
{
    return left == all ? kOptimal : left == 0 ? kVdFailed : left == 1 ? kDegraded : kPartial;
}

}  // namespace

std::uint8_t DdfMetadata::state_of(const Virtual &volume) const
{
    const std::size_t all = volume.elements.size();
    const auto left = static_cast<std::size_t>(std::ranges::count_if(volume.elements, [this](const Element &e) { return sound(e); }));
    if (left == all)
        return kOptimal;
    const ConfigBytes head = basics_[volume.elements[0].basic].record.head();
    if (volume.shape.level == 6 && left + 1 == all)
        return kPartial;
    if (volume.shape.level == 1)
        return mirror_state(left, all);
    if (head.secondary_count > 1) {  // mirrors side by side: the worst of them
        std::uint8_t worst = kPartial;
        const std::size_t copies = head.primary_count.get();
        for (std::size_t i = 0; i + copies <= all; i += copies) {
            const auto some = std::span(volume.elements).subspan(i, copies);
            const auto whole = static_cast<std::size_t>(std::ranges::count_if(some, [this](const Element &e) { return sound(e); }));
            const std::uint8_t state = mirror_state(whole, copies);
            if (state == kVdFailed || (state == kDegraded && worst != kVdFailed))
                worst = state;
        }
        return worst;
    }
    std::array<mdu_mstate_t, EMD_MAX_MEMBERS> child{};
    for (std::size_t i = 0; i < all; i++)
        child[i] = sound(volume.elements[i]) ? MDU_MSTATE_OPTIMAL : MDU_MSTATE_UNKNOWN;
    const auto state = emd_mstate_array(volume.shape.level, volume.shape.layout, static_cast<std::uint32_t>(all), child.data());
    return state == MDU_MSTATE_FAILED ? kVdFailed : kDegraded;
}

void DdfMetadata::update_states()
{
    for (const Virtual &volume : volumes_) {
        if (!volume.refused.empty())
            continue;
        VdBytes &vd = vd_of(volume);
        const auto state = static_cast<std::uint8_t>((vd.state & ~kStateMask) | state_of(volume));
        vds_changed_ |= state != vd.state;
        vd.state = state;
    }
}

// -- the changes --

Result<> DdfMetadata::on(const change::MarkDirty &change)
{
    const Virtual &volume = *EMD_TRY(volume_at(change.volume));
    if (volume.shape.level == 0)
        return {};  // nothing to resync
    vd_of(volume).state |= kInconsistent;
    vds_changed_ = true;
    return {};
}

Result<> DdfMetadata::on(const change::MarkClean &change)
{
    VdBytes &vd = vd_of(*EMD_TRY(volume_at(change.volume)));
    vd.state = static_cast<std::uint8_t>(vd.state & ~kInconsistent);
    vds_changed_ = true;
    return {};
}

Result<> DdfMetadata::on(const change::DiskFailed &change)
{
    Member &member = *EMD_TRY(member_at(change.disk));
    member.failed = true;
    if (member.entry < 0)
        return {};
    PdBytes &pd = pd_of(member);
    auto state = static_cast<std::uint16_t>(pd.state.get() | kFailed);
    if (!member.present)
        state = static_cast<std::uint16_t>((state | kMissing) & ~kOnline);
    pd.state = state;
    pds_changed_ = true;
    for (Virtual &volume : volumes_)
        for (Element &element : volume.elements)
            element.out_of_sync |= refnum_of(element) == member.refnum;
    update_states();
    return {};
}

// How far it is has no place on the disks: after a cut it begins anew.
Result<> DdfMetadata::on(const change::SyncProgress &change)
{
    Virtual &volume = *EMD_TRY(volume_at(change.volume));
    if (!rebuilding(volume) && (vd_of(volume).init & kInitMask) != kInitRunning)
        return fail(Errc::Refused, "{}: no initialisation, rebuild or repair is recorded", text_of(vd_of(volume)));
    volume.checkpoint = std::min(change.member_sectors, volume.shape.component_sectors);
    return {};
}

// A disk's state counts for all volumes that it is in: it is whole when it is in all of them.
Result<> DdfMetadata::on(const change::SyncFinished &change)
{
    Virtual &volume = *EMD_TRY(volume_at(change.volume));
    VdBytes &vd = vd_of(volume);
    const bool members = rebuilding(volume);
    if (!members && (vd.init & kInitMask) != kInitRunning)
        return fail(Errc::Refused, "{}: no initialisation, rebuild or repair is recorded", text_of(vd));
    volume.checkpoint = 0;
    if (!members) {
        vd.init = static_cast<std::uint8_t>((vd.init & ~kInitMask) | kInitDone);
        vds_changed_ = true;
        return {};
    }
    for (Element &element : volume.elements) {
        if (!being_made(element))
            continue;
        const int disk = disk_of(refnum_of(element));
        element.out_of_sync = false;
        const auto busy = [&](const Virtual &v) {
            return std::ranges::any_of(v.elements, [&](const Element &e) { return e.out_of_sync && refnum_of(e) == refnum_of(element); });
        };
        PdBytes &pd = pd_of(members_[static_cast<std::size_t>(disk)]);
        if (std::ranges::none_of(volumes_, busy))
            pd.state = static_cast<std::uint16_t>(pd.state.get() & ~kRebuilding);
        make_member(pd);
        pds_changed_ = true;
    }
    update_states();
    return {};
}

}  // namespace emd::ddf
