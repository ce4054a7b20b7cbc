/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From addresses, ports and tags to VIPs, peers and backends; from a VIP to the backend of a packet. */
#pragma once

#include <bpf/bpf_helpers.h>

#include "hash.h"
#include "layout.h"
#include "maps.h"
#include "parse.h"

static __always_inline bool same_address(const __u32 a[4], const __u32 b[4], bool ipv6)
{
	if (!ipv6)
		return a[0] == b[0];
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]));
}

static __always_inline __u32 slot_match(const struct key_slot *s, const __u32 address[4], __u32 key,
					bool ipv6)
{
	/* the port, protocol and family are one word */
	if (*(const __u32 *)&s->port != key || !same_address(s->address, address, ipv6))
		return 0;
	barrier();
	return READ_ONCE(s->handle);
}

static __always_inline __u32 key_lookup(const __u32 address[4], __u64 hash, __u32 key, bool ipv6)
{
	__u32 first = hash & key_bucket_mask, second = (hash >> 32) & key_bucket_mask;
	struct key_bucket *bucket = bpf_map_lookup_elem(&keys, &first);
	__u32 handle;

	if (!bucket)
		return 0;
	if ((handle = slot_match(&bucket->slot[0], address, key, ipv6)) ||
	    (handle = slot_match(&bucket->slot[1], address, key, ipv6)))
		return handle;
	bucket = bpf_map_lookup_elem(&keys, &second);
	if (!bucket)
		return 0;
	if ((handle = slot_match(&bucket->slot[0], address, key, ipv6)))
		return handle;
	return slot_match(&bucket->slot[1], address, key, ipv6);
}

/* The handle of what has this address, port and protocol (or KEY_*); 0 if there is nothing. */
static __always_inline __u32 address_lookup(const __u32 address[4], __u64 address_hash, __be16 port,
					    __u8 protocol, bool ipv6)
{
	__u32 key = port | (__u32)protocol << 16 | (__u32)(ipv6 ? FAMILY_IPV6 : FAMILY_IPV4) << 24;

	return key_lookup(address, hash_key(address_hash, port, protocol, ipv6), key, ipv6);
}

/* The handle of the backend on this machine that has the tag. */
static __always_inline __u32 endpoint_lookup(__u64 tag)
{
	__u32 words[4] = { tag, tag >> 32 };

	return key_lookup(words, hash_key(hash_address(HASH_START, words, true), 0, KEY_ENDPOINT, true),
			  KEY_ENDPOINT << 16, true);
}

/* The VIP that owns a range with this port: the narrowest. `address` is the handle of the address' entry. */
__noinline __u32 range_lookup(__u32 address, __u32 port_and_protocol)
{
	__u32 index = address & HANDLE_INDEX_MASK, width = ~0u, found = 0;
	__u32 port = port_and_protocol & 0xffff, protocol = port_and_protocol >> 16;
	struct port_ranges *r = bpf_map_lookup_elem(&port_ranges, &index);

	if (!r)
		return 0;
	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < PORT_RANGES; i++) {
		__u32 vip = READ_ONCE(r->range[i].vip);
		__u32 first = r->range[i].first, last = r->range[i].last;

		if (vip && protocol == r->range[i].protocol && port >= first && port <= last &&
		    last - first < width) {
			width = last - first;
			found = vip;
		}
	}
	return found;
}

static __always_inline struct vip *vip_by_handle(__u32 handle)
{
	__u32 index = handle & HANDLE_INDEX_MASK;
	struct vip *v = bpf_map_lookup_elem(&vips, &index);

	return v && handle && READ_ONCE(v->handle) == handle ? v : NULL;
}

static __always_inline struct backend *backend_by_handle(__u32 handle)
{
	__u32 index = handle & HANDLE_INDEX_MASK;
	struct backend *b = bpf_map_lookup_elem(&backends, &index);

	return b && handle && READ_ONCE(b->handle) == handle ? b : NULL;
}

