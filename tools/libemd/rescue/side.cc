// SPDX-License-Identifier: GPL-2.0-only
//
// Theory
//
// Parity covers a row position by position, so whatever piece of a chunk is missing follows from the same piece of the others.
// P is their sum. Q is the sum of all data, each times its own power of 2; with one more of them missing, x, what remains of P
// is d + x, and of Q it is a d + b x, so d = (Q + b P) / (a + b).
#include "libemd/rescue/side.h"

#include "core/emd_gf.h"

#include <algorithm>

namespace emd::rescue {

namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::size_t kPage = 4096;  // computed at once where a member reads the rest

void add(MutableBytes to, Bytes from)
{
    for (std::size_t i = 0; i < to.size(); i++)
        to[i] ^= from[i];
}

class Times {
public:
    explicit Times(std::uint8_t factor) { emd_gf_table_fill(&table_, factor); }
    std::byte operator()(std::byte b) const
    {
        const auto v = std::to_integer<unsigned>(b);
        return static_cast<std::byte>(table_.low[v & 15] ^ table_.high[v >> 4]);
    }

private:
    emd_gf_table table_{};
};

void add_times(MutableBytes to, Bytes from, std::uint8_t factor)
{
    const Times times(factor);
    for (std::size_t i = 0; i < to.size(); i++)
        to[i] ^= times(from[i]);
}

bool touches(const BadRange &bad, std::uint64_t begin, std::uint64_t sectors)
{
    return bad.start < begin + sectors && begin < bad.start + bad.sectors;
}

}  // namespace

Result<Side> Side::make(const Shape &shape, std::vector<Lane> lanes, const std::vector<std::uint64_t> &sizes)
{
    Side side;
    side.geometry_ = std::make_unique<Geometry>();
    Geometry &geometry = *side.geometry_;
    static_cast<emd_geometry &>(geometry) = geometry_of(shape);
    if (lanes.size() != shape.raid_disks)
        return fail(Errc::Corrupt, "{} members have {} places", shape.raid_disks, lanes.size());
    if (!sizes.empty()) {
        geometry.zone_store.resize(shape.raid_disks);
        geometry.slot_store.resize(std::size_t{shape.raid_disks} * shape.raid_disks);
        const std::vector<__u64> of_kernel(sizes.begin(), sizes.end());
        const int zones = emd_geometry_zones(&geometry, of_kernel.data(), geometry.zone_store.data(), geometry.slot_store.data());
        if (zones < 0)
            return fail(Errc::Invalid, "{} over members of these sizes is not possible", level_word(shape.level));
        if (zones > 1 || shape.level != 0) {
            geometry.zones = geometry.zone_store.data();
            geometry.nr_zones = static_cast<std::uint32_t>(zones);
        }
    }
    const char *why = nullptr;
    if (emd_geometry_validate(&geometry, &why))
        return fail(Errc::Invalid, "{} of {} members is not possible: {}", level_word(shape.level), shape.raid_disks, why);
    side.lanes_ = std::move(lanes);
    return side;
}

std::uint64_t Side::run(std::uint64_t sector) const
{
    emd_place place{};
    emd_geometry_map(geometry_.get(), sector, &place);
    return place.len;
}

bool Side::read_lane(std::uint32_t slot, std::uint64_t sector, MutableBytes out) const
{
    const Lane &lane = lanes_[slot];
    const std::uint64_t sectors = out.size() / kSector, begin = lane.offset + sector;
    if (!lane.medium || sector >= lane.valid || sectors > lane.valid - sector)
        return false;
    if (std::ranges::any_of(lane.bad, [&](const BadRange &bad) { return touches(bad, begin, sectors); }))
        return false;
    const std::uint64_t on_disk = lane.medium->size_bytes() / kSector;
    return begin < on_disk && sectors <= on_disk - begin && lane.medium->read(begin * kSector, out).has_value();
}

