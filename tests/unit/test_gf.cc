// SPDX-License-Identifier: GPL-2.0-or-later
// P and Q after a change, word by word, against a product computed bit by bit.
#include "core/emd_gf.h"

#include "galois.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

TEST(Galois, ChangeOfParityIsTheWeightedSum)
{
	std::mt19937 random(3);
	for (unsigned data : {1u, 2u, 3u, 8u, 40u}) {
		const unsigned bytes = 64;
		std::vector<std::vector<std::uint8_t>> buffers(data + 2, std::vector<std::uint8_t>(bytes));
		std::vector<void *> at;
		for (auto &buffer : buffers) {
			for (auto &byte : buffer)
				byte = std::uint8_t(random());
			at.push_back(buffer.data());
		}
		const auto before = buffers;
		emd_gf_change(at.data(), data + 2, bytes);
		for (unsigned byte = 0; byte < bytes; byte++) {
			std::uint8_t p = before[data][byte], q = before[data + 1][byte];
			for (unsigned i = 0; i < data; i++) {
				EXPECT_EQ(buffers[i][byte], before[i][byte]);
				p ^= before[i][byte];
				q ^= galois::times(galois::power(i), before[i][byte]);
			}
			EXPECT_EQ(buffers[data][byte], p);
			EXPECT_EQ(buffers[data + 1][byte], q) << data << " columns";
		}
	}
}

} // namespace
