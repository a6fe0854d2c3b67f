// SPDX-License-Identifier: GPL-2.0-only
// The file of running arrays: what is read from any bytes is the same when it was written again.
#include "fuzz/disks.h"

#include "libemd/device/array_map.h"

#include <fstream>
#include <unistd.h>

using namespace emd;
using namespace emd::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    static const std::string path = fmt::format("/dev/shm/emd-fuzz-map-{}", ::getpid());
    static const int once = std::atexit([] {
        for (const char *end : {"", ".lock", ".new"})
            ::unlink((path + end).c_str());
    });
    promise(once == 0, "files are cleaned up");
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(size));
    ArrayMap map(path);
    const auto before = map.entries();
    promise(map.put({"emd127", "imsm", "-", "new"}).has_value() && map.by_array("emd127")->name == "new", "what is put is there");
    promise(map.remove("emd127").has_value() && !map.by_array("emd127"), "what is removed is gone");
    auto rest = before;
    std::erase_if(rest, [](const MapEntry &e) { return e.array == "emd127"; });
    const auto after = map.entries();
    promise(std::equal(rest.begin(), rest.end(), after.begin(), after.end(), [](const MapEntry &a, const MapEntry &b) {
                return a.array == b.array && a.metadata == b.metadata && a.uuid == b.uuid && a.name == b.name;
            }), "the others stay");
    return 0;
}
