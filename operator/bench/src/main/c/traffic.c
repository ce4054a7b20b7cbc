/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdpbench.h"

#define ETHERNET 14
#define IPV6_HEADER 40

static uint32_t sum(const uint8_t *data, int bytes)
{
	uint32_t total = 0;

	for (int i = 0; i < bytes; i++)
		total += i % 2 ? htons(data[i]) : htons(data[i] << 8);
	return total;
}

static int parse_hex(const char *text, uint8_t *bytes)
{
	int length = strspn(text, "0123456789abcdef") / 2;

	if (length < ETHERNET || length > MAX_FRAME)
		die(0, "a frame has %d to %d bytes: %s", ETHERNET, MAX_FRAME, text);
	for (int i = 0; i < length; i++)
		sscanf(text + 2 * i, "%2hhx", bytes + i);
	return length;
}

/* Reads 16 or 32 bits and leaves zero: what varies is no part of the sums. */
static uint32_t take(uint8_t *from, int bytes)
{
	uint32_t value = 0;

	memcpy(&value, from, bytes);
	memset(from, 0, bytes);
	return value;
}

/* Finds what varies, from the IP header at `ip`, and sums up the rest. */
static void vary(struct frames *f, int ip)
{
	struct shape *shape = &f->shape;
	uint8_t frame[MAX_FRAME];
	int length = shape->length, ipv6, protocol;

	memcpy(frame, f->traffic.frame, sizeof(frame));
	ipv6 = frame[ip] >> 4 == 6;
	protocol = frame[ip + (ipv6 ? 6 : 9)];
	shape->source = ip + (ipv6 ? 20 : 12);
	shape->destination = ip + (ipv6 ? 36 : 16);
	shape->ip_check = ipv6 ? 0 : ip + 10;
	shape->ports = ip + (ipv6 ? IPV6_HEADER : frame[ip] % 16 * 4);
	if ((int)shape->ports + 8 > length || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		die(0, "only TCP and UDP can vary, without extension headers");
	shape->layer4_check = shape->ports + (protocol == IPPROTO_TCP ? 16 : 6);

	take(frame + shape->layer4_check, 2);
	if (shape->ip_check)
		take(frame + shape->ip_check, 2);
	f->traffic.first.source = take(frame + shape->source, 4);
	f->traffic.first.destination = take(frame + shape->destination, 4);
	take(frame + shape->ports, 2);
	f->traffic.first.destination_port = take(frame + shape->ports + 2, 2);
	if (!ipv6)
		f->traffic.ip_sum = sum(frame + ip, shape->ports - ip);
	/* The layer-4 header and its payload, and the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1). */
	f->traffic.layer4_sum = sum(frame + shape->ports, length - shape->ports) + htons(protocol) +
				htons(length - shape->ports) +
				sum(frame + ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8);
}

/*
 * frame=HEX      the frame, complete but for what varies and the checksums over it
 * ip=OFFSET      of the header that varies; default 14
 * vary=flows     or answers; without it, all frames are the same
 * flows=COUNT    default 1; 0: each frame is a new one
 * skip=COUNT     of flows; only with flows=0
 * vips=COUNT     default 1
 */
void parse_frames(struct frames *f, const char *words)
{
	int ip = ETHERNET;
	char word[2 * MAX_FRAME + 32];

	memset(f, 0, sizeof(*f));
	f->traffic.flows = 1;
	f->traffic.vips = 1;
	for (int used; sscanf(words, " %351s%n", word, &used) == 1; words += used) {
		char *value = strchr(word, '=');
		if (!value++)
			die(0, "not NAME=VALUE: %s", word);
		if (!strncmp(word, "frame=", 6))
			f->shape.length = parse_hex(value, (uint8_t *)f->traffic.frame);
		else if (!strncmp(word, "ip=", 3))
			ip = atoi(value);
		else if (!strcmp(word, "vary=flows"))
			f->shape.variation = FLOWS;
		else if (!strcmp(word, "vary=answers"))
			f->shape.variation = ANSWERS;
		else if (!strncmp(word, "flows=", 6))
			f->traffic.flows = strtoul(value, NULL, 10);
		else if (!strncmp(word, "skip=", 5))
			f->traffic.cursors[0].flow = strtoul(value, NULL, 10);
		else if (!strncmp(word, "vips=", 5))
			f->traffic.vips = strtoul(value, NULL, 10);
		else
			die(0, "no such word: %s", word);
	}
	if (!f->shape.length)
		die(0, "no frame");
	if (f->shape.variation != SAME)
		vary(f, ip);
}

void shape_object(struct bpf_object *object, const struct frames *frames)
{
	struct bpf_map *shape = bpf_object__find_map_by_name(object, ".rodata.shape");
	int error = shape ? bpf_map__set_initial_value(shape, &frames->shape, sizeof(frames->shape)) :
			    -ENOENT;

	if (error)
		die(error, "cannot set the shape of frames in %s", bpf_object__name(object));
}
