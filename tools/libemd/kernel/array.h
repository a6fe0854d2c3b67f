// SPDX-License-Identifier: GPL-2.0-only
// An array of the kernel with types on it. Attribute names, units and errno: docs and external-reshape section 2.
#pragma once

#include "libemd/kernel/sysfs.h"
#include "libemd/model/container.h"

namespace emd {

// Reads "5 (4)" as {5, 4}: proposed and in force.
struct Pair {
    std::uint64_t next = 0, now = 0;
    bool changing() const { return next != now; }
};

struct SyncCompleted {
    enum class Kind { None, Delayed, Running } kind = Kind::None;
    std::uint64_t done = 0, total = 0;  // as the kernel counts: per member
};

struct MemberInfo {
    std::string name;       // "dev-sda"
    DevNum dev;
    int slot = -1;          // -1: none
    std::string state;      // md's words, comma separated
    std::uint64_t offset = 0, size = 0;  // sectors
    std::uint64_t recovery_start = 0;    // sectors; ~0: in sync
    bool has(std::string_view word) const;
};

// md's word for a level ("raid5", "linear"); empty for anything else.
std::optional<int> parse_level(std::string_view word);

class Array {
public:
    Array(Sysfs &sysfs, std::string name) : sysfs_(&sysfs), name_(std::move(name)) {}

    const std::string &name() const { return name_; }  // "emd0"
    Sysfs &sysfs() const { return *sysfs_; }
    std::string path(std::string_view attribute) const;  // "emd0/md/<attribute>"
    std::string own_path(std::string_view attribute) const;  // "emd0/emd/<attribute>"

    bool exists() const;
    // The kernel's number of this disk (diskseq), which no disk before or after it has: a name is given again, this is not. An error
    // says nothing: sysfs may be out of reach, or the kernel older than 5.15.
    Result<std::string> life() const;
    Result<std::string> get(std::string_view attribute) const;
    // A refusal carries the kernel's own sentence (emd/last_error) when there is one.
    Result<> set(std::string_view attribute, std::string_view value);
    Result<> set(std::string_view attribute, std::uint64_t value);
    Result<std::uint64_t> number(std::string_view attribute) const;

    Result<std::string> state() const;            // array_state
    Result<std::string> action() const;           // sync_action
    Result<SyncCompleted> completed() const;      // sync_completed
    Result<std::optional<std::uint64_t>> reshape_position() const;
    Result<Pair> raid_disks() const;
    Result<Pair> chunk_bytes() const;
    Result<Pair> layout() const;
    Result<std::string> level() const;
    Result<Shape> shape() const;                  // in force
    Result<std::string> metadata_version() const;

    Result<std::vector<MemberInfo>> members() const;
    Result<MemberInfo> member(std::string_view name) const;
    Result<> set_member(std::string_view member, std::string_view attribute, std::string_view value);

    // new_dev, offset, size; returns the member's directory ("dev-sda").
    Result<std::string> add_member(DevNum dev, std::uint64_t offset, std::uint64_t size);
    // What is known to be bad on a member without a slot, and whether a monitor keeps a list of what becomes it.
    Result<> give_bad_blocks(std::string_view member, const std::vector<BadRange> &bad, bool kept);
    // Where a member without a slot has its part of the array's partial parity log; nothing if there is none.
    Result<> give_log_place(std::string_view member, const ParityLogPlace::Area &area);

private:
    Sysfs *sysfs_;
    std::string name_;
};

// A new, empty array: "emd7". `preferred` < 0: the first free number. Errors: NotFound (no module), Busy (exists).
Result<std::string> create_array(Sysfs &sysfs, int preferred = -1);
// EMD's arrays ("emd0", "emd127"), ordered by number; those of the kernel's md are not among them.
std::vector<std::string> list_arrays(Sysfs &sysfs);

}  // namespace emd
