// SPDX-License-Identifier: GPL-2.0-or-later
// Preloaded into User Mode Linux: the registers of its processes are set on hosts with AMX, too.
//
// Theory. A host takes the extended registers of a traced process (PTRACE_SETREGSET, NT_X86_XSTATE) only as a whole, in as many
// bytes as its own CPU has, and answers EFAULT otherwise; it gives as many as are asked for. User Mode Linux 6.12 keeps 2696 bytes,
// enough up to AVX-512 and protection keys; with the tiles of AMX there are 11008, and its init ends with a signal. What it
// does not keep belongs to features that a process has to ask for, and its processes never do: zero is what they hold.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

namespace {

using Ptrace = long (*)(__ptrace_request, ...);

const auto real_ptrace = reinterpret_cast<Ptrace>(::dlsym(RTLD_NEXT, "ptrace"));
// In as many bytes as the host has. Kernel stacks have no room for them, and an interrupt, which is a signal, may lead to another process.
long set_whole(pid_t pid, const iovec &kept)
{
    alignas(64) static std::array<char, 32768> whole;
    sigset_t every, before;
    ::sigfillset(&every);
    ::sigprocmask(SIG_SETMASK, &every, &before);
    iovec all = {whole.data(), whole.size()};
    auto answer = real_ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &all);
    if (answer == 0 && all.iov_len > kept.iov_len) {
        std::memset(whole.data() + kept.iov_len, 0, all.iov_len - kept.iov_len);
        std::memcpy(whole.data(), kept.iov_base, kept.iov_len);
        answer = real_ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &all);
    } else if (answer == 0) {
        answer = -1;
        errno = EFAULT;  // as it was: it has another reason
    }
    const int error = errno;
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return answer;
}

}  // namespace

extern "C" long ptrace(__ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    const auto pid = va_arg(arguments, pid_t);
    void *const at = va_arg(arguments, void *), *const data = va_arg(arguments, void *);
    va_end(arguments);
    const auto answer = real_ptrace(request, pid, at, data);
    const bool registers = request == PTRACE_SETREGSET && reinterpret_cast<std::uintptr_t>(at) == NT_X86_XSTATE;
    return answer < 0 && errno == EFAULT && registers ? set_whole(pid, *static_cast<const iovec *>(data)) : answer;
}
