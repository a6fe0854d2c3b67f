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
#include <sys/syscall.h>
#include <sys/uio.h>

namespace {

using Ptrace = long (*)(__ptrace_request, ...);

const auto real_ptrace = reinterpret_cast<Ptrace>(::dlsym(RTLD_NEXT, "ptrace"));

// 0, or a negative error number: errno is shared with the handler of the timer, which leaves it as it likes.
long registers(long request, pid_t pid, iovec *regs)
{
    register iovec *data asm("r10") = regs;
    long answer = SYS_ptrace;
    asm volatile("syscall" : "+a"(answer) : "D"(request), "S"(long{pid}), "d"(long{NT_X86_XSTATE}), "r"(data) : "rcx", "r11", "memory");
    return answer;
}

// In as many bytes as the host has. Kernel stacks have no room for them, and an interrupt, which is a signal, may lead to another process.
long set_whole(pid_t pid, const iovec &kept)
{
    alignas(64) static std::array<char, 32768> whole;
    sigset_t every, before;
    ::sigfillset(&every);
    ::sigprocmask(SIG_SETMASK, &every, &before);
    iovec all = {whole.data(), whole.size()};
    long answer = registers(PTRACE_GETREGSET, pid, &all);
    if (answer == 0 && all.iov_len > kept.iov_len) {
        std::memset(whole.data() + kept.iov_len, 0, all.iov_len - kept.iov_len);
        std::memcpy(whole.data(), kept.iov_base, kept.iov_len);
        answer = registers(PTRACE_SETREGSET, pid, &all);
    } else if (answer == 0) {
        answer = -EFAULT;  // as it was: it has another reason
    }
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
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
    if (request != PTRACE_SETREGSET || reinterpret_cast<std::uintptr_t>(at) != NT_X86_XSTATE)
        return real_ptrace(request, pid, at, data);
    iovec kept = *static_cast<const iovec *>(data);
    long answer = registers(request, pid, &kept);
    if (answer == -EFAULT)
        answer = set_whole(pid, *static_cast<const iovec *>(data));
    if (answer == 0)
        return 0;
    errno = static_cast<int>(-answer);
    return -1;
}
