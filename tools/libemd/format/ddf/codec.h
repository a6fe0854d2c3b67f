// SPDX-License-Identifier: GPL-2.0-only
// From bytes to what they say, checked, and back.
#pragma once

#include "libemd/format/ddf/layout.h"
#include "libemd/model/medium.h"

#include <optional>
#include <vector>

namespace emd::ddf {

using Block = std::vector<std::byte>;

// The sum of a block, whose own four bytes (at 4) count as ones.
std::uint32_t checksum(Bytes block);
// Put it there.
void seal(MutableBytes block);

// One configuration record; never shorter than what `elements` need.
class Record {
public:
    Record(Bytes bytes, unsigned elements) : bytes_(bytes.begin(), bytes.end()), elements_(elements) {}

    const Block &bytes() const { return bytes_; }
    ConfigBytes head() const { return *read_at<ConfigBytes>(bytes_, 0); }
    unsigned elements() const { return elements_; }
    std::uint32_t refnum(unsigned element) const { return read_at<Be32>(bytes_, kSector + 4 * element)->get(); }
    std::uint64_t start(unsigned element) const { return read_at<Be64>(bytes_, kSector + 4 * elements_ + 8 * element)->get(); }
    // Another disk for an element; counts as a change of the record.
    void put(unsigned element, std::uint32_t refnum, std::uint64_t start, std::uint32_t timestamp);

private:
    Block bytes_;
    unsigned elements_;
};

// One of the two structures of a disk. What has fields that change is taken apart, the rest stays as it stands on the disk.
struct Structure {
    HeaderBytes header{};
    Block controller;
    Block pd_section, vd_section;  // as read; entries below are put over them
    std::vector<PdBytes> pds;
    std::vector<VdBytes> vds;
    Block configs;
    Block own;

    ControllerBytes controller_head() const { return *read_at<ControllerBytes>(controller, 0); }
    OwnBytes own_head() const { return *read_at<OwnBytes>(own, 0); }
    std::size_t record_bytes() const { return header.record_sectors.get() * kSector; }
    std::size_t records() const { return configs.size() / record_bytes(); }
    Bytes record_at(std::size_t slot) const { return Bytes(configs).subspan(slot * record_bytes(), record_bytes()); }
    std::optional<Record> config(std::size_t slot) const;  // nothing: no configuration of a volume stands there
    int find_pd(std::uint32_t refnum) const;               // -1: nobody has this number
};

bool pd_used(const PdBytes &pd);
bool vd_used(const VdBytes &vd);

// A header on a disk of so many sectors: signature, sum, revision and numbers that can be true.
Result<HeaderBytes> decode_header(Bytes sector, std::uint64_t disk_sectors);
// Sectors from a header to the end of its last section.
std::uint64_t structure_sectors(const HeaderBytes &header);
// `bytes` are the header's sections up to the last mandatory one, the header in front.
Result<Structure> decode_structure(const HeaderBytes &header, Bytes bytes);

// Is it a volume's configuration record, and whole?
bool is_config(Bytes record);

// Put entries over a section, count them, and seal it. Does not allocate.
void encode_pds(const std::vector<PdBytes> &pds, Block &section);
void encode_vds(const std::vector<VdBytes> &vds, Block &section);

// What a medium holds.
struct Found {
    HeaderBytes anchor{};
    Structure newest;      // of the two the one that counts
    std::uint32_t sequence = 0;
    std::uint32_t seen = 0; // the last change that this disk had, or was past when the next one began
    std::vector<Record> opened; // of the structure that does not count, where it is being written
    std::uint32_t opened_sequence = 0;
    bool redundant = true; // there is a second structure, as good as the first
    bool even = true;      // all structures are whole and say the same
};

bool is_candidate(const Medium &medium);  // a whole disk with sectors of 512 bytes
// NotFound: no signature. Corrupt: it cannot be true.
Result<HeaderBytes> read_anchor(const Medium &medium);
Result<Found> read_disk(const Medium &medium);

}  // namespace emd::ddf
