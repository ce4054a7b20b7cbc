/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xdpbench.h"

/* The least of so many parts counts: whatever else the machine does only adds. */
#define PARTS 10

struct generator {
	struct bpf_object *object;
	struct traffic *traffic;
	struct wire *wire;
	uint32_t device;
	uint32_t length;
};

/* So that generators of several shapes of frames have one sink's counters to look at. */
static struct bpf_object *sink;

static uint64_t received(uint32_t key)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t counts[cpus], total = 0;
	int map = bpf_object__find_map_fd_by_name(sink, "received");

	if (bpf_map_lookup_elem(map, &key, counts))
		die(errno, "cannot read what the sink received");
	for (int i = 0; i < cpus; i++)
		total += counts[i];
	return total;
}

/* Waits until nothing more arrives at the sink for 20 ms. */
static uint64_t settled(uint32_t key)
{
	uint64_t before, after = received(key);

	do {
		before = after;
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		after = received(key);
	} while (after != before);
	return after;
}

static struct generator make_generator(const char *file, const char *words, uint32_t device)
{
	struct generator made = { .object = open_object(file), .device = device };
	struct frames frames;

	parse_frames(&frames, words);
	shape_object(made.object, &frames);
	load(made.object);
	made.traffic = variable(made.object, ".data.traffic", sizeof(struct traffic));
	*made.traffic = frames.traffic;
	made.wire = variable(made.object, ".data.wire", sizeof(struct wire));
	made.length = frames.shape.length;
	return made;
}

/* The nanoseconds that it took, in one call: many short ones wait for RCU again and again. */
static uint64_t send_frames(struct generator *generator, int frames)
{
	uint8_t frame[MAX_FRAME] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = generator->length,
		    .repeat = frames, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	int error;

	generator->wire->device = generator->device;
	generator->wire->frames = frames;
	generator->traffic->written = 0;
	error = bpf_prog_test_run_opts(program(generator->object, "generate"), &options);
	if (error)
		die(error, "cannot send %d frames", frames);
	return generator->wire->last_ns - generator->wire->first_ns;
}

static void attach_sink(const char *file, int device)
{
	/* By link: gone with this process. */
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);

	sink = open_object(file);
	load(sink);
	int link = bpf_link_create(program(sink, "sink"), device, BPF_XDP, &native);
	if (link < 0)
		die(link, "cannot attach the sink to device %d", device);
}

/*
 * Standard input has FRAMES (see traffic.c) in up to two lines:
 *   open FRAMES   the SYN of each flow, which the sink answers; needs `send` with as many flows
 *   send FRAMES   each flow once before it counts, then so many frames; nanoseconds of each
 */
int command_wire(char **arguments)
{
	int device = index_of(arguments[2]), frames = atoi(arguments[3]);
	uint64_t answers = 0, before, delivered;
	double least = INFINITY;
	char *line = NULL;
	size_t size = 0;
	int flows = 0;

	attach_sink(arguments[1], device);
	uint32_t *answer = variable(sink, ".data.answer", sizeof(*answer));
	stay_on_one_cpu();
	while (getline(&line, &size, stdin) > 0) {
		struct frames words;
		parse_frames(&words, line + 5);
		struct generator generator = make_generator(arguments[0], line + 5, device);
		flows = words.traffic.flows;
		if (!strncmp(line, "open ", 5)) {
			*answer = 1;
			send_frames(&generator, flows);
			answers = settled(1);
			*answer = 0;
			continue;
		}
		if (strncmp(line, "send ", 5))
			die(0, "no such line: %s", line);
		if (flows)
			send_frames(&generator, flows);
		before = settled(0);
		for (int i = 0; i < PARTS; i++)
			least = fmin(least, (double)send_frames(&generator, frames / PARTS) / (frames / PARTS));
		delivered = settled(0) - before;
		printf("{\"sent\": %d, \"delivered\": %llu, \"answers\": %llu, \"nanoseconds\": %.2f}\n",
		       frames / PARTS * PARTS, (unsigned long long)delivered, (unsigned long long)answers,
		       least);
	}
	return 0;
}
