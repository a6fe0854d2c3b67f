// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/device/signatures.h"

#include <blkid/blkid.h>
#include <functional>

namespace emd {
namespace {

struct FreeProbe {
    void operator()(blkid_probe p) const { blkid_free_probe(p); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, FreeProbe>;

std::string value(blkid_probe probe, const char *name)
{
    const char *text = nullptr;
    return blkid_probe_lookup_value(probe, name, &text, nullptr) == 0 && text ? std::string(text) : std::string();
}

// Calls `found` for each signature, with the magic's bytes; libblkid is told to search on behind each.
Result<> search(const BlockDevice &device, const std::function<Result<>(const Signature &, std::size_t length)> &found)
{
    const Probe probe(blkid_new_probe_from_filename(device.path().c_str()));
    if (!probe)
        return fail_errno(errno, "looking for signatures on {}", device.path());
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
                                                       BLKID_SUBLKS_BADCSUM);
    blkid_probe_enable_partitions(probe.get(), 1);
    blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_MAGIC);
    int more;
    while ((more = blkid_do_probe(probe.get())) == 0) {
        Signature s{value(probe.get(), "TYPE"), value(probe.get(), "USAGE"), 0};
        std::string offset = value(probe.get(), "SBMAGIC_OFFSET");
        const char *magic = nullptr;
        std::size_t length = 0;
        blkid_probe_lookup_value(probe.get(), "SBMAGIC", &magic, &length);
        if (s.type.empty()) {
            s = {value(probe.get(), "PTTYPE"), "partition table", 0};
            offset = value(probe.get(), "PTMAGIC_OFFSET");
            blkid_probe_lookup_value(probe.get(), "PTMAGIC", &magic, &length);
        }
        if (s.type.empty())
            continue;
        s.offset_bytes = std::strtoull(offset.c_str(), nullptr, 10);
        EMD_TRY(found(s, length));
    }
    return more < 0 ? fail(Errc::Io, "looking for signatures on {} failed", device.path()) : Result<>();
}

}  // namespace

Result<std::vector<Signature>> find_signatures(const BlockDevice &device)
{
    std::vector<Signature> all;
    EMD_TRY(search(device, [&](const Signature &s, std::size_t) -> Result<> {
        all.push_back(s);
        return {};
    }));
    return all;
}

Result<> wipe_signatures(BlockDevice &device)
{
    struct Range { std::uint64_t offset; std::size_t length; };
    std::vector<Range> ranges;
    EMD_TRY(search(device, [&](const Signature &s, std::size_t length) -> Result<> {
        ranges.push_back({s.offset_bytes, length});
        return {};
    }));
    for (const Range &r : ranges) {
        const std::uint64_t sector = device.sector_bytes();
        const std::uint64_t begin = r.offset / sector * sector;
        const std::uint64_t end = (r.offset + r.length + sector - 1) / sector * sector;
        std::vector<std::byte> bytes(end - begin);
        EMD_TRY(device.read(begin, bytes));
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(r.offset - begin), r.length, std::byte{0});
        EMD_TRY(device.write(begin, bytes));
    }
    return device.flush();
}

std::string describe(const Signature &s)
{
    const char *article = !s.type.empty() && std::string_view("aeio").find(s.type[0]) != std::string_view::npos ? "an" : "a";
    if (s.usage == "filesystem")
        return fmt::format("{} {} file system", article, s.type);
    if (s.usage == "partition table")
        return fmt::format("{} {} partition table", article, s.type);
    if (s.usage == "crypto")
        return fmt::format("{} {} encrypted volume", article, s.type);
    return fmt::format("{} metadata", s.type);
}

}  // namespace emd
