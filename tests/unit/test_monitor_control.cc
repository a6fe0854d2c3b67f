// SPDX-License-Identifier: GPL-2.0-only
// The socket: who gets in, what is answered, and that nobody can hold up anybody.
#include "emdmon/control.h"
#include "libemd/monitor/client_at.h"
#include "libemd/monitor/container_lock.h"
#include "temporary.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>

using namespace emd;
using namespace emd::mon;
using namespace std::chrono_literals;

namespace {

Fd connect_to(const std::string &path)
{
    Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
        fd.reset();
    return fd;
}

Time now() { return std::chrono::steady_clock::now(); }

// Waits until something has arrived; what it was.
std::vector<Control::Incoming> next(Control &control)
{
    for (;;) {
        std::vector<pollfd> fds;
        control.for_each_fd([&](int fd) { fds.push_back({fd, POLLIN, 0}); });
        if (::poll(fds.data(), fds.size(), 10000) <= 0)
            return {};
        auto all = control.receive(now());
        if (!all.empty())
            return all;
    }
}

// One record that is there now; empty: the connection is over.
std::string receive(const Fd &fd)
{
    char record[protocol::kMessageBytes];
    const ssize_t n = ::recv(fd.get(), record, sizeof record, 0);
    return {record, n > 0 ? static_cast<std::size_t>(n) : 0};
}

TEST(MonitorControl, RequestAndAnswer)
{
    const TemporaryDirectory directory;
    Control control = *Control::listen(directory.file("s"));
    Result<SyncAnswer> answer = fail(Errc::Io, "none");
    std::thread client([&] { answer = (*connect_monitor_at(directory.file("s"), 5s))->sync(3); });
    const auto in = next(control);
    ASSERT_EQ(in.size(), 1u);
    EXPECT_EQ(in[0].request.volume, 3u);
    protocol::Answer out;
    out.id = in[0].request.id;
    out.checkpoint = 4608;
    out.reserved_slots = {3};
    control.deliver(in[0].client, out, now());
    client.join();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->checkpoint, 4608u);
    EXPECT_EQ(answer->reserved_slots, std::vector<unsigned>{3});
}

TEST(MonitorControl, RefusalComesInWordsAndWithItsKind)
{
    const TemporaryDirectory directory;
    Control control = *Control::listen(directory.file("s"));
    Result<> answer;
    std::thread client([&] { answer = (*connect_monitor_at(directory.file("s"), 5s))->apply(change::DiskFailed{1}, {}); });
    const auto in = next(control);
    protocol::Answer out;
    out.id = in.at(0).request.id;
    out.ok = false;
    out.kind = Errc::NoSpace;
    out.text = "no room";
    control.deliver(in[0].client, out, now());
    client.join();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), Errc::NoSpace);
    EXPECT_EQ(answer.error().text(), "no room");
}

TEST(MonitorControl, RequestIsRepeatedWhenTheMonitorWasReplaced)
{
    const TemporaryDirectory directory;
    std::optional<Control> control(std::move(*Control::listen(directory.file("s"))));
    Result<> answer = fail(Errc::Io, "none");
    std::thread client([&] { answer = (*connect_monitor_at(directory.file("s"), 10s))->apply(change::InitStarted{0}, {}); });
    const std::uint64_t id = next(*control).at(0).request.id;
    control.reset();  // killed before the answer
    control.emplace(std::move(*Control::listen(directory.file("s"))));
    const auto again = next(*control);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].request.id, id);
    protocol::Answer out;
    out.id = id;
    control->deliver(again[0].client, out, now());
    client.join();
    EXPECT_TRUE(answer);
}

TEST(MonitorControl, NobodyListensIsSaid)
{
    const TemporaryDirectory directory;
    const auto monitor = connect_monitor_at(directory.file("emd127.sock"), 0s);
    ASSERT_FALSE(monitor);
    EXPECT_EQ(monitor.error().code(), Errc::Gone);
    EXPECT_NE(monitor.error().text().find("emdmon emd127"), std::string::npos);
}

TEST(MonitorControl, OtherVersionIsAnsweredInWordsNonsenseIsNotAnswered)
{
    const TemporaryDirectory directory;
    Control control = *Control::listen(directory.file("s"));
    const Fd wrong = connect_to(directory.file("s")), nonsense = connect_to(directory.file("s"));
    protocol::Message message = *protocol::encode(protocol::Request{});
    message[4] = std::byte{protocol::kVersion + 1};
    ASSERT_GT(::send(wrong.get(), message.data(), message.size(), 0), 0);
    ASSERT_GT(::send(nonsense.get(), "hello", 5, 0), 0);
    EXPECT_TRUE(control.receive(now()).empty());
    const std::string record = receive(wrong);
    const auto answer = protocol::decode_answer(std::as_bytes(std::span(record)));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->kind, Errc::Unsupported);
    EXPECT_EQ(receive(nonsense), "");
}

