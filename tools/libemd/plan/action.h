// SPDX-License-Identifier: GPL-2.0-only
// One thing that a plan does, as data. An array that does not exist yet is called by a word of the plan (its name);
// an existing one by its kernel name. In values of attributes "{word}" stands for the kernel name.
#pragma once

#include "libemd/model/change.h"

#include <string>
#include <variant>

namespace emd::plan {

struct NewArray {  // a new, empty array of the kernel
    std::string array;
};
struct Set {  // store into an attribute: "md/<attribute>" of the array
    std::string array, attribute, value;
};
struct Expect {  // the attribute must read `value` now; `otherwise` says what it means if it does not
    std::string array, attribute, value, otherwise;
};
struct AddMember {
    std::string array;
    std::string disk;  // path, for messages
    DevNum dev;
    std::uint64_t offset = 0, size = 0;           // sectors; size 0: a disk of a container, without a place
    int slot = -1;                                // -1: none
    std::optional<std::uint64_t> recovery_start;  // sectors; nothing: in sync
    std::vector<BadRange> bad{};                  // what is recorded as bad
    bool keeps_bad = false;                       // a monitor records what becomes bad
    bool write_mostly = false;                    // read only if there is no other copy
    std::optional<std::uint64_t> new_offset{};    // sectors; where its data lies after the reshape, if elsewhere
    ParityLogPlace::Area parity_log{};            // its part of the array's log; none if the array has none
};
struct RemoveMember {  // a member without a slot, or a failed one
    std::string array, disk;
    DevNum dev;
};
struct ClearArray {  // stop it, and it is gone
    std::string array;
};
struct NewMetadata {  // empty metadata of the format in memory, on these disks; nothing is written
    std::string format;
    std::vector<std::string> disks;
};
struct Wipe {  // make foreign signatures on a disk unrecognisable
    std::string disk;
};
struct Apply {  // change the metadata in memory: nobody else has it
    Change change;
};
struct Store {};  // write the metadata in memory to all disks, flushed
struct Erase {    // nobody shall find the format on this disk again
    std::string disk;
};
struct Send {  // let emdmon change the metadata
    std::string container;
    Change change;
    std::vector<DevNum> disks = {};  // what the numbers of disks in the change stand for: emdmon may count them differently
};
struct Sync {  // wait until emdmon has made everything durable, and knows the volume
    std::string container;
    unsigned volume = 0;
    std::vector<unsigned> reserved;  // slots that must be reserved in the answer
    bool may_have_left = false;      // emdmon leaves by itself when nothing is left to record: then there is nothing to wait for
};
struct StartMonitor {
    std::string container;
};
struct Publish {  // give the array its name under /dev/emd
    std::string array, name, metadata;
    Uuid uuid{};
};
struct Restore {  // put the live backup of an interrupted reshape in its place
    unsigned volume = 0;
};
struct RecoverParity {  // what the volume's partial parity log says, made true; durable
    unsigned volume = 0;
};
struct ResetParityLog {  // the volume does not run: its log announces nothing, durable
    unsigned volume = 0;
    bool headers = true;  // false: parity is not right everywhere, and the log must not be taken for the end of a resync
};
struct ReserveBackup {  // space for sections of the reshape in a file; durable before anything changes
    std::string path;
    unsigned volume = 0;
    Shape target;
    std::uint64_t sectors = 0;
    bool fresh = true;  // the file must not exist; else one of this reshape is taken
};
struct DropBackup {
    std::string path;
};
struct Manage {  // drive the recorded reshape to its end
    std::string array, container;
    unsigned volume = 0;
};

using Action = std::variant<NewArray, Set, Expect, AddMember, RemoveMember, ClearArray, NewMetadata, Wipe, Apply, Store,
                            Erase, Send, Sync, StartMonitor, Publish, Restore, RecoverParity, ResetParityLog, ReserveBackup, DropBackup, Manage>;

// One line, stable: tests compare it.
std::string to_text(const Action &action);
std::string to_text(const Change &change);

}  // namespace emd::plan
