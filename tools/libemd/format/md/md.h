// SPDX-License-Identifier: GPL-2.0-only
// md's own superblocks, as far as they can be described.
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
};

const Md &md();

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
