/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On the way out of an endpoint's node (TC): what an endpoint here answers to a flow of DSR leaves as
 * the VIP's. The kernel has routed it already, and connection tracking has seen it as what it is, an
 * answer to a client; so no masquerading touched it. A packet may be a whole segmentation-offload
 * bundle: the helpers mend what of the checksums has been computed so far.
 */
#pragma once

#include <linux/pkt_cls.h>

#include "flow.h"
#include "hash.h"
#include "icmp.h"
#include "lookup.h"
#include "rewrite.h"

/* The flow that this is the answer of. */
static __always_inline struct flow *egress_flow(const struct config *c, const struct packet *p, bool ipv6)
{
	__u64 hash = flow_answer_hash(c, p->source, p->source_port, p->destination, p->destination_port, ipv6);
	struct flow_bucket *bucket = NULL;
	__u32 kind = flow_kind(p->protocol, ipv6) | FLOW_HOSTED;

	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < FLOW_ENTRIES; i++) {
		__u64 entry = flow_entry(&bucket, hash, i);
		struct flow *f = entry >> 32 == hash >> 32 ? flow_at((__u32)entry - 1) : NULL;

		if (!entry)
			break;
		if (!f)
			continue;
		__u32 meta = READ_ONCE(f->meta);

		barrier();
		if ((meta & (FLOW_KIND | FLOW_OF_KIND)) != kind || f->client_port != p->destination_port ||
		    f->backend_port != p->source_port || !same_address(f->client, p->destination, ipv6) ||
		    !same_address(f->backend_address, p->source, ipv6))
			continue;
		return f;
	}
	return NULL;
}

/* Lowers the MSS of a SYN-ACK: what the client sends comes here by a tunnel. */
static __always_inline void egress_clamp(struct __sk_buff *skb, __u32 l4, __u16 most)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct tcphdr *tcp = data + (l4 & 0x7ff);

	if (!most || (void *)(tcp + 1) > end)
		return;
	__u32 at = mss_offset(tcp, tcp->doff * 4, end);
	__u8 *value = (void *)tcp + (at & 0x3f);

	if (!at || (void *)value + 2 > end)
		return;
	__u16 mss = value[0] << 8 | value[1], fits = bpf_htons(most);

	if (mss <= most)
		return;
	bool odd = at & 1; /* then its halves are in two words of the checksum */

	bpf_skb_store_bytes(skb, l4 + at, &fits, sizeof(fits), 0);
	bpf_l4_csum_replace(skb, l4 + offsetof(struct tcphdr, check),
			    odd ? bpf_htons((__u16)(mss << 8 | mss >> 8)) : bpf_htons(mss),
			    odd ? bpf_htons((__u16)(most << 8 | most >> 8)) : fits, 2);
}

/* An ICMP error of the endpoint, or of this node, about what a client sent to an endpoint here. */
static __always_inline int egress_error(struct __sk_buff *skb, struct config *c, bool ipv6)
{
	struct error e = {};
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + ETH_HLEN + sizeof(struct iphdr) > end || !read_error(&e, data + ETH_HLEN, end, ipv6))
		return TC_ACT_UNSPEC;
	/* quoted: client -> endpoint; read_error() has turned it around, as the endpoint's answer looks */
	struct flow *f = egress_flow(c, &e.p, ipv6);
	struct vip *v = f ? vip_by_handle(f->vip) : NULL;

	if (!v)
		return TC_ACT_UNSPEC;
	__u32 client[4], from[4];

	__builtin_memcpy(client, f->client, sizeof(client));
	__builtin_memcpy(from, v->address, sizeof(from));
	/* in the order of the packet: the quoted source stays the client, its destination becomes the VIP */
	struct new_ends to = {
		.quoted_source = client,
		.quoted_source_port = f->client_port,
		.quoted_destination = from,
		.quoted_destination_port = f->nat_port,
		.source = from,
		.destination = client,
	};

	translate_error(&e, end, &to, ipv6);
	return TC_ACT_UNSPEC;
}

