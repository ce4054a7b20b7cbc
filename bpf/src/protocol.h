/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of ICMP (RFC 792, 1191) and ICMPv6 (RFC 4443): the kernel's headers of them want a C library. */
#pragma once

#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
/* codes of ICMP_DEST_UNREACH */
#define ICMP_PORT_UNREACH 3
#define ICMP_FRAG_NEEDED 4

#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PKT_TOOBIG 2
#define ICMPV6_PARAMPROB 4
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129
/* neighbour discovery, RFC 4861: from router solicitation to redirect */
#define NDISC_FIRST 133
#define NDISC_LAST 137
#define NDISC_SOLICITATION 135
#define NDISC_ADVERTISEMENT 136
/* code of ICMPV6_DEST_UNREACH */
#define ICMPV6_PORT_UNREACH 4
