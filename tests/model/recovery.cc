// SPDX-License-Identifier: GPL-2.0-only
#include "recovery.h"

#include "core/emd_reshape_math.h"
#include "libemd/reshape/manager.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace emd::model {
namespace {

struct PowerCut {};

// Counts down to the next cut.
struct Fuse {
    std::size_t left;
    void burn()
    {
        if (left-- == 0)
            throw PowerCut{};
    }
};

class DiskTarget final : public reshape::Target {
public:
    DiskTarget(FakeDisk &disk, Fuse &fuse, bool no_flush) : disk_(&disk), fuse_(&fuse), no_flush_(no_flush) {}

    Result<> read(std::uint64_t offset, std::span<std::byte> out) override
    {
        if (!disk_->inside(offset / 512, out.size()))
            return fail(Errc::Io, "read outside of the disk");
        std::ranges::copy(disk_->read(offset / 512, out.size() / 512), out.begin());
        return {};
    }
    Result<> write(std::uint64_t offset, std::span<const std::byte> data) override
    {
        if (!disk_->inside(offset / 512, data.size()))
            return fail(Errc::Io, "write outside of the disk");
        for (; !data.empty(); data = data.subspan(512), offset += 512) {
            fuse_->burn();
            disk_->write(offset / 512, data.first(512));
        }
        return {};
    }
    Result<> flush() override
    {
        fuse_->burn();
        if (!no_flush_)
            disk_->flush();
        return {};
    }

private:
    FakeDisk *disk_;
    Fuse *fuse_;
    bool no_flush_;
};

void write_both(Disks &disks, const Record &record, Fuse &fuse, bool flush)
{
    for (int copy = 0; copy < Disks::kCopies; copy++) {
        fuse.burn();
        disks.write_record(copy, record);
        if (flush)
            disks[static_cast<std::size_t>(copy)].flush();
    }
}

bool in_new_layout(const Scenario &s, const Record &r, std::uint64_t sector)
{
    return r.finished || (s.backward ? sector >= r.position : sector < r.position);
}

std::span<const std::byte> sector_of(const Disks &disks, const emd_geometry &geo, std::uint64_t sector)
{
    emd_place place;
    emd_geometry_map(&geo, sector, &place);
    return disks[place.slot].read(Disks::kDataOffset + place.sector, 1);
}

// Rows of `geo` that lie wholly in its part of the array and in which no write is unsettled.
std::string judge_parity(const Disks &disks, const emd_geometry &geo, const Ledger &ledger,
                         const std::function<bool(std::uint64_t)> &owned)
{
    if (emd_geometry_parity_disks(&geo) == 0)
        return {};
    const std::uint64_t row_sectors = emd_geometry_row_sectors(&geo);
    for (std::uint64_t row = 0; row < geo.member_sectors / geo.chunk_sectors; row++) {
        bool check = true;
        for (std::uint64_t x = row * row_sectors; check && x < (row + 1) * row_sectors; x++)
            check = owned(x) && (x >= ledger.sectors() || ledger.settled(x));
        if (!check)
            continue;
        for (std::uint64_t m = row * geo.chunk_sectors; m < (row + 1) * geo.chunk_sectors; m++) {
            std::array<std::byte, 512> sum{};
            for (std::uint32_t slot = 0; slot < geo.raid_disks; slot++) {
                const auto piece = disks[slot].read(Disks::kDataOffset + m, 1);
                for (std::size_t i = 0; i < 16; i++)
                    sum[i] ^= piece[i];
                for (std::size_t i = 504; i < 512; i++)
                    sum[i] ^= piece[i];
            }
            if (std::ranges::any_of(sum, [](std::byte b) { return b != std::byte{0}; }))
                return fmt::format("parity of row {} (raid{} of {}) is wrong", row, int{geo.level}, unsigned{geo.raid_disks});
        }
    }
    return {};
}

}  // namespace

