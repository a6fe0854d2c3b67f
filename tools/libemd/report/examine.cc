// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/report/examine.h"

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
