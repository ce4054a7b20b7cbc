/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Incremental Internet checksums: RFC 1624, equation 3. */
#pragma once

#include <linux/types.h>

/* The sum's change when a 32-bit word changes. Sums of some dozens of these fit into 64 bits. */
static __always_inline __u64 csum_change(__u32 from, __u32 to)
{
	return (__u64)(__u32)~from + to;
}

/* The checksum after the words that it covers have changed by `change`. */
static __always_inline __u16 csum_apply(__u16 checksum, __u64 change)
{
	__u64 sum = (__u16)~checksum + (change & 0xffffffff) + (change >> 32);

	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* As csum_apply(), for UDP: 0 says that there is none. */
static __always_inline __u16 csum_apply_udp(__u16 checksum, __u64 change)
{
	__u16 applied = csum_apply(checksum, change);

	return applied ? applied : 0xffff;
}
