// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/report/examine.h"

#include "libemd/base/size.h"

#include <iterator>

namespace emd {

std::string examine_text(std::string_view path, const std::vector<Reader::Line> &lines)
{
    std::string text = fmt::format("{}:\n", path);
    std::string_view section;
    bool words = false;  // the line before had no key
    for (const Reader::Line &line : lines) {
        if (line.section != section) {
            section = line.section;
            // A section whose first key is its own name needs no other heading.
            text += line.key == section ? "\n" : fmt::format("\n[{}]:\n", section);
        }
        if (line.key.empty())
            text += fmt::format("{}{}\n", words ? "" : "\n", line.value);
        else
            text += fmt::format("{:>15} : {}\n", line.key, line.value);
        words = line.key.empty();
    }
    return text;
}

std::string export_text(const std::vector<std::pair<std::string, std::string>> &pairs)
{
    std::string text;
    for (const auto &[key, value] : pairs)
        text += fmt::format("{}={}\n", key, value);
    return text;
}

std::string bad_blocks_text(std::string_view path, const std::optional<std::vector<BadRange>> &bad)
{
    if (!bad)
        return fmt::format("No bad-blocks list configured on {}\n", path);
    if (bad->empty())
        return fmt::format("Bad-blocks list is empty in {}\n", path);
    std::string text = fmt::format("Bad-blocks on {}:\n", path);
    for (const BadRange &r : *bad)
        text += fmt::format("{:>20} for {} sectors\n", r.start, r.sectors);
    return text;
}

namespace {

std::string chunk_text(std::uint32_t bytes)
{
    return bytes >= 1 << 20 ? fmt::format("{} MB", bytes >> 20) : bytes >= 1024 ? fmt::format("{} KB", bytes >> 10) : fmt::format("{} B", bytes);
}

}  // namespace

std::string bitmap_text(std::string_view path, const BitmapRecord &bitmap)
{
    std::string text;
    const auto add = [&](const char *key, const std::string &value) { text += fmt::format("{:>16} : {}\n", key, value); };
    add("Filename", std::string(path));
    add("Magic", "6d746962");
    add("Version", fmt::to_string(bitmap.version));
    add("UUID", to_string(bitmap.array));
    add("Events", fmt::to_string(bitmap.events));
    add("Events Cleared", fmt::to_string(bitmap.cleared));
    add("State", bitmap.stale ? "Out of date" : "OK");
    add("Chunksize", chunk_text(bitmap.chunk_bytes));
    add("Daemon", fmt::format("{}s flush period", bitmap.sleep));
    add("Write Mode", bitmap.write_behind ? fmt::format("Allow write behind, max {}", bitmap.write_behind) : "Normal");
    add("Sync Size", fmt::format("{}{}", bitmap.sync_sectors / 2, format_size_pair(bitmap.sync_sectors * 512)));
    const double part = bitmap.regions ? 100.0 * static_cast<double>(bitmap.dirty) / static_cast<double>(bitmap.regions) : 0;
    add("Bitmap", fmt::format("{} bits (chunks), {} dirty ({:.1f}%)", bitmap.regions, bitmap.dirty, part));
    return text;
}

std::string brief_text(const Container &container, std::string_view metadata)
{
    const std::string uuid = to_string(container.uuid);
    if (container.volumes.size() == 1 && container.volumes[0].uuid == container.uuid)  // the array is all there is
        return fmt::format("ARRAY /dev/emd/{} metadata={} UUID={}\n", container.volumes[0].name, metadata, uuid);
    std::string text = fmt::format("ARRAY metadata={} UUID={}\n", metadata, uuid);
    for (const Volume &volume : container.volumes)
        text += fmt::format("ARRAY /dev/emd/{} container={} member={} UUID={}\n", volume.name, uuid, volume.index,
                            to_string(volume.uuid));
    return text;
}

}  // namespace emd
