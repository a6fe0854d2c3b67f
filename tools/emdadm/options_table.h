// SPDX-License-Identifier: GPL-2.0-only
// Which option exists in which mode. The only place that lists them.
#pragma once

#include "options.h"

#include <span>

namespace emd::cli {

enum class Id {
    // modes
    Create, Build, Assemble, Incremental, Grow, Manage, Misc, Detail, Examine, ExamineBadBlocks, ExamineBitmap, Rescue, Stop, Wait, WaitClean, ReadOnlyMode, ReadWrite,
    ZeroSuperblock, KillSubarray, UpdateSubarray, DetailPlatform, Monitor, Query, Help, Version,
    // what is done with the members that follow
    Add, AddSpare, ReAdd, Fail, Remove, Replace, With,
    // values
    Level, Layout, RaidDisks, Chunk, Spares, Size, ArraySize, Metadata, Name, HomeHost, Bitmap, BitmapChunk, Uuid, Update, ConsistencyPolicy, Config, BackupFile,
    To, Map, Offset,
    // switches
    Force, Run, Scan, NoDegraded, AssumeClean, DryRun, Json, Export, Brief, Test, Continue, Pause, Revert, Background, UnlessPaused, FreezeReshape,
    ReadOnlyFlag, NoDevices, WriteMostly, Verbose, Quiet,
    // taken for the sake of old scripts, without effect
    Ignored, IgnoredValue,
};

// Groups of modes that an option is good for.
enum Group : unsigned {
    kCreate = 1, kAssemble = 2, kGrow = 4, kIncremental = 8, kManage = 16, kDetail = 32, kExamine = 64, kMisc = 128,
    kRescue = 256, kBuild = 512, kKill = 1024, kUpdateSubarray = 2048,
    kAll = 4095,
};
unsigned group_of(Mode mode);

struct OptionRow {
    Id id;
    const char *name;  // without "--"
    char letter;       // 0: none
    bool value;        // takes one
    unsigned groups;
    const char *help;  // null: not shown
};

std::span<const OptionRow> option_rows();
std::span<const OptionRow> mode_rows();

}  // namespace emd::cli