/*
 * Of DSR: are flows in slots that have moved remembered here? Without an agent nobody can be asked for
 * them; an agent asks by its own ring, which is of no use where that may be another one.
 */
static __always_inline bool is_remembered(const struct backend *b)
{
	return (b->flags & (BACKEND_AGENT | BACKEND_REMEMBERED)) != BACKEND_AGENT;
}

/* Is the address a node's? Almost always one byte's load says no. */
static __always_inline bool is_peer(const __u32 address[4], __u64 address_hash, bool ipv6)
{

	return unlikely(address_filter.bits[address_hash % FILTER_SIZE] & FILTER_PEER) &&
	       address_lookup(address, address_hash, 0, KEY_PEER, ipv6);
}

/* Is a node's address, see is_peer(), this one's? */
static __always_inline bool is_own(__u64 address_hash)
{

	return address_filter.bits[address_hash % FILTER_SIZE] & FILTER_TUNNEL;
}

/* Sources that no client on a network can have; the VIP itself is one of them. */
static __always_inline bool bad_source(const __u32 source[4], const __u32 destination[4], bool ipv6)
{
	if (same_address(source, destination, ipv6))
		return true;
	if (!ipv6) {
		__u32 a = bpf_ntohl(source[0]);

		/* 0/8; multicast, reserved, broadcast; loopback */
		return a - 0x01000000u >= 0xdf000000u || a >> 24 == 127;
	}
	if ((source[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000))
		return true;
	return !(source[0] | source[1] | source[2] | (source[3] & ~bpf_htonl(1))); /* ::, ::1 */
}

/* NULL, XMAS, SYN with FIN or RST: what scanners send and no TCP does. */
static __always_inline bool bad_tcp_flags(__u8 flags)
{
	return !(flags & TCP_CONTROL) || ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST))) ||
	       (flags & (TCP_FIN | TCP_ACK | 0x28)) == (TCP_FIN | 0x28);
}

/* The hash of a packet from a client to a VIP that chooses its slot. */
static __always_inline __u64 slot_hash(const struct packet *p, const struct vip *v, __u64 source_hash,
				       __u64 destination_hash)
{
	if (unlikely(v->affinity))
		return hash_slot(source_hash, destination_hash, 0, 0, p->protocol);
	return hash_slot(source_hash, destination_hash, p->source_port, p->destination_port, p->protocol);
}

/* The number of the slot that a hash chooses in a VIP's ring; false if it has none. */
static __always_inline bool ring_number(const struct vip *v, __u64 hash, __u32 *number)
{
	__u64 ring = READ_ONCE(v->ring);

	*number = (ring >> 32) + hash_scale(hash, (__u32)ring);
	return (__u32)ring;
}

/* What is in the slot: the handle of its owner, and SLOT_MOVED. 0: nobody, or no such slot. */
static __always_inline __u32 ring_slot(const struct vip *v, __u64 hash)
{
	__u32 number, line;

	if (!ring_number(v, hash, &number))
		return 0;
	line = number / RING_LINE_SLOTS;
	struct ring_line *r = bpf_map_lookup_elem(&rings, &line);

	return r ? READ_ONCE(r->slot[number % RING_LINE_SLOTS]) : 0;
}

static __always_inline __u32 slot_current(__u32 slot)
{
	return slot & ~SLOT_MOVED;
}

/* The index of the history of the slot that the hash chooses; 0: it has none. */
static __always_inline __u32 history_of(const struct vip *v, __u64 hash, __u32 slot)
{
	__u32 number, line;

	if (!(slot & SLOT_MOVED) || !ring_number(v, hash, &number))
		return 0;
	barrier();
	line = number / RING_LINE_SLOTS;
	struct ring_line *r = bpf_map_lookup_elem(&ring_histories, &line);

	return r ? READ_ONCE(r->slot[number % RING_LINE_SLOTS]) : 0;
}
