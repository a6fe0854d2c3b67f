# SPDX-License-Identifier: GPL-2.0-or-later
# What the crash model's fake kernel promises about the attributes of a reshape, asked of the module.
#: disks: 4x8M
#: programs: emd_contract
#: kernels: 6.1 6.12 uml
#: timeout: 120
EMD_CONTRACT_MEMBERS="$d0 $d1 $d2 $d3" emd_contract --gtest_brief=1 || fail "the module breaks the contract"
