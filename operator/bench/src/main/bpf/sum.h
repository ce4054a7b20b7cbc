/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of the Internet's checksum (RFC 1071). */
#pragma once

#include <bpf/bpf_helpers.h>
#include <linux/types.h>

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* An address, or any other word that a sum is to have. */
static __always_inline __u32 halves(__u32 word)
{
	return (word & 0xffff) + (word >> 16);
}
