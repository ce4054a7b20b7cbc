/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "flow.h"
#include "xdpbench.h"

void die(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	if (error)
		fprintf(stderr, ": %s", strerror(abs(error)));
	fputc('\n', stderr);
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

struct bpf_object *load(const char *file, uint32_t program_flags)
{
	struct bpf_object *object = bpf_object__open(file);
	struct bpf_program *each;
	int error;

	if (!object)
		die(errno, "cannot open %s", file);
	bpf_object__for_each_program(each, object)
		bpf_program__set_flags(each, program_flags);
	error = bpf_object__load(object);
	if (error)
		die(error, "cannot load %s", file);
	return object;
}

int program(struct bpf_object *object, const char *name)
{
	struct bpf_program *found = bpf_object__find_program_by_name(object, name);

	if (!found)
		die(0, "no program %s in %s", name, bpf_object__name(object));
	return bpf_program__fd(found);
}

struct flow_setup *setup_of(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *end = strstr(bpf_map__name(map), ".bss");
		if (!end || end[4] || bpf_map__value_size(map) != sizeof(struct flow_setup))
			continue;
		/* libbpf's own view of it is a copy once the object is loaded. */
		void *memory = mmap(NULL, sizeof(struct flow_setup), PROT_READ | PROT_WRITE, MAP_SHARED,
				    bpf_map__fd(map), 0);
		if (memory == MAP_FAILED)
			die(errno, "cannot map %s of %s", bpf_map__name(map), bpf_object__name(object));
		return memory;
	}
	die(0, "no flow setup in %s", bpf_object__name(object));
}

static uint32_t sum(const void *data, int bytes)
{
	const uint16_t *words = data;
	uint32_t total = 0;

	for (int i = 0; i < bytes / 2; i++)
		total += words[i];
	return total;
}

static void parse_mac(const char *text, unsigned char *mac)
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4,
		   mac + 5) != 6)
		die(0, "not a MAC address: %s", text);
}

static uint32_t parse_address(const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		die(0, "not an IPv4 address: %s", text);
	return address.s_addr;
}

void prepare(struct flow_setup *setup, char **addresses, int syn)
{
	struct ethhdr *eth = (void *)setup->frame;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	unsigned char *option = (void *)(tcp + 1);

	memset(setup, 0, sizeof(*setup));
	parse_mac(addresses[0], eth->h_source);
	parse_mac(addresses[1], eth->h_dest);
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons(FRAME_SIZE - ETH_HLEN);
	ip->frag_off = htons(0x4000);
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	ip->saddr = parse_address(addresses[2]);
	ip->daddr = parse_address(addresses[3]);
	tcp->dest = htons(atoi(addresses[4]));
	tcp->doff = 8;
	tcp->seq = htonl(syn ? CLIENT_SEQUENCE : CLIENT_SEQUENCE + 1);
	tcp->ack_seq = syn ? 0 : htonl(SERVER_SEQUENCE + 1);
	tcp->syn = syn;
	tcp->ack = !syn;
	tcp->window = htons(0x4000);
	memcpy(option, "\x01\x01\x08\x0a\0\0\0\1\0\0\0\1", 12); /* RFC 7323, 3.2 and appendix A */

	setup->ip_sum = sum(ip, sizeof(*ip));
	setup->tcp_sum = sum(&ip->saddr, 8) + htons(IPPROTO_TCP) + htons(32) + sum(tcp, 32);
}
