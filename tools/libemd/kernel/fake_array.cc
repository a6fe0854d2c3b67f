// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/kernel/fake_array.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace emd {
namespace {

bool overlap(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d)
{
    return a < d && c < b;
}

}  // namespace

FakeArray::FakeArray(const emd_geometry &geometry, std::vector<Member> members, std::uint64_t visible_sectors)
    : geometry_(geometry), members_(std::move(members)), visible_(visible_sectors)
{
}

// --- users ----------------------------------------------------------------------------------------------------------

bool FakeArray::must_wait(std::uint64_t begin, std::uint64_t end) const
{
    if (lo_ < hi_ && overlap(begin, end, lo_, hi_))
        return true;
    if (!reshape_ || !acked_ || bugs.gate_open)
        return false;
    return overlap(begin, end, std::min(*acked_, reshape_->position), std::max(*acked_, reshape_->position));
}

std::optional<std::uint64_t> FakeArray::begin_write(std::uint64_t begin, std::uint64_t end)
{
    if (must_wait(begin, end))
        return std::nullopt;
    writes_.push_back({next_id_, begin, end});
    return next_id_++;
}

void FakeArray::complete_write(std::uint64_t id, std::span<const std::byte> data)
{
    const auto it = std::ranges::find(writes_, id, &Write::id);
    const Write w = *it;
    writes_.erase(it);
    for (std::uint64_t sector = w.begin; sector < w.end; sector++)
        write_through(moved(sector) ? reshape_->to : geometry_, sector,
                      data.subspan((sector - w.begin) * FakeDisk::kSectorBytes, FakeDisk::kSectorBytes));
}

bool FakeArray::under_way_in(std::uint64_t begin, std::uint64_t end) const
{
    return std::ranges::any_of(writes_, [&](const Write &w) { return overlap(w.begin, w.end, begin, end); });
}

std::vector<std::byte> FakeArray::read(std::uint64_t sector, std::uint64_t sectors) const
{
    std::vector<std::byte> out(sectors * FakeDisk::kSectorBytes);
    for (std::uint64_t i = 0; i < sectors; i++)
        read_through(moved(sector + i) ? reshape_->to : geometry_, sector + i,
                     std::span(out).subspan(i * FakeDisk::kSectorBytes, FakeDisk::kSectorBytes));
    return out;
}

void FakeArray::flush()
{
    for (Member &m : members_)
        if (m.disk)
            m.disk->flush();
}

bool FakeArray::moved(std::uint64_t sector) const
{
    if (!reshape_)
        return false;
    return reshape_->plan.backward ? sector >= reshape_->position : sector < reshape_->position;
}

void FakeArray::read_through(const emd_geometry &geo, std::uint64_t begin, std::span<std::byte> out) const
{
    const std::uint64_t size = emd_geometry_array_sectors(&geo);
    for (std::uint64_t done = 0, all = out.size() / FakeDisk::kSectorBytes; done < all;) {
        if (begin + done >= size)
            return;  // behind the old array there is nothing: zeros
        emd_place place;
        emd_geometry_map(&geo, begin + done, &place);
        const std::uint64_t run = std::min<std::uint64_t>({place.len, all - done, size - begin - done});
        const Member &m = members_[place.slot];
        std::ranges::copy(m.disk->read(m.offset + place.sector, run),
                          out.begin() + static_cast<std::ptrdiff_t>(done * FakeDisk::kSectorBytes));
        done += run;
    }
}

void FakeArray::write_through(const emd_geometry &geo, std::uint64_t begin, std::span<const std::byte> data)
{
    for (std::uint64_t done = 0, all = data.size() / FakeDisk::kSectorBytes; done < all;) {
        emd_place place;
        emd_geometry_map(&geo, begin + done, &place);
        const std::uint64_t run = std::min<std::uint64_t>(place.len, all - done);
        const Member &m = members_[place.slot];
        m.disk->write(m.offset + place.sector,
                      data.subspan(done * FakeDisk::kSectorBytes, run * FakeDisk::kSectorBytes));
        write_parity(geo, place.sector, run);
        done += run;
    }
}

