/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <math.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "flow.h"
#include "xdpbench.h"

#define ALONE_ROUNDS 5

static int index_of(const char *device)
{
	int index = if_nametoindex(device);

	if (!index)
		die(errno, "no device %s here", device);
	return index;
}

/* Attached by netlink: stays when this process ends, until `detach` or the device goes. */
int command_attach(char **arguments)
{
	const char *mode = arguments[3];
	int index = index_of(arguments[2]);
	int flags = !strcmp(mode, "generic") ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	int fd = program(load(arguments[0], 0), arguments[1]);
	int error = bpf_xdp_attach(index, fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);

	if (error)
		die(error, "cannot attach %s to %s (%s)", arguments[1], arguments[2], mode);
	puts("{}");
	return 0;
}

int command_detach(char **arguments)
{
	int index = index_of(arguments[0]);
	int native = bpf_xdp_detach(index, XDP_FLAGS_DRV_MODE, NULL);
	int generic = bpf_xdp_detach(index, XDP_FLAGS_SKB_MODE, NULL);
	uint32_t id;

	/* The kernel answers 0 also where it did nothing: look again. */
	if (bpf_xdp_query_id(index, 0, &id) || id)
		die(native ? native : generic, "cannot detach the program from %s", arguments[0]);
	puts("{}");
	return 0;
}

static uint64_t received(struct bpf_object *object, uint32_t key)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t counts[cpus], total = 0;
	int map = bpf_object__find_map_fd_by_name(object, "received");

	if (bpf_map_lookup_elem(map, &key, counts))
		die(errno, "cannot read what the sink received");
	for (int i = 0; i < cpus; i++)
		total += counts[i];
	return total;
}

/* Waits until nothing more arrives at the sink for 20 ms. */
static uint64_t settled(struct bpf_object *object, uint32_t key)
{
	uint64_t before, after = received(object, key);

	do {
		before = after;
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		after = received(object, key);
	} while (after != before);
	return after;
}

/* The nanoseconds that it took. One call: each waits for RCU at its end, and many short ones measure that. */
static uint64_t send_frames(struct bpf_object *object, struct flow_setup *setup, int frames)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = setup->frame, .data_size_in = FRAME_SIZE,
		    .repeat = frames, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	int generate = program(object, "generate");
	int error;

	setup->frames = frames;
	setup->sent = 0;
	error = bpf_prog_test_run_opts(generate, &options);
	if (error)
		die(error, "cannot send %d frames", frames);
	return setup->last_ns - setup->first_ns;
}

/* Generator, balancer and sink on one CPU: what is measured is one busy core. */
static void stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die(errno, "cannot stay on one CPU");
	/* Other processes only add to what is measured; without CAP_SYS_NICE they do. */
	(void)setpriority(PRIO_PROCESS, 0, -20);
}

int command_packets(char **arguments)
{
	char **addresses = arguments + 4;
	int frames = atoi(arguments[2]), flows = atoi(arguments[3]);
	int device = index_of(arguments[1]);
	struct bpf_object *object = load(arguments[0], 0);
	struct flow_setup *setup = setup_of(object);
	/* By link: gone with this process. */
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	int link = bpf_link_create(program(object, "sink"), device, BPF_XDP, &native);
	uint64_t answers = 0;

	if (link < 0)
		die(link, "cannot attach the sink to %s", arguments[1]);
	stay_on_one_cpu();
	if (flows) {
		/* Establish them: SYN, the sink's SYN-ACK back through the balancer, ACK. */
		prepare(setup, addresses, 1);
		setup->flows = flows;
		setup->device = device;
		setup->answer = 1;
		send_frames(object, setup, flows);
		answers = settled(object, 1);
	}
	prepare(setup, addresses, !flows);
	setup->flows = flows;
	setup->device = device;
	if (flows)
		send_frames(object, setup, flows);
	uint64_t before = settled(object, 0);
	setup->next = 0;
	uint64_t nanoseconds = send_frames(object, setup, frames);
	uint64_t delivered = settled(object, 0) - before;

	printf("{\"sent\": %d, \"delivered\": %llu, \"answers\": %llu, \"nanoseconds\": %llu}\n", frames,
	       (unsigned long long)delivered, (unsigned long long)answers,
	       (unsigned long long)nanoseconds);
	return 0;
}

/* Nanoseconds a run of the program, the harness included; the verdict of the last run. */
static double repeat(struct bpf_object *harness, int fd, int times, int device, uint32_t *verdict)
{
	struct flow_setup *setup = setup_of(harness);
	struct xdp_md context = { .data_end = FRAME_SIZE, .ingress_ifindex = device };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = setup->frame, .data_size_in = FRAME_SIZE,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = times);
	int map = bpf_object__find_map_fd_by_name(harness, "under_test");
	uint32_t key = 0;

	if (bpf_map_update_elem(map, &key, &fd, BPF_ANY))
		die(errno, "cannot put the program under test into the harness");
	setup->next = 0;
	int run = program(harness, "harness");
	uint64_t start = now_ns();
	int error = bpf_prog_test_run_opts(run, &options);
	if (error)
		die(error, "cannot run the harness");
	*verdict = options.retval;
	/* The kernel's own duration is in whole nanoseconds. */
	return (double)(now_ns() - start) / times;
}

int command_alone(char **arguments)
{
	int device = index_of(arguments[2]), times = atoi(arguments[3]);
	uint32_t id, verdict, ignored;
	int error = bpf_xdp_query_id(device, 0, &id);

	if (error || !id)
		die(error, "no XDP program on %s", arguments[2]);
	int fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		die(fd, "cannot open program %u", id);

	/* A program array takes programs that agree on multi-buffer support: try without, then with. */
	struct bpf_object *harness = load(arguments[0], 0), *floor = load(arguments[1], 0);
	int map = bpf_object__find_map_fd_by_name(harness, "under_test");
	if (bpf_map_update_elem(map, &(uint32_t){ 0 }, &fd, BPF_ANY)) {
		harness = load(arguments[0], BPF_F_XDP_HAS_FRAGS);
		floor = load(arguments[1], BPF_F_XDP_HAS_FRAGS);
	}
	struct flow_setup *setup = setup_of(harness);
	prepare(setup, arguments + 5, 0);
	setup->flows = atoi(arguments[4]);
	stay_on_one_cpu();

	/* The least of several: whatever else runs on this CPU only adds. */
	double baseline = INFINITY, with_program = INFINITY;
	for (int i = 0; i < ALONE_ROUNDS; i++) {
		baseline = fmin(baseline, repeat(harness, program(floor, "drop"), times, device, &ignored));
		with_program = fmin(with_program, repeat(harness, fd, times, device, &verdict));
	}
	printf("{\"nanoseconds\": %.1f, \"baseline\": %.1f, \"verdict\": %u}\n", with_program - baseline,
	       baseline, verdict);
	return 0;
}
