// SPDX-License-Identifier: GPL-2.0-or-later
#include "adopt.h"
#include "libemd/monitor/client_at.h"
#include "libemd/monitor/container_lock.h"
#include "libemd/monitor/paths.h"
#include "process.h"
#include "watch.h"

#include <cstring>
#include <getopt.h>
#include <spawn.h>
#include <sys/wait.h>

using namespace emd;
using namespace emd::mon;

namespace {

constexpr std::chrono::seconds kDiskDeadline{30};  // as long as the block layer tries by itself
constexpr std::chrono::seconds kLeaveDeadline{10};

constexpr const char *kUsage = R"(usage: emdmon [OPTION]... CONTAINER
       emdmon [OPTION]... --all

Keeps the metadata of a container (emd127) up to date while its volumes run. Goes to the background when it is ready.

  --all         one emdmon for every container that exists
  --takeover    replace the emdmon that runs for the container
  --foreground  do not go to the background; say everything on stderr
  --offroot     survive the switch of root and shutdown (the command line then begins with '@')
  --version
  --help
)";

struct Options {
    bool all = false, takeover = false, foreground = false, offroot = false;
    std::string container;
};

// Empty: the exit code is in `code`.
std::optional<Options> parse(int argc, char **argv, int &code)
{
    static const option kOptions[] = {{"all", no_argument, nullptr, 'a'},        {"takeover", no_argument, nullptr, 't'},
                                      {"foreground", no_argument, nullptr, 'F'}, {"offroot", no_argument, nullptr, 'o'},
                                      {"version", no_argument, nullptr, 'V'},    {"help", no_argument, nullptr, 'h'},
                                      {nullptr, 0, nullptr, 0}};
    Options options;
    code = 2;
    for (int c; (c = ::getopt_long(argc, argv, "atFoVh", kOptions, nullptr)) != -1;) {
        switch (c) {
        case 'a': options.all = true; break;
        case 't': options.takeover = true; break;
        case 'F': options.foreground = true; break;
        case 'o': options.offroot = true; break;
        case 'V': fmt::print("emdmon {}\n", EMD_VERSION); code = 0; return std::nullopt;
        case 'h': fmt::print("{}", kUsage); code = 0; return std::nullopt;
        default: fmt::print(stderr, "{}", kUsage); return std::nullopt;
        }
    }
    if (options.all ? optind != argc : optind + 1 != argc) {
        fmt::print(stderr, "emdmon: name one container, or --all\n{}", kUsage);
        return std::nullopt;
    }
    if (!options.all) {
        options.container = argv[optind];
        if (options.container.starts_with("/dev/"))
            options.container.erase(0, 5);
        if (options.container.empty() || options.container.find('/') != std::string::npos) {
            fmt::print(stderr, "emdmon: \"{}\" is no name of an array; it is called like emd127\n", argv[optind]);
            return std::nullopt;
        }
    }
    return options;
}

// Each in a process of its own, which ends when its monitor is ready.
int start_all(const Options &options)
{
    const std::unique_ptr<Sysfs> sysfs = real_sysfs();
    int code = 0;
    for (const std::string &container : find_containers(*sysfs)) {
        std::vector<const char *> argv{"emdmon"};
        if (options.takeover)
            argv.push_back("--takeover");
        if (options.offroot)
            argv.push_back("--offroot");
        argv.push_back(container.c_str());
        argv.push_back(nullptr);
        pid_t pid = 0;
        int status = 0;
        if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, const_cast<char **>(argv.data()), environ) != 0 ||
            ::waitpid(pid, &status, 0) != pid || status != 0)
            code = 1;
    }
    return code;
}

class Daemon {
public:
    explicit Daemon(Options options) : options_(std::move(options)) {}

    Result<> run()
    {
        EMD_TRY(make_run_directory());
        const std::string path = monitor_lock(options_.container);
        Result<Fd> lock = take_monitor_lock(path);
        if (!lock && (lock.error().code() != Errc::Busy || !options_.takeover))
            return tl::make_unexpected(lock.error());
        std::optional<Background> background;
        if (!options_.foreground)
            background = EMD_TRY(Background::enter());
        arm([this](const std::string &text) { log(text); });
        block_signals();
        EMD_TRY(adopt());
        if (!lock) {
            // We could do it: now the old one may go. What it writes until then is read after it.
            EMD_TRY(replace_monitor(monitor_socket(options_.container), kLeaveDeadline));
            lock = EMD_TRY(wait_monitor_lock(path));
            EMD_TRY(adopt());
        }
        Control control = EMD_TRY(Control::listen(monitor_socket(options_.container)));
        keeper_->pass(std::chrono::steady_clock::now());
        if (background) {
            background->ready();
            quiet_ = true;
        }
        const Ending ending = EMD_TRY(mon::run(*keeper_, control, *clerk_));
        if (ending == Ending::Done)
            ::unlink(monitor_socket(options_.container).c_str());
        log(ending == Ending::Done ? "nothing is left to do" : "replaced by another emdmon");
        return {};
    }

private:
    Result<> adopt()
    {
        keeper_.reset();
        sysfs_ = real_sysfs();
        attributes_ = file_attributes();
        disks_ = EMD_TRY(uring_disks(kDiskDeadline));
        if (!clerk_)
            clerk_ = thread_clerk();
        World world{*sysfs_, *attributes_, *disks_, *clerk_, load_record,
                    [](const std::string &container) { return ContainerLock::holder(container).has_value(); },
                    [this](const std::string &line) { log(line); }};
        keeper_ = EMD_TRY(Keeper::adopt(options_.container, std::move(world)));
        return {};
    }

    void log(const std::string &line) const
    {
        if (quiet_)
            log_to_kernel(options_.container, line);
        else
            fmt::print(stderr, "emdmon[{}]: {}\n", options_.container, line);
    }

    Options options_;
    bool quiet_ = false;
    std::unique_ptr<Sysfs> sysfs_;
    std::unique_ptr<AttributeRoot> attributes_;
    std::unique_ptr<DiskSet> disks_;
    std::unique_ptr<Clerk> clerk_;
    std::unique_ptr<Keeper> keeper_;
};

}  // namespace

int main(int argc, char **argv)
{
    int code = 0;
    const std::optional<Options> options = parse(argc, argv, code);
    if (!options)
        return code;
    if (options->offroot)
        mark_offroot(argv);
    if (options->all)
        return start_all(*options);
    Daemon daemon(*options);
    const Result<> done = daemon.run();
    if (!done)
        fmt::print(stderr, "emdmon: {}\n", done.error().text());
    // That one runs already is what was wanted. Nothing is taken down in order: the clerk's task may hang in the kernel,
    // and whoever takes over waits for our end.
    std::_Exit(done || done.error().code() == Errc::Busy ? 0 : 1);
}
