// SPDX-License-Identifier: GPL-2.0-only
// A command line, understood: what mdadm's grammar makes of argv.
#pragma once

#include "libemd/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace emd::cli {

enum class Mode {
    Help,
    Version,
    Create,
    Build,
    Assemble,
    Incremental,
    Grow,
    Manage,  // --add, --fail, --remove, --replace on an array
    Detail,
    Examine,
    ExamineBadBlocks,
    ExamineBitmap,
    Rescue,
    Stop,
    Wait,
    WaitClean,
    ReadOnly,
    ReadWrite,
    ZeroSuperblock,
    KillSubarray,
    UpdateSubarray,
    DetailPlatform,
    Monitor,
    Query,
};
std::string to_word(Mode mode);  // "--create"

enum class Disposition { None, Add, AddSpare, ReAdd, Fail, Remove, Replace, With };

struct Positional {
    std::string text;
    Disposition disposition = Disposition::None;
    bool write_mostly = false;
};

struct Options {
    Mode mode = Mode::Help;
    std::vector<Positional> arguments;

    std::optional<int> level;
    std::optional<std::string> layout;  // a word, its number depends on the level
    std::optional<std::uint32_t> raid_disks, chunk_sectors;
    unsigned spares = 0;
    std::optional<std::uint64_t> size_sectors, array_size_sectors;  // ~0: max
    std::string metadata, name, uuid, config, backup_file;
    std::string to, map;                        // --rescue
    unsigned subarray = 0;                      // --kill-subarray, --update-subarray: the volume's number in its container
    std::uint64_t offset_sectors = 0;
    std::optional<bool> bitmap;                 // --bitmap=internal or none
    std::uint64_t bitmap_chunk_sectors = 0;     // 0: not said
    std::optional<std::string> home_host;  // whose the array is

    bool force = false, run = false, scan = false, no_degraded = false, assume_clean = false;
    bool dry_run = false, json = false, as_export = false, brief = false, test = false;
    bool go_on = false;      // --continue
    bool pause = false;
    bool turn_back = false;        // --grow --revert
    bool background = false;
    bool unless_paused = false;
    bool freeze_reshape = false;
    bool rename = false;           // --update-subarray --update=name
    bool drop_parity_log = false;  // --assemble --update=no-ppl
    bool revert = false;           // --assemble --update=revert-reshape
    std::optional<bool> parity_log;  // --create --consistency-policy: ppl, or another
    bool read_only = false;  // --assemble -o
    bool no_devices = false;
    bool help = false;
    int verbose = 0;
    bool quiet = false;

    std::vector<std::string> names() const;  // all arguments' texts
};

inline constexpr std::uint64_t kMax = ~std::uint64_t(0);

// Errors: Invalid, with one sentence.
Result<Options> parse(int argc, char **argv);
std::string usage(Mode mode);

// "5", "raid5", "stripe", "mirror", "linear"; md's numbers.
Result<int> parse_level_option(const std::string &word);
// "left-symmetric", "ls", "n2", a number; md's numbers for `level`.
Result<std::uint32_t> parse_layout(const std::string &word, int level);

}  // namespace emd::cli
