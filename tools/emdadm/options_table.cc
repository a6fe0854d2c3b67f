// SPDX-License-Identifier: GPL-2.0-only
#include "options_table.h"

namespace emd::cli {
namespace {

// The first of these on the line decides how the rest is read.
constexpr OptionRow kModes[] = {
    {Id::Create, "create", 'C', false, kAll, "make a new array or container"},
    {Id::Build, "build", 'B', false, kAll, "make an array of disks as they are, without metadata: nothing is written before it runs"},
    {Id::Assemble, "assemble", 'A', false, kAll, "start arrays from what their disks say"},
    {Id::Incremental, "incremental", 'I', false, kAll, "take a disk that has appeared; start what is complete"},
    {Id::Grow, "grow", 'G', false, kAll, "change the shape of a running array"},
    {Id::Detail, "detail", 'D', false, kAll, "show arrays"},
    {Id::Examine, "examine", 'E', false, kAll, "show what is recorded on disks or image files"},
    {Id::ExamineBadBlocks, "examine-badblocks", 0, false, kAll, "show what disks have listed as bad"},
    {Id::ExamineBitmap, "examine-bitmap", 'X', false, kAll, "show the write-intent bitmap that disks hold"},
    {Id::Rescue, "rescue", 0, false, kAll, "read a volume from what is left of its disks or their images (IMSM: FILE,serial=SERIAL), without the module"},
    {Id::Monitor, "monitor", 'F', false, kAll, nullptr},
    {Id::Monitor, "follow", 0, false, kAll, nullptr},
    {Id::Query, "query", 'Q', false, kAll, "say in one line what a device is"},
    {Id::Manage, "manage", 0, false, kAll, "add, fail, remove or replace members of an array (may be left out)"},
    {Id::Misc, "misc", 0, false, kAll, nullptr},
    {Id::Stop, "stop", 'S', false, kAll, "stop arrays"},
    {Id::Wait, "wait", 'W', false, kAll, "wait for the end of resync, recovery or reshape"},
    {Id::WaitClean, "wait-clean", 0, false, kAll, "wait until arrays are recorded as clean"},
    {Id::ReadOnlyMode, "readonly", 'o', false, kAll, "make arrays read-only"},
    {Id::ReadWrite, "readwrite", 'w', false, kAll, "make arrays writable"},
    {Id::ZeroSuperblock, "zero-superblock", 0, false, kAll, "erase the metadata of disks"},
    {Id::KillSubarray, "kill-subarray", 0, true, kAll, "delete volume N of a container of which nothing runs; any of its disks names it"},
    {Id::UpdateSubarray, "update-subarray", 0, true, kAll, "change what is recorded of volume N of a container of which nothing runs"},
    {Id::DetailPlatform, "detail-platform", 0, false, kAll, "show what the machine's firmware knows of RAID"},
    {Id::Help, "help", 'h', false, kAll, nullptr},
    {Id::Version, "version", 'V', false, kAll, nullptr},
};

constexpr OptionRow kOptions[] = {
    {Id::Level, "level", 'l', true, kCreate | kBuild | kGrow, "0, 1, 4, 5, 6, 10, linear, container"},
    {Id::RaidDisks, "raid-devices", 'n', true, kCreate | kBuild | kGrow, "number of members"},
    {Id::RaidDisks, "raid-disks", 0, true, kCreate | kBuild | kGrow, nullptr},
    {Id::Spares, "spare-devices", 'x', true, kCreate, "number of spares"},
    {Id::Chunk, "chunk", 'c', true, kCreate | kBuild | kGrow, "chunk size in KiB, or with a unit"},
    {Id::Layout, "layout", 'p', true, kCreate | kBuild | kGrow, "left-asymmetric, left-symmetric, ..., n2, f2, o2"},
    {Id::Layout, "parity", 0, true, kCreate | kBuild | kGrow, nullptr},
    {Id::Size, "size", 'z', true, kCreate | kBuild | kGrow, "used of each member, in KiB or with a unit, or max"},
    {Id::Size, "size", 'z', true, kRescue, "so much of the volume, in KiB or with a unit"},
    {Id::Offset, "offset", 0, true, kRescue, "from here on, in KiB or with a unit"},
    {Id::To, "to", 0, true, kRescue, "a new file, or - for standard output"},
    {Id::Map, "map", 0, true, kRescue, "a new file, which says what could not be read (a map file of ddrescue)"},
    {Id::ArraySize, "array-size", 'Z', true, kGrow, "visible size, in KiB or with a unit, or max"},
    {Id::Metadata, "metadata", 'e', true, kCreate | kAssemble | kExamine | kMisc, "imsm, ddf, 1.2 (also 1.1, 1.0), or none"},
    {Id::Name, "name", 'N', true, kCreate | kAssemble | kRescue | kUpdateSubarray, "name of the array"},
    {Id::Uuid, "uuid", 'u', true, kAssemble | kRescue, "only the array with this identity"},
    {Id::AssumeClean, "assume-clean", 0, false, kCreate | kBuild, "parity or copies are right already"},
    {Id::WriteMostly, "write-mostly", 'W', false, kBuild, "the disks that follow are read only if there is no other copy"},
    {Id::BackupFile, "backup-file", 0, true, kGrow | kAssemble, "a second backup of what is being moved; assembly reads it"},
    {Id::Continue, "continue", 0, false, kGrow, "go on with an interrupted reshape"},
    {Id::Continue, "resume", 0, false, kGrow, nullptr},
    {Id::Revert, "revert", 0, false, kGrow, "move back what a reshape has moved"},
    {Id::Pause, "pause", 0, false, kGrow, "let a reshape rest where it is, until --continue"},
    {Id::Background, "background", 0, false, kGrow, "return as soon as the reshape has begun"},
    {Id::UnlessPaused, "unless-paused", 0, false, kGrow, "with --continue: not if somebody has paused the reshape (for udev and systemd)"},
    {Id::ConsistencyPolicy, "consistency-policy", 'k', true, kCreate, "how it gets right after a crash: resync, bitmap, ppl (RAID5: partial parity log)"},
    {Id::Update, "update", 'U', true, kAssemble, "no-ppl: recover by the partial parity log, then do without it; revert-reshape: what has moved is moved back"},
    {Id::Update, "update", 'U', true, kUpdateSubarray, "name: call it as --name says"},
    {Id::FreezeReshape, "freeze-reshape", 0, false, kAssemble | kGrow, "do not go on with a reshape now"},
    {Id::NoDegraded, "no-degraded", 0, false, kAssemble, "only start what is complete"},
    {Id::ReadOnlyFlag, "readonly", 'o', false, kAssemble, "leave it read-only"},
    {Id::Scan, "scan", 's', false, kAll, "all that emdadm.conf names, or all that can be found"},
    {Id::Config, "config", 0, true, kAll, "read this file in place of /etc/emd/emdadm.conf"},
    {Id::Config, "config-file", 'c', true, kAssemble | kIncremental | kDetail | kExamine | kMisc, nullptr},
    {Id::Run, "run", 'R', false, kCreate | kAssemble | kIncremental | kManage, "start it although something is missing"},
    {Id::Force, "force", 'f', false, kCreate | kBuild | kAssemble | kGrow | kMisc | kDetail | kExamine | kIncremental | kKill | kUpdateSubarray, "do it although it may lose something"},
    {Id::Force, "force", 0, false, kManage, nullptr},
    {Id::Add, "add", 'a', false, kManage | kGrow, "the members that follow become spares"},
    {Id::AddSpare, "add-spare", 0, false, kManage, nullptr},
    {Id::ReAdd, "re-add", 0, false, kManage, nullptr},
    {Id::Fail, "fail", 'f', false, kManage, "the members that follow have failed"},
    {Id::Fail, "set-faulty", 0, false, kManage, nullptr},
    {Id::Remove, "remove", 'r', false, kManage, "the members that follow leave the array"},
    {Id::Replace, "replace", 0, false, kManage, "the members that follow are replaced, and stay in service until they are"},
    {Id::With, "with", 0, false, kManage, "by these spares, one for each"},
    {Id::DryRun, "dry-run", 0, false, kAll, "print the plan, change nothing"},
    {Id::Json, "json", 0, false, kAll, "print JSON"},
    {Id::Export, "export", 'Y', false, kDetail | kExamine | kIncremental | kMisc, "print KEY=value lines"},
    {Id::Brief, "brief", 'b', false, kDetail | kExamine, "print lines for emdadm.conf"},
    {Id::NoDevices, "no-devices", 0, false, kDetail | kMisc, "leave the members out"},
    {Id::Test, "test", 't', false, kAll, "exit status tells the state"},
    {Id::Verbose, "verbose", 'v', false, kAll, "say what is done"},
    {Id::Quiet, "quiet", 'q', false, kAll, "say only what went wrong"},
    {Id::HomeHost, "homehost", 0, true, kAll, nullptr},
    {Id::IgnoredValue, "auto", 0, true, kCreate | kAssemble, nullptr},
    {Id::Bitmap, "bitmap", 0, true, kCreate | kGrow, "internal: with a write-intent bitmap; none: without"},
    {Id::Bitmap, "bitmap", 0, true, kBuild, nullptr},
    {Id::BitmapChunk, "bitmap-chunk", 0, true, kCreate | kGrow, "data for which the bitmap has one bit (64M)"},
    {Id::Ignored, "run", 'R', false, kBuild, nullptr},
    {Id::Ignored, "no-sharing", 0, false, kAll, nullptr},
    {Id::Ignored, "offroot", 0, false, kAll, nullptr},
};

}  // namespace

std::span<const OptionRow> option_rows()
{
    return kOptions;
}

std::span<const OptionRow> mode_rows()
{
    return kModes;
}

unsigned group_of(Mode mode)
{
    switch (mode) {
    case Mode::Create: return kCreate;
    case Mode::Build: return kBuild;
    case Mode::Assemble: return kAssemble;
    case Mode::Grow: return kGrow;
    case Mode::Incremental: return kIncremental;
    case Mode::Manage: return kManage;
    case Mode::Detail: return kDetail;
    case Mode::Examine:
    case Mode::ExamineBadBlocks:
    case Mode::ExamineBitmap: return kExamine;
    case Mode::Rescue: return kRescue;
    case Mode::KillSubarray: return kKill;
    case Mode::UpdateSubarray: return kUpdateSubarray;
    default: return kMisc;
    }
}

}  // namespace emd::cli
