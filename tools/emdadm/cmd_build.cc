// SPDX-License-Identifier: GPL-2.0-only
// --build: an array of what stands on its disks from their first sectors on, which nothing on them describes. Nothing is written
// before it runs, and nothing of it is left when it has been stopped.
#include "arrays.h"
#include "assembly.h"
#include "new_array.h"

namespace emd::cli {
namespace {

constexpr std::uint32_t kDefaultChunk = 128;  // sectors: 64 KiB, md's for arrays without metadata

}  // namespace

Result<int> cmd_build(Context &c)
{
    std::vector<Positional> disks = c.options.arguments;
    if (disks.size() < 2)
        return fail(Errc::Invalid, "--build needs a name and the disks of the array, in the order of their places");
    std::optional<Fd> turn;  // with --force others may know what is on the disks, and assemble it
    if (!c.options.dry_run)
        turn = EMD_TRY(take_turn());
    const std::string name = EMD_TRY(name_from(disks.front().text));
    disks.erase(disks.begin());
    EMD_TRY(check_name_free(c, name));
    return make_bare(c, name, disks, EMD_TRY(usual_shape(c.options, kDefaultChunk)), true);
}

}  // namespace emd::cli
