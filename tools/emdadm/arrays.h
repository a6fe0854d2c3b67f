// SPDX-License-Identifier: GPL-2.0-only
// The arrays that run: by which names they are called, and how they hang together.
#pragma once

#include "context.h"

#include "libemd/kernel/array.h"
#include "libemd/plan/grow.h"

namespace emd::cli {

// What metadata_version says of an array.
struct ArrayRef {
    enum class Kind {
        Bare,       // "none"
        Container,  // "external:imsm"
        Volume,     // "external:/emd127/0"; with '-' in place of '/' while frozen
    } kind = Kind::Bare;
    std::string array;      // "emd126"
    std::string format;     // of a container
    std::string container;  // of a volume: "emd127"
    unsigned volume = 0;
    bool tagged = false;
};

// Errors: Corrupt when the text is none of these.
Result<ArrayRef> parse_metadata_version(const std::string &array, std::string_view text);
Result<ArrayRef> look_at(Context &c, const std::string &array);

// "vol0", "/dev/emd/vol0", "/dev/emd126", "emd126", a UUID: the kernel's name. NotFound: no such array runs.
Result<std::string> find_array(Context &c, const std::string &what);

// The volumes of a container, as they are now; ordered by index.
Result<plan::Running> running_volumes(Context &c, const std::string &container);

// "/dev/emd/vol0", or "/dev/emd126" for an array without a name.
std::string link_of(Context &c, const std::string &array);

// Last part of a path, as the name of an array. Invalid: not a name that a link may have.
Result<std::string> name_from(const std::string &path);

}  // namespace emd::cli
