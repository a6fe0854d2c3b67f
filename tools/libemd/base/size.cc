// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/base/size.h"

#include <array>
#include <charconv>
#include <limits>

namespace emd {

std::string format_size(std::uint64_t bytes)
{
    static constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return fmt::format("{} B", bytes);

    std::size_t unit = 0;
    double value = static_cast<double>(bytes);
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        unit++;
    }
    return fmt::format("{:.2f} {}", value, units[unit]);
}

namespace {

// Hundredths of `unit`, rounded to nearest: integer arithmetic, because md's tools print these digits.
std::string hundredths(std::uint64_t bytes, std::uint64_t unit)
{
    const std::uint64_t whole = bytes / unit;
    std::uint64_t part = (bytes % unit * 200 / unit + 1) / 2;
    return part == 100 ? fmt::format("{}.00", whole + 1) : fmt::format("{}.{:02}", whole, part);
}

}  // namespace

std::string format_size_pair(std::uint64_t bytes)
{
    if (bytes == 0)
        return "";

    struct Step {
        std::uint64_t below, binary, decimal;
        const char *binary_word, *decimal_word;
    };
    static constexpr std::array steps{
        Step{2ULL << 20, 1ULL << 10, 1000ULL, "KiB", "KB"},
        Step{2ULL << 30, 1ULL << 20, 1000'000ULL, "MiB", "MB"},
        Step{2ULL << 40, 1ULL << 30, 1000'000'000ULL, "GiB", "GB"},
        Step{std::numeric_limits<std::uint64_t>::max(), 1ULL << 40, 1000'000'000'000ULL, "TiB", "TB"},
    };
    for (const Step &step : steps)
        if (bytes < step.below)
            return fmt::format(" ({} {} {} {})", hundredths(bytes, step.binary), step.binary_word,
                               hundredths(bytes, step.decimal), step.decimal_word);
    return "";
}

std::string format_size_brief(std::uint64_t bytes)
{
    struct Step { std::uint64_t below, unit; const char *word; };
    static constexpr std::array steps{Step{5000ULL << 10, 1000ULL, "KB"}, Step{2ULL << 30, 1000'000ULL, "MB"},
                                      Step{2ULL << 40, 1000'000'000ULL, "GB"}};
    for (const Step &step : steps)
        if (bytes < step.below)
            return hundredths(bytes, step.unit) + step.word;
    return hundredths(bytes, 1000'000'000'000ULL) + "TB";
}

Result<std::uint64_t> parse_size(std::string_view text, std::uint64_t bare)
{
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end == text.data())
        return fail(Errc::Invalid, "'{}' is not a size; write a number with K, M, G or T behind it", text);

    std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
    std::uint64_t scale = bare;
    if (!suffix.empty()) {
        static constexpr std::string_view letters = "KMGT";
        const std::size_t at = letters.find(static_cast<char>(suffix[0] & ~0x20));
        const std::string_view rest = suffix.substr(1);
        if (at != letters.npos && (rest.empty() || rest == "iB" || rest == "B"))
            scale = 1ULL << (10 * (at + 1));
        else if (suffix == "s")
            scale = 512;
        else
            return fail(Errc::Invalid, "'{}' is not a size; write a number with K, M, G or T behind it", text);
    }
    if (number > std::numeric_limits<std::uint64_t>::max() / scale)
        return fail(Errc::Invalid, "the size '{}' is too large", text);
    return number * scale;
}

}  // namespace emd
