// SPDX-License-Identifier: GPL-2.0-or-later
// GF(2^8) with polynomial 0x11d, as slow and plain as can be: what P and Q of RAID6 are compared with.
#ifndef EMD_TESTS_GALOIS_H
#define EMD_TESTS_GALOIS_H

#include <cstdint>

namespace galois {

inline std::uint8_t times(std::uint8_t a, std::uint8_t b)
{
	unsigned product = 0;
	for (unsigned bit = 0; bit < 8; bit++)
		if (b >> bit & 1)
			product ^= unsigned{a} << bit;
	for (unsigned bit = 15; bit >= 8; bit--)
		if (product >> bit & 1)
			product ^= 0x11du << (bit - 8);
	return std::uint8_t(product);
}

inline std::uint8_t power(unsigned exponent)
{
	std::uint8_t result = 1;
	while (exponent--)
		result = times(result, 2);
	return result;
}

inline std::uint8_t inverse(std::uint8_t a)
{
	for (unsigned b = 1; b < 256; b++)
		if (times(a, std::uint8_t(b)) == 1)
			return std::uint8_t(b);
	return 0;
}

} // namespace galois

#endif
