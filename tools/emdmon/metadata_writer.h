// SPDX-License-Identifier: GPL-2.0-only
// Makes the record durable on all disks: flush data, write metadata phase by phase, flush after each phase.
//
// Theory. A record that says "clean", "position P is done" or "this member is in sync" is a statement about data, so
// the data is flushed on all disks before the record reaches any of them. A disk that fails in this is left behind, the
// others get the record to its end, and then one that calls the disk failed: when commit() returns, every live disk has
// the same record. Nothing is acknowledged before.
//
// A disk that the record cannot call failed, because there would be no data without it, is not left behind: commit() fails, and whoever needs
// the record waits. The others have it then, or a part of its phases.
#pragma once

#include "disks.h"
#include "libemd/format/format.h"

namespace emd::mon {

class MetadataWriter {
public:
    MetadataWriter(Metadata &metadata, DiskSet &disks) : metadata_(&metadata), disks_(&disks) {}

    // Cold: buffers for the record as it is now. After every change of disks or volumes. A disk that cannot be opened
    // is recorded as failed; the error names the first one, and the others are prepared.
    Result<> prepare();

    // Hot: no allocation unless it fails. Error: no disk took the record, or one did not that it cannot do without.
    Result<> commit();
    // It failed for the latter reason: what hangs, or could not be opened, is tried again by prepare().
    bool waits() const { return !needed_.empty(); }

    // The disk is not written any more (it failed in a commit, or was removed).
    void forget(DevNum dev);

    // The disk comes as a new one, whatever it did before. Before prepare().
    void welcome(DevNum dev) { std::erase(dead_, dev); }

private:
    bool flush_data();
    bool write_phases();
    bool write_phase(unsigned phase);
    bool note_failures(std::span<const DiskJob> jobs);
    void note_failure(DevNum dev);
    bool is_dead(DevNum dev) const;
    void add_job(int disk, const Image *image);

    Metadata *metadata_;
    DiskSet *disks_;
    std::vector<Image> images_;
    std::vector<DiskJob> jobs_;  // has room for every image
    std::vector<DevNum> dead_;   // has room for every disk
    bool written_ = false;       // some disk took a part of the record
    std::string needed_;         // the path of one that did not, and must
};

}  // namespace emd::mon
