// SPDX-License-Identifier: GPL-2.0-only
// An array of the fake kernel: user I/O, its gates, and the mover of a reshape, on top of kernel/core.
//
// Theory. The real module and this model share the geometry and the reshape arithmetic (kernel/core). What is modelled
// here is the rest of what the protocol relies on: a write is admitted or has to wait; an admitted write is carried
// out later, so that "no write is under way" is something that has to be waited for; the mover works in steps of w * Dn
// and up to M; what it has moved is published at quiet points after a flush of all members; reads are always served.
// One deliberate simplification: parity of a written sector is computed from all other slots at the same place, which
// is what read-modify-write yields when parity was right.
#pragma once

#include "core/emd_reshape_math.h"
#include "libemd/kernel/fake_disk.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace emd {

// What the crash model breaks on purpose.
struct FakeBugs {
    bool publish_without_flush = false;
    bool gate_open = false;             // writes into [A, pos) are let through
    bool suspend_does_not_drain = false;
    bool limit_acknowledges = false;    // a store of sync_max counts as an acknowledgement of what is published
    bool overshoot = false;             // one step beyond M
    bool operator==(const FakeBugs &) const = default;
};

class FakeArray {
public:
    struct Member {
        FakeDisk *disk = nullptr;       // null: missing
        std::uint64_t offset = 0;       // data offset
    };
    struct Write {
        std::uint64_t id = 0, begin = 0, end = 0;
    };

    FakeArray(const emd_geometry &geometry, std::vector<Member> members, std::uint64_t visible_sectors);

    // --- users ---
    bool must_wait(std::uint64_t begin, std::uint64_t end) const;
    // Admits a write; empty when it has to wait.
    std::optional<std::uint64_t> begin_write(std::uint64_t begin, std::uint64_t end);
    void complete_write(std::uint64_t id, std::span<const std::byte> data);
    const std::vector<Write> &under_way() const { return writes_; }
    bool under_way_in(std::uint64_t begin, std::uint64_t end) const;
    std::vector<std::byte> read(std::uint64_t sector, std::uint64_t sectors) const;
    void flush();
    std::uint64_t visible() const { return visible_; }

    // --- the reshape ---
    // Takes the proposed geometry into use at `position` (array sectors). Members of both geometries are in `members`.
    void set_reshape(const emd_geometry &to, const emd_reshape_plan &plan, std::uint64_t position);
    bool reshaping() const { return reshape_.has_value(); }
    const emd_reshape_plan &plan() const { return reshape_->plan; }
    bool can_move() const;       // the mover has something to do
    void move();                 // one step
    bool can_publish() const;
    void publish();              // flush, C := pos; at the end, when acknowledged, leaves the reshape
    bool at_limit() const;

    std::uint64_t position() const { return reshape_->position; }
    std::uint64_t published() const { return reshape_->published; }
    const std::optional<std::uint64_t> &acked() const { return acked_; }
    // Errors as negative errno, 0 on success.
    int set_acked(std::optional<std::uint64_t> position);
    int set_limit(std::optional<std::uint64_t> member_sectors);
    int set_suspend(bool low, std::uint64_t sector);  // the caller waits until nothing is under way in the range
    std::optional<std::uint64_t> limit() const { return limit_; }  // member sectors; empty: max
    std::uint64_t limit_position() const;
    std::uint64_t suspend_lo() const { return lo_; }
    std::uint64_t suspend_hi() const { return hi_; }

    const emd_geometry &geometry() const { return reshape_ ? reshape_->to : geometry_; }
    const emd_geometry &geometry_in_force() const { return geometry_; }
    bool running = false;        // the thread of sync_action
    bool frozen = false;         // no thread starts by itself
    FakeBugs bugs;

private:
    struct Reshape {
        emd_geometry to;
        emd_reshape_plan plan;
        std::uint64_t position = 0, published = 0;
    };

    bool moved(std::uint64_t sector) const;
    std::pair<std::uint64_t, std::uint64_t> window() const;  // what the next step moves
    void read_through(const emd_geometry &geo, std::uint64_t begin, std::span<std::byte> out) const;
    void write_through(const emd_geometry &geo, std::uint64_t begin, std::span<const std::byte> data);
    void write_parity(const emd_geometry &geo, std::uint64_t member_sector, std::uint64_t sectors);
    void leave();

    emd_geometry geometry_;
    std::vector<Member> members_;
    std::uint64_t visible_;
    std::optional<Reshape> reshape_;
    std::vector<Write> writes_;
    std::uint64_t next_id_ = 1;
    std::optional<std::uint64_t> acked_;
    std::optional<std::uint64_t> limit_;
    std::uint64_t lo_ = 0, hi_ = 0;
};

}  // namespace emd
