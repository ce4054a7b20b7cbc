/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an encapsulated packet looks like, and how it is made.
 *
 *   GUE (version 0, no flags) over UDP, from an edge to the node or server of a backend:
 *
 *     Ethernet | IPv4 or IPv6 | UDP | GUE 4 bytes | control 1 byte | tag 7 bytes | inner IP packet
 *
 *   The outer source port, and the flow label of IPv6, are made of the inner flow's hash. The tag
 *   says which backend was chosen: the first 7 bytes of a hash over VIP (address, protocol, ports)
 *   and backend (address, port), which the agents of both ends compute alike. A receiver that knows
 *   nothing of it, such as Linux' own GUE, skips the 8 bytes as private data.
 *
 *   IPIP: Ethernet | IPv4 or IPv6 | inner IP packet.
 */
#pragma once

#include <linux/types.h>

#define GUE_PORT 6080
#define GUE_FIRST_BYTE 0x02 /* version 0, no control message, 2 words of private data */

/* The control byte. */
#define CONTROL_STEP 0x0f /* how many of the slot's owners have been asked already */
#define CONTROL_FINAL 0x10 /* all of them: the first one takes the flow as its own */
#define CONTROL_NAT 0x20 /* the source is translated, and the inner destination is the endpoint itself */

struct gue {
	__u8 first;
	__u8 protocol; /* 4: IPv4, 41: IPv6 */
	__be16 flags;
	__u8 control;
	__u8 tag[7];
};

#define OVERHEAD_GUE_IPV4 (20 + 8 + 12)
#define OVERHEAD_GUE_IPV6 (40 + 8 + 12)
