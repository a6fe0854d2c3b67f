// SPDX-License-Identifier: GPL-2.0-only
// SNIA DDF as a metadata format.
#pragma once

#include "libemd/format/format.h"

namespace emd::ddf {

class Ddf final : public Format {
public:
    FormatId id() const override { return FormatId::Ddf; }
    std::string_view name() const override { return "ddf"; }
    Limits limits() const override;
    Result<Probe> probe(const Medium &medium) const override;
    Result<std::unique_ptr<Metadata>> load(std::span<const Medium *const> media) const override;
    Result<std::unique_ptr<Metadata>> create(std::span<const Medium *const> media) const override;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> wipe_ranges(const Medium &medium) const override;
    Result<std::vector<Line>> examine(const Medium &medium) const override;
    Result<std::vector<std::pair<std::string, std::string>>> examine_export(const Medium &medium) const override;
    // There is a log of bad blocks in the standard that nobody writes; a bitmap there is none.
    Result<std::optional<std::vector<BadRange>>> bad_blocks(const Medium &) const override { return std::optional<std::vector<BadRange>>(); }
    Result<std::vector<BitmapRecord>> bitmaps(const Medium &) const override { return std::vector<BitmapRecord>(); }
};

const Format &ddf();

}  // namespace emd::ddf
