// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/reshape/collect.h"

#include "libemd/reshape/member_image.h"

#include <algorithm>

namespace emd::reshape {

namespace {

// lo >= hi at every moment: first the store that only shrinks the range.
Result<> suspend_nothing(Array &array, std::uint64_t address)
{
    const std::uint64_t lo = EMD_TRY(array.number("suspend_lo")), hi = EMD_TRY(array.number("suspend_hi"));
    if (address > lo || lo < hi)
        EMD_TRY(array.set("suspend_lo", std::max(address, hi)));
    EMD_TRY(array.set("suspend_hi", address));
    return array.set("suspend_lo", address);
}

}  // namespace

Result<> release_leftovers(Array array)
{
    const Result<> released = suspend_nothing(array, 0);
    // A level without redundancy has no such attributes.
    return released || released.error().code() == Errc::NotFound ? Result<>() : released;
}

Result<Terms> make_terms(const Volume &volume, bool gate, std::uint64_t window)
{
    if (!volume.reshape)
        return fail(Errc::Invalid, "no reshape is recorded for volume {}", volume.name);
    const ReshapeRecord &record = *volume.reshape;
    const emd_geometry from = geometry_of(volume.shape), to = geometry_of(record.target);
    Terms terms;
    const char *why = "";
    if (emd_reshape_plan_init(&terms.plan, &from, &to, record.data_shift, record.backward ? 1 : 0, &why) != 0)
        return fail(Errc::Invalid, "the recorded reshape of volume {} is impossible: {}", volume.name, why);
    terms.unit = record.unit ? record.unit : terms.plan.unit;
    if (terms.unit % terms.plan.step != 0)
        return fail(Errc::Invalid, "the record's unit of {} sectors is no multiple of the kernel's step of {}",
                    terms.unit, std::uint64_t{terms.plan.step});
    terms.slots = 1;
    terms.slot_sectors = terms.unit;
    terms.window = std::max(window / terms.unit * terms.unit, 2 * terms.unit);
    terms.recorded = true;
    terms.gate = gate;
    return terms;
}

std::optional<Section> recorded_section(const Terms &terms, const ReshapeRecord &record, std::uint64_t durable)
{
    const std::uint64_t begin = terms.progress(record.position);
    if (!record.backup_live || begin >= terms.total() || terms.next(begin) <= durable)
        return std::nullopt;
    return Section{{begin, terms.next(begin)}, 0, Stage::Recorded};
}

Result<> Gauge::set_tail(std::uint64_t progress)
{
    return array_.set(terms_->plan.backward ? "suspend_hi" : "suspend_lo", terms_->address(progress));
}

Result<> Gauge::set_front(std::uint64_t progress)
{
    return array_.set(terms_->plan.backward ? "suspend_lo" : "suspend_hi", terms_->address(progress));
}

Result<> Gauge::set_limit(std::uint64_t progress)
{
    return array_.set("sync_max", emd_reshape_to_member(&terms_->plan, terms_->address(progress)));
}

Result<> Gauge::suspend_nothing(std::uint64_t address)
{
    return reshape::suspend_nothing(array_, address);
}

Result<Range> Gauge::suspended_addresses() const
{
    const std::uint64_t lo = EMD_TRY(array_.number("suspend_lo")), hi = EMD_TRY(array_.number("suspend_hi"));
    return lo < hi ? Range{lo, hi} : Range{};
}

Result<std::uint64_t> Gauge::limit() const
{
    if (EMD_TRY(array_.get("sync_max")) == "max")
        return terms_->total();
    const std::uint64_t value = EMD_TRY(array_.number("sync_max"));
    return terms_->progress(emd_reshape_from_member(&terms_->plan, value));
}

Result<std::optional<std::uint64_t>> Gauge::published() const
{
    const auto position = EMD_TRY(array_.reshape_position());
    if (!position)
        return std::optional<std::uint64_t>();
    return std::optional(terms_->progress(*position));
}

Result<bool> Gauge::geometry_settled() const
{
    const Result<std::string> level = array_.get("new_level");  // md has none
    return (!level || *level == EMD_TRY(array_.level())) && !EMD_TRY(array_.raid_disks()).changing() && !EMD_TRY(array_.chunk_bytes()).changing() &&
           !EMD_TRY(array_.layout()).changing();
}

bool gate_armed(const Array &array)
{
    const Result<std::string> acked = array.sysfs().read(array.own_path("reshape_acked"));
    return acked && *acked != "none" && !acked->empty();
}

}  // namespace emd::reshape