Got Side::read_copies(std::uint64_t sector, MutableBytes out) const
{
    Got got = Got::Never;
    for (std::uint32_t copy = 0; copy < emd_geometry_copies(geometry_.get()); copy++) {
        emd_place place{};
        emd_geometry_copy(geometry_.get(), sector, copy, &place);
        if (place.len >= out.size() / kSector && read_lane(place.slot, place.sector, out))
            return Got::Data;
        if (lanes_[place.slot].medium)
            got = Got::Nothing;
    }
    return got;
}

// All others are there.
bool Side::by_p(const emd_place &place, MutableBytes out) const
{
    const std::uint64_t row = place.sector / geometry_->chunk_sectors;
    const std::uint32_t q = emd_geometry_q_slot(geometry_.get(), row);
    std::vector<std::byte> other(out.size());
    std::ranges::fill(out, std::byte{0});
    for (std::uint32_t slot = 0; slot < geometry_->raid_disks; slot++) {
        if (slot == place.slot || slot == q)
            continue;
        if (!read_lane(slot, place.sector, other))
            return false;
        add(out, other);
    }
    return true;
}

// P is not there, or one more of the data is not.
bool Side::by_q(const emd_place &place, MutableBytes out) const
{
    const std::uint64_t row = place.sector / geometry_->chunk_sectors;
    const std::uint32_t p = emd_geometry_p_slot(geometry_.get(), row), q = emd_geometry_q_slot(geometry_.get(), row);
    if (q == EMD_NO_SLOT)
        return false;
    const auto power = [&](std::uint32_t slot) { return emd_gf_power(emd_geometry_q_power(geometry_.get(), row, slot)); };
    std::vector<std::byte> other(out.size()), sum(out.size());
    std::uint32_t missing = EMD_NO_SLOT;
    if (!read_lane(q, place.sector, out))
        return false;
    for (std::uint32_t slot = 0; slot < geometry_->raid_disks; slot++) {
        if (slot == place.slot || slot == p || slot == q)
            continue;
        if (read_lane(slot, place.sector, other)) {
            add(sum, other);
            add_times(out, other, power(slot));
        } else if (missing != EMD_NO_SLOT) {
            return false;
        } else {
            missing = slot;
        }
    }
    std::uint8_t factor = power(place.slot);
    if (missing != EMD_NO_SLOT) {
        if (!read_lane(p, place.sector, other))
            return false;
        add(sum, other);
        add_times(out, sum, power(missing));
        factor ^= power(missing);
    }
    const Times times(emd_gf_inverse(factor));
    std::ranges::transform(out, out.begin(), times);
    return true;
}

// Of its row more members are missing than there is parity for.
bool Side::hopeless(const emd_place &place) const
{
    if (lanes_[place.slot].medium)
        return false;
    const auto missing = std::ranges::count(lanes_, nullptr, &Lane::medium);
    return static_cast<std::uint64_t>(missing) > emd_geometry_parity_disks(geometry_.get()) || place.sector >= parity_end_;
}

// What a member has is right even where its row was torn, and what is computed there is not: as little as possible is computed.
bool Side::has_pieces(const emd_place &place, std::size_t bytes) const
{
    const Lane &lane = lanes_[place.slot];
    return lane.medium && place.sector < lane.valid && lane.offset + place.sector < lane.medium->size_bytes() / kSector && bytes > kPage;
}

Got Side::read(std::uint64_t sector, MutableBytes out) const
{
    if (emd_geometry_copies(geometry_.get()) > 1)
        return read_copies(sector, out);
    emd_place place{};
    emd_geometry_map(geometry_.get(), sector, &place);
    if (read_lane(place.slot, place.sector, out))
        return Got::Data;
    if (hopeless(place))
        return Got::Never;
    if (has_pieces(place, out.size()))
        return Got::Nothing;
    const bool built = place.sector < parity_end_ && out.size() / kSector <= parity_end_ - place.sector;
    if (built && emd_geometry_parity_disks(geometry_.get()) && (by_p(place, out) || by_q(place, out)))
        return Got::Data;
    return Got::Nothing;
}

}  // namespace emd::rescue