/* Puts other ends into a packet. The port's checksum is no pseudo header's: it may be left to the device. */
static __always_inline void put_end(struct __sk_buff *skb, __u32 l4, const struct packet *p, const __u32 address[4],
					  __be16 port, bool source, bool ipv6)
{
	bool tcp = p->protocol == IPPROTO_TCP;
	__u32 check = l4 + (tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
	__u32 mangled = tcp ? 0 : BPF_F_MARK_MANGLED_0;
	const __u32 *from = source ? p->source : p->destination;
	__be16 from_port = source ? p->source_port : p->destination_port;
	__u32 at = ETH_HLEN + (ipv6 ? offsetof(struct ipv6hdr, saddr) : offsetof(struct iphdr, saddr)) +
		   (source ? 0 : ipv6 ? 16 : 4);

	for (int i = 0; i < (ipv6 ? 4 : 1); i++)
		bpf_l4_csum_replace(skb, check, from[i], address[i], mangled | BPF_F_PSEUDO_HDR | sizeof(__u32));
	if (!ipv6)
		bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), from[0], address[0], sizeof(__u32));
	bpf_skb_store_bytes(skb, at, address, ipv6 ? 16 : 4, 0);
	if (port != from_port) {
		bpf_l4_csum_replace(skb, check, from_port, port, mangled | sizeof(port));
		bpf_skb_store_bytes(skb, l4 + (source ? 0 : 2), &port, sizeof(port), 0);
	}
}

/* What a backend on this machine answers to a translated flow, of which it saw the VIP as the source. */
static __always_inline int egress_translated(struct __sk_buff *skb, struct config *c, const struct packet *p, __u32 l4,
					     bool ipv6)
{
	struct flow *f = answered_flow(p->source, p->source_port, p->destination_port, p->protocol, ipv6);

	if (!f)
		return TC_ACT_UNSPEC;
	__u32 meta = READ_ONCE(f->meta);
	struct vip *v = vip_by_handle(f->vip);
	struct backend *b = backend_by_handle(f->backend);
	struct backend_cpu *cpu = backend_cpu(f->backend);

	if (!v || !b || !cpu || !(b->flags & BACKEND_HOSTED) || !same_address(v->address, p->destination, ipv6))
		return TC_ACT_UNSPEC;
	__u32 client[4], vip[4];
	__be16 client_port = f->client_port, vip_port = v->port == v->end_port ? v->port : f->backend_port;

	__builtin_memcpy(client, f->client, sizeof(client));
	__builtin_memcpy(vip, v->address, sizeof(vip));
	flow_seen(c, f, bpf_jiffies64());
	if (!(meta & FLOW_REPLIED) || p->tcp_flags & (TCP_FIN | TCP_RST))
		backend_state(f, meta, p->tcp_flags);
	cpu->packets_to_client += skb->gso_segs ? skb->gso_segs : 1;
	cpu->bytes_to_client += skb->len - ETH_HLEN;
	put_end(skb, l4, p, client, client_port, false, ipv6);
	put_end(skb, l4, p, vip, vip_port, true, ipv6);
	if (is_own(hash_address(HASH_START, client, ipv6))) {
		/* to a process or pod of this machine: which takes it only if the frame is addressed to it */
		__u8 mac[ETH_ALEN];

		if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_source), mac, sizeof(mac)) ||
		    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_dest), mac, sizeof(mac), 0))
			return TC_ACT_SHOT;
		return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
	}
	return bpf_redirect_neigh(skb->ifindex, NULL, 0, 0);
}

