// SPDX-License-Identifier: GPL-2.0-only
// md's own superblocks: each disk describes itself, and together they are an array that EMD can run.
#pragma once

#include "libemd/format/format.h"
#include "libemd/format/md/superblock.h"

namespace emd::md {

class Md final : public MemberReader {
public:
    std::string_view name() const override { return "md"; }
    Result<Probe> probe(const Medium &medium) const override;
    Result<std::string> describe(const Medium &medium) const override;
    Result<MemberRecord> record(const Medium &medium) const override;
    Result<std::vector<Line>> examine(const Medium &medium) const override;
    Result<std::vector<std::pair<std::string, std::string>>> examine_export(const Medium &medium) const override;
    Result<std::optional<std::vector<BadRange>>> bad_blocks(const Medium &medium) const override;
    Result<std::vector<BitmapRecord>> bitmaps(const Medium &medium) const override;
};

const Md &md();

// All versions: "md" is what they have in common for a user.
class MdFormat final : public Format {
public:
    FormatId id() const override { return FormatId::Md1; }
    std::string_view name() const override { return "md"; }
    Limits limits() const override;
    Result<Probe> probe(const Medium &medium) const override { return md().probe(medium); }
    Result<std::unique_ptr<Metadata>> load(std::span<const Medium *const> media) const override;
    Result<std::unique_ptr<Metadata>> create(std::span<const Medium *const> media) const override;
    Result<std::unique_ptr<Metadata>> create_array(const NewArray &want) const override;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> wipe_ranges(const Medium &medium) const override;
    Result<std::vector<Line>> examine(const Medium &medium) const override { return md().examine(medium); }
    Result<std::vector<std::pair<std::string, std::string>>> examine_export(const Medium &medium) const override
    {
        return md().examine_export(medium);
    }
    Result<std::optional<std::vector<BadRange>>> bad_blocks(const Medium &medium) const override { return md().bad_blocks(medium); }
    Result<std::vector<BitmapRecord>> bitmaps(const Medium &medium) const override { return md().bitmaps(medium); }
};

const MdFormat &md_format();

using Lines = std::vector<Reader::Line>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// The peer's report of one disk. Arrays say for which host they were made; `host` is this one's name.
Lines examine_lines(const V1 &sb, std::string_view host);
Lines examine_lines(const V090 &sb, std::string_view host);
Pairs export_pairs(const V1 &sb);
Pairs export_pairs(const V090 &sb);

// What both reports print.
std::string level_text(int level);
std::string layout_text(int level, std::uint32_t layout);  // empty: the level has none, or one without a name
void add_reshape(Lines &lines, const Common &sb);
bool has_chunk(int level);

}  // namespace emd::md
