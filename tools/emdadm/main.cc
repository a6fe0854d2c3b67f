// SPDX-License-Identifier: GPL-2.0-only
// emdadm: creates, assembles, grows and shows arrays. Exit status: 0 done, 1 refused or failed, 2 not understood; what
// --test and --wait return besides is mdadm's. --rescue: 3, some of the data could not be read.
#include "context.h"

namespace emd::cli {
namespace {

Result<int> run(Context &c)
{
    switch (c.options.mode) {
    case Mode::Help: fmt::print("{}", usage(Mode::Help)); return 0;
    case Mode::Version: fmt::print("emdadm {}\n", EMD_VERSION); return 0;
    case Mode::Create: return cmd_create(c);
    case Mode::Build: return cmd_build(c);
    case Mode::Assemble: return cmd_assemble(c);
    case Mode::Incremental: return cmd_incremental(c);
    case Mode::Grow: return cmd_grow(c);
    case Mode::Manage: return cmd_manage(c);
    case Mode::Detail: return cmd_detail(c);
    case Mode::Rescue: return cmd_rescue(c);
    case Mode::Query: return cmd_query(c);
    case Mode::Examine: return cmd_examine(c);
    case Mode::ExamineBadBlocks: return cmd_examine_badblocks(c);
    case Mode::ExamineBitmap: return cmd_examine_bitmap(c);
    case Mode::Stop: return cmd_stop(c);
    case Mode::Wait: return cmd_wait(c);
    case Mode::WaitClean: return cmd_wait_clean(c);
    case Mode::ReadOnly:
    case Mode::ReadWrite: return cmd_mode(c);
    case Mode::ZeroSuperblock: return cmd_zero_superblock(c);
    case Mode::KillSubarray: return cmd_kill_subarray(c);
    case Mode::UpdateSubarray: return cmd_update_subarray(c);
    case Mode::DetailPlatform: return cmd_detail_platform(c);
    case Mode::Monitor:
        return fail(Errc::Unsupported, "there is no event monitor in this version: watch udev's events of /dev/emd* instead "
                                       "(udevadm monitor --property)");
    }
    return 2;
}

}  // namespace
}  // namespace emd::cli

int main(int argc, char **argv)
{
    using namespace emd::cli;
    auto options = parse(argc, argv);
    if (!options) {
        fmt::print(stderr, "emdadm: {}\n", options.error().text());
        return 2;
    }
    if (options->help) {
        fmt::print("{}", usage(options->mode));
        return 0;
    }
    auto config = load_config(options->config);
    if (!config) {
        fmt::print(stderr, "emdadm: {}\n", config.error().text());
        return 1;
    }
    Context context{std::move(*options), std::move(*config), emd::real_sysfs(), emd::ArrayMap()};
    const auto status = run(context);
    if (!status) {
        fmt::print(stderr, "emdadm: {}\n", status.error().text());
        return 1;
    }
    return *status;
}
