// SPDX-License-Identifier: GPL-2.0-only
// What a metadata format must offer: a Reader looks, a Format can own the disks, a MemberReader describes each by itself.
// Printing, spare choice, assembly and monitoring are generic over this.
#pragma once

#include "libemd/base/result.h"
#include "libemd/model/bitmap_record.h"
#include "libemd/model/change.h"
#include "libemd/model/medium.h"
#include "libemd/model/member_record.h"

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string_view>

namespace emd {

// Bytes to be written to one disk. Images of one prepare() are written phase by phase: all of phase 0 on all
// disks, flush, then phase 1, flush, ...
struct Image {
    int disk = -1;                  // index into Container::disks
    unsigned phase = 0;
    std::uint64_t offset_bytes = 0;
    std::vector<std::byte> bytes;   // sized by prepare(), filled by encode(); whole logical sectors
    bool active = true;             // encode() clears it when this disk is not to be written now
};

// One container in memory.
class Metadata {
public:
    virtual ~Metadata() = default;
    virtual const Container &view() const = 0;

    // The only way to change it. Either everything of `change` is applied or nothing.
    virtual Result<> apply(const Change &change) = 0;

    // Buffers for the metadata as it is now (after a change that adds disks or volumes: prepare again).
    virtual std::vector<Image> prepare() const = 0;

    // What has to stand in front of the volume's bits, on all members, before what encode() fills in next is written. Empty:
    // there is no bitmap, or nothing in front of it. Does not allocate.
    virtual std::optional<BitmapHead> bitmap_head(unsigned) const { return std::nullopt; }

    // As what a former member, whose data is still on it, could take its slot again. Errors: Refused with the reason.
    virtual Result<change::MemberReturned> returning(const Medium &medium) const
    {
        return fail(Errc::Unsupported, "{} cannot come back with its data: there is no record of what it has missed", medium.path());
    }

    // Fill the buffers with the present state; counts one generation. Does not allocate.
    virtual void encode(std::span<Image> images) = 0;

    // What encode() has filled in last is durable on every disk that counts. Does not allocate.
    virtual void stored() {}
};

struct Probe {
    bool found = false;
    Uuid container{};     // all zero for a loose spare
    std::uint64_t sequence = 0;
};

struct Limits {
    unsigned max_volumes = 0;
    std::vector<int> levels;
    std::uint32_t min_chunk_sectors = 0, max_chunk_sectors = 0;
    std::size_t name_length = 0;
    bool reshape = false;
    std::uint32_t usual_chunk_sectors = 256;                // what a new volume gets when nothing is asked for
    std::map<int, std::uint32_t> usual_layouts = {};        // by level; 0 where nothing is said
};

// A new array, for a format whose container is one volume.
struct NewArray {
    std::string version;  // of the format, in its own words: "1.2"; empty: what it usually has
    std::string host, name;
    Shape shape;          // component_sectors 0: as much as fits
    bool assume_clean = false;
    std::optional<bool> bitmap;                // with a write-intent bitmap? Empty: as the format's other tools do
    std::uint64_t bitmap_chunk_bytes = 0;      // of a region; 0: as the format likes it
    bool parity_log = false;                   // RAID5: with a partial parity log
    std::vector<const Medium *> members;  // by slot; null: missing
    std::vector<const Medium *> spares;
};

// Looks at one disk and writes nothing.
class Reader {
public:
    virtual ~Reader() = default;
    virtual std::string_view name() const = 0;  // "imsm"

    // Is it this format, and which container (or array, where there are none)? Errors: Corrupt (with the reason) when the
    // signature is there but the rest cannot be true.
    virtual Result<Probe> probe(const Medium &medium) const = 0;

    // Peer-compatible text of one disk's metadata, as key/value lines (for --examine): section, key, value.
    struct Line { std::string section, key, value; };
    virtual Result<std::vector<Line>> examine(const Medium &medium) const = 0;
    virtual Result<std::vector<std::pair<std::string, std::string>>> examine_export(const Medium &medium) const = 0;

    // What the record lists as bad on this disk, absolute sectors; BadRange::disk is not used. Nothing: it has no place for a list.
    virtual Result<std::optional<std::vector<BadRange>>> bad_blocks(const Medium &medium) const = 0;
    // This disk's copies of write-intent bitmaps, one per volume that has one. Errors: Corrupt when one cannot be true.
    virtual Result<std::vector<BitmapRecord>> bitmaps(const Medium &medium) const = 0;
};

class Format : public Reader {
public:
    virtual FormatId id() const = 0;
    virtual Limits limits() const = 0;

    // Read and merge what all media of one container say. Media without this format, or of another container,
    // are an error: the caller has probed. Loose spares are allowed.
    virtual Result<std::unique_ptr<Metadata>> load(std::span<const Medium *const> media) const = 0;

    // A container without volumes on blank disks.
    virtual Result<std::unique_ptr<Metadata>> create(std::span<const Medium *const> media) const = 0;

    // An array on blank disks, where the container is one volume. Nothing is written. Errors: Invalid or Refused with the
    // reason; NoSpace with the disk that is too small.
    virtual Result<std::unique_ptr<Metadata>> create_array(const NewArray &want) const
    {
        return fail(Errc::Unsupported, "{} has containers: make one first, and then {} in it", name(), want.name);
    }

    // Offsets to overwrite with zeros so that nobody finds the format again.
    virtual std::vector<std::pair<std::uint64_t, std::uint64_t>> wipe_ranges(const Medium &medium) const = 0;
};

// A format in which each disk says for itself what it is.
class MemberReader : public Reader {
public:
    // "md 1.2 metadata of array host:name (uuid)", for messages.
    virtual Result<std::string> describe(const Medium &medium) const = 0;
    virtual Result<MemberRecord> record(const Medium &medium) const = 0;
};

// All formats of this build.
std::span<const Format *const> formats();
const Format *find_format(std::string_view name);
const Format *find_format(FormatId id);

std::span<const MemberReader *const> member_readers();

}  // namespace emd
