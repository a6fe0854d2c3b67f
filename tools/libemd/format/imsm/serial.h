// SPDX-License-Identifier: GPL-2.0-only
// The serial is all that identifies a drive of an IMSM container.
#pragma once

#include "libemd/format/imsm/layout.h"
#include "libemd/model/medium.h"

namespace emd::imsm {

// What the peer makes of a hardware serial: every byte up to ' ' is dropped, ':' becomes ';' (a suffix behind ':' marks
// failed drives), and of more than 16 characters the last 16 count.
Serial normalise_serial(std::string_view raw);

// The serial of a drive. A drive without one is an error, except with IMSM_DEVNAME_AS_SERIAL=1 in the environment: then
// its path, cut to 15 characters, is taken.
Result<Serial> serial_of(const Medium &medium);
Result<Serial> serial_of(const std::string &hardware_serial, const std::string &path);

// Up to the first NUL.
std::string_view text_of(const std::array<char, 16> &padded);
std::array<char, 16> padded(std::string_view text);

// "<serial>:0", dropping characters in front when it does not fit: the drive has failed.
Serial failed_serial(const Serial &serial);

// Is the variable set to 1?
bool environment(const char *variable);

}  // namespace emd::imsm
