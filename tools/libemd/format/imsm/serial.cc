// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/imsm/serial.h"

#include <algorithm>
#include <cstdlib>

namespace emd::imsm {

std::string_view text_of(const std::array<char, 16> &padded)
{
    const std::string_view all(padded.data(), padded.size());
    return all.substr(0, all.find('\0'));
}

std::array<char, 16> padded(std::string_view text)
{
    std::array<char, 16> result{};
    std::ranges::copy(text.substr(0, result.size()), result.begin());
    return result;
}

Serial normalise_serial(std::string_view raw)
{
    std::string kept;
    for (const char c : raw)
        if (static_cast<unsigned char>(c) > ' ')
            kept += c == ':' ? ';' : c;
    const std::size_t drop = kept.size() - std::min(kept.size(), sizeof(Serial));
    return padded(std::string_view(kept).substr(drop));
}

Result<Serial> serial_of(const std::string &hardware_serial, const std::string &path)
{
    const Serial serial = normalise_serial(hardware_serial);
    if (serial[0] != '\0')
        return serial;
    if (environment("IMSM_DEVNAME_AS_SERIAL"))
        return padded(std::string_view(path).substr(0, sizeof(Serial) - 1));
    return fail(Errc::Refused,
                "{} has no serial number, by which IMSM tells disks apart; IMSM_DEVNAME_AS_SERIAL=1 in the environment "
                "makes its name serve as one",
                path);
}

Result<Serial> serial_of(const Medium &medium)
{
    return serial_of(medium.serial(), medium.path());
}

Serial failed_serial(const Serial &serial)
{
    char text[sizeof(Serial) + 2];
    const std::string_view old = text_of(serial);
    char *end = std::ranges::copy(old, text).out;
    *end++ = ':';
    *end++ = '0';
    const auto length = static_cast<std::size_t>(end - text);
    return padded(std::string_view(text, length).substr(length - std::min(length, sizeof(Serial))));
}

bool environment(const char *variable)
{
    const char *value = std::getenv(variable);
    return value && std::string_view(value) == "1";
}

}  // namespace emd::imsm