void FakeArray::write_parity(const emd_geometry &geo, std::uint64_t member_sector, std::uint64_t sectors)
{
    if (emd_geometry_parity_disks(&geo) == 0)
        return;
    const std::uint32_t p = emd_geometry_p_slot(&geo, member_sector / geo.chunk_sectors);
    std::vector<std::byte> sum(sectors * FakeDisk::kSectorBytes);
    for (std::uint32_t slot = 0; slot < geo.raid_disks; slot++) {
        if (slot == p)
            continue;
        const std::span<const std::byte> piece =
            members_[slot].disk->read(members_[slot].offset + member_sector, sectors);
        for (std::size_t i = 0; i < sum.size(); i++)
            sum[i] ^= piece[i];
    }
    members_[p].disk->write(members_[p].offset + member_sector, sum);
}

// --- the reshape ----------------------------------------------------------------------------------------------------

void FakeArray::set_reshape(const emd_geometry &to, const emd_reshape_plan &plan, std::uint64_t position)
{
    reshape_ = Reshape{to, plan, position, position};
}

std::uint64_t FakeArray::limit_position() const
{
    return limit_ ? emd_reshape_from_member(&reshape_->plan, *limit_) : emd_reshape_end(&reshape_->plan);
}

bool FakeArray::at_limit() const
{
    return !emd_reshape_before(&reshape_->plan, reshape_->position, limit_position());
}

std::pair<std::uint64_t, std::uint64_t> FakeArray::window() const
{
    const std::uint64_t from = reshape_->position;
    const std::uint64_t to = emd_reshape_advance(&reshape_->plan, from, reshape_->plan.step);
    return {std::min(from, to), std::max(from, to)};
}

bool FakeArray::can_move() const
{
    if (!reshape_ || !running)
        return false;
    if (at_limit() && !(bugs.overshoot && limit_ && reshape_->position == limit_position()))
        return false;
    const auto [begin, end] = window();
    return begin < end && !under_way_in(begin, end);
}

void FakeArray::move()
{
    const auto [begin, end] = window();
    std::vector<std::byte> data((end - begin) * FakeDisk::kSectorBytes);
    read_through(geometry_, begin, data);
    write_through(reshape_->to, begin, data);
    reshape_->position = reshape_->plan.backward ? begin : end;
}

bool FakeArray::can_publish() const
{
    if (!reshape_ || !running)
        return false;
    const bool over = reshape_->published == emd_reshape_end(&reshape_->plan) &&
                      (!acked_ || *acked_ == reshape_->published);
    return over || reshape_->published != reshape_->position;
}

void FakeArray::publish()
{
    if (reshape_->published != reshape_->position) {
        if (!bugs.publish_without_flush)
            flush();
        reshape_->published = reshape_->position;
        return;
    }
    leave();
}

void FakeArray::leave()
{
    geometry_ = reshape_->to;
    reshape_.reset();
    acked_.reset();
    limit_.reset();
    running = false;
}

int FakeArray::set_acked(std::optional<std::uint64_t> position)
{
    if (!reshape_)
        return -ENODATA;
    if (position == acked_)
        return 0;
    if (!position || !acked_) {
        if (running)
            return -EBUSY;
        acked_ = position;
        return 0;
    }
    if (emd_reshape_before(&reshape_->plan, *position, *acked_) ||
        emd_reshape_before(&reshape_->plan, reshape_->published, *position))
        return -EINVAL;
    acked_ = position;
    return 0;
}

int FakeArray::set_limit(std::optional<std::uint64_t> member_sectors)
{
    if (reshape_ && member_sectors && *member_sectors % reshape_->plan.w != 0)
        return -EINVAL;
    const bool lower = member_sectors && (!limit_ || *member_sectors < *limit_);
    if (running && lower)
        return -EBUSY;
    limit_ = member_sectors;
    if (bugs.limit_acknowledges && reshape_ && acked_)
        acked_ = reshape_->published;
    return 0;
}

int FakeArray::set_suspend(bool low, std::uint64_t sector)
{
    (low ? lo_ : hi_) = sector;
    return 0;
}

}  // namespace emd