TEST(MonitorControl, RecordLongerThanAMessageIsRefused)
{
    const TemporaryDirectory directory;
    Control control = *Control::listen(directory.file("s"));
    const Fd fd = connect_to(directory.file("s"));
    const protocol::Message message = *protocol::encode(protocol::Request{});
    std::vector<std::byte> longer(message.begin(), message.end());
    longer.push_back(std::byte{0});
    ASSERT_GT(::send(fd.get(), longer.data(), longer.size(), 0), 0);
    EXPECT_TRUE(control.receive(now()).empty());
}

TEST(MonitorControl, AThousandSilentClientsTakeNoPlaceFromOneThatSpeaks)
{
    const TemporaryDirectory directory;
    Control control = *Control::listen(directory.file("s"));
    std::vector<Fd> silent;
    for (int i = 0; i < 1000; i++) {
        silent.push_back(connect_to(directory.file("s")));
        control.receive(now());
    }
    EXPECT_EQ(control.clients(), Control::kPlaces);
    const Fd fd = connect_to(directory.file("s"));
    const protocol::Message message = *protocol::encode(protocol::Request{});
    ASSERT_GT(::send(fd.get(), message.data(), message.size(), 0), 0);
    EXPECT_EQ(next(control).size(), 1u);
}

TEST(MonitorControl, SilenceCostsThePlace)
{
    const TemporaryDirectory directory;
    Control control = *Control::listen(directory.file("s"));
    const Fd fd = connect_to(directory.file("s"));
    control.receive(now());
    EXPECT_EQ(control.clients(), 1u);
    control.receive(now() + Control::kSilence + 1s);
    EXPECT_EQ(control.clients(), 0u);
}

TEST(MonitorControl, AnotherUserIsSentAway)
{
    if (::geteuid() != 0)
        GTEST_SKIP() << "only root can become somebody else";
    const TemporaryDirectory directory;
    Control control = *Control::listen(directory.file("s"));
    ::chmod(directory.path().c_str(), 0777);
    ::chmod(directory.file("s").c_str(), 0777);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setuid(65534) != 0)
            ::_exit(3);
        const Fd fd = connect_to(directory.file("s"));
        if (!fd.valid())
            ::_exit(2);
        ::_exit(receive(fd).empty() ? 0 : 1);
    }
    pollfd p{-1, POLLIN, 0};
    control.for_each_fd([&](int fd) { p.fd = fd; });
    ASSERT_EQ(::poll(&p, 1, 10000), 1);
    EXPECT_TRUE(control.receive(now()).empty());
    EXPECT_EQ(control.clients(), 0u);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST(MonitorControl, AMonitorThatDoesNotAnswerIsKilledByItsSuccessor)
{
    const TemporaryDirectory directory;
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        auto control = Control::listen(directory.file("s"));
        (void)!::write(ends[1], "x", 1);
        for (;;)
            ::pause();
    }
    char byte;
    ASSERT_EQ(::read(ends[0], &byte, 1), 1);
    EXPECT_TRUE(replace_monitor(directory.file("s"), 100ms));
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(MonitorControl, ContainerLockNamesItsHolderAndEndsWithIt)
{
    const TemporaryDirectory directory;
    const std::string run = directory.file("run");
    EXPECT_FALSE(ContainerLock::holder("emd127", run));
    {
        const auto lock = ContainerLock::take("emd127", "grow of vol0", run);
        ASSERT_TRUE(lock) << lock.error().text();
        const auto holder = ContainerLock::holder("emd127", run);
        ASSERT_TRUE(holder);
        EXPECT_EQ(*holder, fmt::format("pid {}, grow of vol0", ::getpid()));
        const auto second = ContainerLock::take("emd127", "another", run);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code(), Errc::Busy);
        EXPECT_NE(second.error().text().find("grow of vol0"), std::string::npos);
    }
    EXPECT_FALSE(ContainerLock::holder("emd127", run));
    EXPECT_TRUE(ContainerLock::take("emd127", "another", run));
}

TEST(MonitorControl, RunDirectoryOfOthersIsRefused)
{
    const TemporaryDirectory directory;
    const std::string run = directory.file("run");
    ASSERT_EQ(::mkdir(run.c_str(), 0755), 0);
    EXPECT_EQ(make_run_directory(run).error().code(), Errc::Refused);
    ASSERT_EQ(::symlink("/tmp", directory.file("link").c_str()), 0);
    EXPECT_EQ(make_run_directory(directory.file("link")).error().code(), Errc::Refused);
}

}  // namespace
