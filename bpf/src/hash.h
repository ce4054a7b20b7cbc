/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hashes computed inline: a multiplication by 2^64 / golden ratio and a fold a word. io.xdplb.datapath.Hash
 * computes the same for the tables that the agent fills.
 */
#pragma once

#include <linux/types.h>
#include <stdbool.h>

#define HASH_START 0x243f6a8885a308d3ULL

static __always_inline __u64 hash_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

static __always_inline __u64 hash_address(__u64 start, const __u32 address[4], bool ipv6)
{
	if (!ipv6)
		return hash_mix(start, address[0]);
	/* the later word in the low half: addresses differ there, and a multiplication carries upwards only */
	__u64 hash = hash_mix(start, address[1] | (__u64)address[0] << 32);
	return hash_mix(hash, address[3] | (__u64)address[2] << 32);
}

/* Continues hash_address() of a key's address. The low and the high half choose the two buckets. */
static __always_inline __u64 hash_key(__u64 address_hash, __be16 port, __u8 protocol, bool ipv6)
{
	return hash_mix(address_hash, port | (__u32)protocol << 16 | (__u32)(ipv6 ? 1 : 0) << 24);
}

/*
 * What chooses the slot of a ring: hash_address() of source and destination, and the ports; without
 * the ports where a client is to stay with its backend. Without a seed: every node must choose the same.
 */
static __always_inline __u64 hash_slot(__u64 source_hash, __u64 destination_hash, __be16 source_port,
				       __be16 destination_port, __u8 protocol)
{
	return hash_mix(source_hash ^ (destination_hash << 1 | destination_hash >> 63),
			source_port | (__u32)destination_port << 16 | (__u64)protocol << 32);
}

/* A number below `limit`, evenly, from 32 hash bits. */
static __always_inline __u32 hash_scale(__u32 hash, __u32 limit)
{
	return (__u64)hash * limit >> 32;
}