std::optional<Record> recover(Disks &disks, const Scenario &s, int copy, std::size_t cut_after)
{
    Fuse fuse{cut_after};
    const bool no_flush = s.mutant == Mutant::RestoreNotFlushed;
    Record record = disks.record(copy);
    Container container = disks.container(s, copy);
    if (s.mutant == Mutant::RestoreTwice && !record.finished && record.position >= s.unit && !record.backup_live) {
        container.volumes[0].reshape->position -= s.unit;
        container.volumes[0].reshape->backup_live = true;
    }
    try {
        std::vector<DiskTarget> targets;
        for (std::size_t i = 0; i < disks.count(); i++)
            targets.emplace_back(disks[i], fuse, no_flush);
        if (record.finished) {
            write_both(disks, record, fuse, true);
            return record;
        }
        const auto note = [&](const Change &change) -> Result<> {
            const auto *moved = std::get_if<change::ReshapeProgress>(&change);
            record = moved ? Record{moved->position, false, false} : Record{std::get<change::BackupRecorded>(change).position, true, false};
            write_both(disks, record, fuse, !no_flush);
            return {};
        };
        const Result<bool> restored =
            reshape::restore(container, 0, [&](int d) { return &targets[static_cast<std::size_t>(d)]; }, note);
        if (!restored)
            throw std::runtime_error("restore: " + restored.error().text());
        if (!*restored)
            write_both(disks, record, fuse, true);  // the two may have differed
    } catch (const PowerCut &) {
        return std::nullopt;
    }
    return record;
}

std::string judge(const Disks &disks, const Scenario &s, const Record &record, const Ledger &ledger)
{
    for (std::uint64_t x = 0; x < ledger.sectors(); x++) {
        const bool moved = in_new_layout(s, record, x);
        const auto version = Ledger::version(x, sector_of(disks, moved ? s.to : s.from, x));
        if (version && ledger.allowed(x, *version))
            continue;
        return fmt::format("sector {} in the {} layout (D = {}): {}, expected version {} to {}", x, moved ? "new" : "old",
                           record.position, version ? fmt::format("version {}", *version) : std::string("foreign data"),
                           ledger.oldest_allowed(x), ledger.newest(x));
    }
    const std::string in_new =
        judge_parity(disks, s.to, ledger, [&](std::uint64_t x) { return in_new_layout(s, record, x); });
    if (!in_new.empty() || record.finished)
        return in_new;
    // What the array does not keep (the tail of a shrink) may have been overwritten.
    return judge_parity(disks, s.from, ledger,
                        [&](std::uint64_t x) { return !in_new_layout(s, record, x) && x < ledger.sectors(); });
}

namespace {

void resync(Disks &disks, const emd_geometry &geo, const std::function<bool(std::uint64_t)> &owned)
{
    if (emd_geometry_parity_disks(&geo) == 0)
        return;
    const std::uint64_t row_sectors = emd_geometry_row_sectors(&geo);
    for (std::uint64_t m = 0; m < geo.member_sectors; m++) {
        const std::uint64_t row = m / geo.chunk_sectors;
        if (!owned(row * row_sectors) || !owned((row + 1) * row_sectors - 1))
            continue;
        const std::uint32_t p = emd_geometry_p_slot(&geo, row);
        std::array<std::byte, 512> sum{};
        for (std::uint32_t slot = 0; slot < geo.raid_disks; slot++)
            for (std::size_t i = 0; slot != p && i < sum.size(); i++)
                sum[i] ^= disks[slot].read(Disks::kDataOffset + m, 1)[i];
        disks[p].write(Disks::kDataOffset + m, sum);
    }
}

}  // namespace

void adopt(Disks &disks, const Scenario &s, const Record &record, Ledger &ledger)
{
    const auto moved = [&](std::uint64_t x) { return in_new_layout(s, record, x); };
    resync(disks, s.to, moved);
    if (!record.finished)
        resync(disks, s.from, [&](std::uint64_t x) { return !moved(x) && x < ledger.sectors(); });
    disks.flush_all();
    for (std::uint64_t x = 0; x < ledger.sectors(); x++)
        ledger.found(x, *Ledger::version(x, sector_of(disks, in_new_layout(s, record, x) ? s.to : s.from, x)));
}

}  // namespace emd::model