static __always_inline int egress(struct __sk_buff *skb, bool ipv6)
{
	const __u32 header = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct packet p = {};
	__u32 l4 = ETH_HLEN + header;
	struct config *c = &config;
	__u8 icmp = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	bool fragment = false;

	if (data + ETH_HLEN + header > end)
		return TC_ACT_UNSPEC;
	if (ipv6) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		__builtin_memcpy(p.source, &ip->saddr, 16);
		__builtin_memcpy(p.destination, &ip->daddr, 16);
		p.protocol = ip->nexthdr;
	} else {
		struct iphdr *ip = data + ETH_HLEN;

		p.source[0] = ip->saddr;
		p.destination[0] = ip->daddr;
		p.protocol = ip->protocol;
		l4 = ETH_HLEN + ip->ihl * 4;
		fragment = ip->frag_off & bpf_htons(IP_FRAGMENT);
	}
	if (p.protocol == icmp) {
		if (bpf_skb_pull_data(skb, skb->len < 256 ? skb->len : 256))
			return TC_ACT_UNSPEC;
		return egress_error(skb, c, ipv6);
	}
	__u64 source_hash = hash_address(HASH_START, p.source, ipv6);

	/* endpoints that only NAT leads to are on this machine too, and answer to the VIP */
	__u64 destination_hash = hash_address(HASH_START, p.destination, ipv6);
	bool to_vip = address_filter.bits[destination_hash % FILTER_SIZE] & FILTER_VIP;

	if (likely(!(address_filter.bits[source_hash % FILTER_SIZE] & FILTER_ENDPOINT)) || fragment ||
	    (p.protocol != IPPROTO_TCP && p.protocol != IPPROTO_UDP))
		return TC_ACT_UNSPEC;
	/* the headers, should they not be in the linear part; TCP options included */
	__u32 wanted = ETH_HLEN + header + 40 + sizeof(struct tcphdr) + 40;

	if (data + wanted > end) {
		if (bpf_skb_pull_data(skb, skb->len < wanted ? skb->len : wanted))
			return TC_ACT_UNSPEC;
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
	}
	struct tcphdr *tcp = data + (l4 & 0x7f);

	if ((void *)tcp + sizeof(struct udphdr) > end)
		return TC_ACT_UNSPEC;
	p.source_port = tcp->source;
	p.destination_port = tcp->dest;
	if (p.protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end)
			return TC_ACT_UNSPEC;
		p.tcp_flags = ((__u8 *)tcp)[13];
	}
	struct flow *f = egress_flow(c, &p, ipv6);

	/* a client's address may have the same byte of the filter as a VIP's: so its flow is looked for first */
	if (!f)
		return unlikely(to_vip) ? egress_translated(skb, c, &p, l4, ipv6) : TC_ACT_UNSPEC;
	__u32 meta = READ_ONCE(f->meta);
	struct vip *v = vip_by_handle(f->vip);
	struct backend_cpu *cpu = backend_cpu(f->backend);
	__be16 port = f->nat_port;

	if (!v || !cpu)
		return TC_ACT_UNSPEC; /* the VIP has gone, and its flows with it */
	__u32 address[4];

	__builtin_memcpy(address, v->address, sizeof(address));
	flow_seen(c, f, bpf_jiffies64());
	if (unlikely(!(meta & FLOW_REPLIED) || p.tcp_flags & (TCP_FIN | TCP_RST)))
		backend_state(f, meta, p.tcp_flags);
	if (backend_by_handle(f->backend)) { /* else the line may be another's by now */
		cpu->packets_to_client += skb->gso_segs ? skb->gso_segs : 1;
		cpu->bytes_to_client += skb->len - ETH_HLEN;
	}

	if (unlikely((p.tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)))
		egress_clamp(skb, l4, ipv6 ? c->mss_ipv6 : c->mss_ipv4);
	put_end(skb, l4, &p, address, port, true, ipv6);
	return TC_ACT_UNSPEC;
}

static __noinline int egress_ipv4(struct __sk_buff *skb)
{
	return egress(skb, false);
}

static __noinline int egress_ipv6(struct __sk_buff *skb)
{
	return egress(skb, true);
}
