/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A static library needs a source even while its directory has none. */
extern const char emd_version[];
const char emd_version[] = EMD_VERSION;
