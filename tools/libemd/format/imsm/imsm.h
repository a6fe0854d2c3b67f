// SPDX-License-Identifier: GPL-2.0-only
// IMSM as a metadata format.
#pragma once

#include "libemd/format/format.h"

namespace emd::imsm {

class Imsm final : public Format {
public:
    FormatId id() const override { return FormatId::Imsm; }
    std::string_view name() const override { return "imsm"; }
    Limits limits() const override;
    Result<Probe> probe(const Medium &medium) const override;
    Result<std::unique_ptr<Metadata>> load(std::span<const Medium *const> media) const override;
    Result<std::unique_ptr<Metadata>> create(std::span<const Medium *const> media) const override;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> wipe_ranges(const Medium &medium) const override;
    Result<std::vector<Line>> examine(const Medium &medium) const override;
    Result<std::vector<std::pair<std::string, std::string>>> examine_export(const Medium &medium) const override;
    Result<std::optional<std::vector<BadRange>>> bad_blocks(const Medium &medium) const override;
    Result<std::vector<BitmapRecord>> bitmaps(const Medium &medium) const override;
};

const Format &imsm();

}  // namespace emd::imsm
