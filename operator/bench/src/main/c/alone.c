/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of a device alone, run by the harness on the maps that it has. What to do is read from
 * standard input, a line each; FRAMES is what traffic.c describes:
 *
 *   pass FRAMES          each flow once, to bring the program into a state; what the last frame
 *                        became is printed, and whateach one became is what later FRAMES with
 *                        vary=answers answer
 *   reference FRAMES     what measurements after it compare with: the plain rewrite, on these frames
 *   measure BLOCKS FRAMES
 *                        nanoseconds a run, and those of the reference, over so many blocks of runs
 *
 * Each prints one element of a JSON array.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xdpbench.h"

/*
 * What is compared is measured in turns, so often, each time for some blocks. Medians over the
 * blocks, and then over the turns.
 */
#define TURNS 10
#define MOST_BLOCKS 1000

struct alone {
	const char *harness;
	int device;
	int under_test;
	int nothing; /* a program that does nothing */
	uint32_t flags; /* of the programs: with multi-buffer support, if the program under test has it */
	int answers; /* descriptor of the map that the last pass filled; -1: there was none */
};

/* The harness with its frames. */
struct bed {
	struct bpf_object *object;
	struct traffic *traffic;
	struct outcome *outcome;
	struct place *place;
	uint32_t length;
};

/* Open, not loaded. */
static struct bpf_object *with_flags(const char *file, uint32_t flags)
{
	struct bpf_object *object = open_object(file);
	struct bpf_program *each;

	bpf_object__for_each_program(each, object)
		bpf_program__set_flags(each, flags);
	return object;
}

static int put(struct bed *bed, uint32_t key, int program)
{
	int map = bpf_object__find_map_fd_by_name(bed->object, "programs");

	return bpf_map_update_elem(map, &key, &program, BPF_ANY);
}

/* Its program under test is not put in. */
static struct bed make_bed(const struct alone *alone, const struct frames *frames, uint32_t answers)
{
	struct bed bed = { .object = with_flags(alone->harness, alone->flags), .length = frames->shape.length };
	struct bpf_map *map = bpf_object__find_map_by_name(bed.object, "answers");
	int error = 0;

	if (frames->shape.variation == ANSWERS) {
		if (alone->answers < 0)
			die(0, "there was no pass that could be answered");
		error = bpf_map__reuse_fd(map, alone->answers);
	} else if (answers) {
		error = bpf_map__set_max_entries(map, answers);
	}
	if (!error)
		error = bpf_map__set_max_entries(bpf_object__find_map_by_name(bed.object, "blocks"),
						 2 * MOST_BLOCKS);
	if (error)
		die(error, "cannot set the sizes of the harness's maps");
	shape_object(bed.object, frames);
	load(bed.object);
	bed.traffic = variable(bed.object, ".data.traffic", sizeof(*bed.traffic));
	bed.outcome = variable(bed.object, ".data.outcome", sizeof(*bed.outcome));
	bed.place = variable(bed.object, ".data.place", sizeof(*bed.place));
	*bed.traffic = frames->traffic;
	/* Far from the other one: what one of them has just read from memory must not help the other. */
	bed.traffic->cursors[NOTHING].flow = frames->traffic.flows / 2;
	return bed;
}

static struct bed make_bed_for(const struct alone *alone, const struct frames *frames, uint32_t answers,
			       int under_test)
{
	struct bed bed = make_bed(alone, frames, answers);
	int error = put(&bed, UNDER_TEST, under_test);

	if (!error)
		error = put(&bed, NOTHING, alone->nothing);
	if (error)
		die(error, "cannot put a program into the harness");
	return bed;
}

/* What the last frame became, and the verdict on it. */
struct last {
	uint32_t verdict;
	uint32_t length;
	uint8_t frame[2 * MAX_FRAME];
};

static void run(const struct alone *alone, struct bed *bed, const char *name, int times, struct last *last)
{
	struct xdp_md context = { .data_end = bed->length, .ingress_ifindex = alone->device };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bed->traffic->frame, .data_size_in = bed->length,
		    .data_out = last->frame, .data_size_out = sizeof(last->frame), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = times);
	int error;

	bed->traffic->written = 0;
	bed->place->home = 0;
	error = bpf_prog_test_run_opts(program(bed->object, name), &options);
	if (error)
		die(error, "cannot run the harness");
	last->verdict = options.retval;
	last->length = options.data_size_out;
}

static int ascending(const void *left, const void *right)
{
	double difference = *(const double *)left - *(const double *)right;

	return (difference > 0) - (difference < 0);
}

static double median(double *values, int count)
{
	qsort(values, count, sizeof(*values), ascending);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Medians of nanoseconds a run. */
struct cost {
	double program; /* net */
	double floor;
};

static struct cost turn(const struct alone *alone, struct bed *bed, int count)
{
	size_t size = 2 * MOST_BLOCKS * sizeof(uint64_t);
	double kinds[2][MOST_BLOCKS];
	struct last ignored;
	int map = bpf_object__find_map_fd_by_name(bed->object, "blocks");

	/* One more: a block is noted when the next one begins. */
	run(alone, bed, "harness", 2 * count * BLOCK + 1, &ignored);
	uint64_t *blocks = mmap(NULL, size, PROT_READ, MAP_SHARED, map, 0);
	if (blocks == MAP_FAILED)
		die(errno, "cannot map the times of the blocks");
	for (int i = 0; i < 2 * count; i++)
		kinds[i % 2][i / 2] = (double)blocks[i] / BLOCK;
	munmap(blocks, size);
	double floor = median(kinds[NOTHING], count);
	return (struct cost){ median(kinds[UNDER_TEST], count) - floor, floor };
}

static void print_frame(const struct last *last)
{
	printf("\"frame\": \"");
	for (uint32_t i = 0; i < last->length; i++)
		printf("%02x", last->frame[i]);
	printf("\", \"verdict\": %u", last->verdict);
}

static void pass(struct alone *alone, const char *words)
{
	struct frames frames;
	struct last last;

	parse_frames(&frames, words);
	uint32_t flows = frames.traffic.flows;
	if (!flows)
		die(0, "a pass needs a number of flows");
	struct bed bed = make_bed_for(alone, &frames, flows, alone->under_test);
	run(alone, &bed, "record", flows + 1, &last);
	uint64_t changed = bed.outcome->changed;
	/* The first flow's once more: the last run of the pass was nobody's. */
	run(alone, &bed, "harness", 1, &last);
	printf("{\"frames\": %u, \"changed\": %llu, ", flows, (unsigned long long)changed);
	print_frame(&last);
	printf("}");
	if (frames.shape.variation == FLOWS) {
		if (alone->answers >= 0)
			close(alone->answers);
		alone->answers = dup(bpf_object__find_map_fd_by_name(bed.object, "answers"));
	}
	bpf_object__close(bed.object);
}

static void measure(struct alone *alone, struct bed *reference, const char *words)
{
	double program[TURNS], floor[TURNS], compared[TURNS];
	struct frames frames;
	struct last last;
	int blocks, used = 0;

	if (sscanf(words, "%d%n", &blocks, &used) != 1 || blocks < 1 || blocks > MOST_BLOCKS)
		die(0, "not a number of blocks from 1 to %d: %s", MOST_BLOCKS, words);
	parse_frames(&frames, words + used);
	struct bed bed = make_bed_for(alone, &frames, 0, alone->under_test);
	for (int i = 0; i < TURNS; i++) {
		compared[i] = turn(alone, reference, blocks).program;
		struct cost cost = turn(alone, &bed, blocks);
		program[i] = cost.program;
		floor[i] = cost.floor;
	}
	run(alone, reference, "harness", 1, &last);
	if (last.verdict != XDP_TX)
		die(0, "the plain rewrite answers %u to its frame", last.verdict);
	run(alone, &bed, "harness", 1, &last);
	printf("{\"nanoseconds\": %.2f, \"floor\": %.2f, \"reference\": %.2f, ", median(program, TURNS),
	       median(floor, TURNS), median(compared, TURNS));
	print_frame(&last);
	printf("}");
	bpf_object__close(bed.object);
}

static int program_of(int device)
{
	uint32_t id;
	int error = bpf_xdp_query_id(device, 0, &id);

	if (error || !id)
		die(error, "no XDP program on device %d", device);
	int fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		die(fd, "cannot open program %u", id);
	return fd;
}

int command_alone(char **arguments)
{
	struct alone alone = { .harness = arguments[0], .device = index_of(arguments[3]), .answers = -1 };
	struct frames any;
	struct bed reference = {};
	char *line = NULL;
	size_t size = 0;
	const char *separator = "[";

	alone.under_test = program_of(alone.device);
	/* A program array takes programs that agree on multi-buffer support: try without, then with. */
	parse_frames(&any, "frame=0000000000000000000000000000");
	struct bed trial = make_bed(&alone, &any, 0);
	if (put(&trial, UNDER_TEST, alone.under_test))
		alone.flags = BPF_F_XDP_HAS_FRAGS;
	bpf_object__close(trial.object);
	struct bpf_object *floor = with_flags(arguments[1], alone.flags);
	struct bpf_object *rewrite = with_flags(arguments[2], alone.flags);
	load(floor);
	load(rewrite);
	alone.nothing = program(floor, "drop");

	stay_on_one_cpu();
	while (getline(&line, &size, stdin) > 0) {
		char *words = strchr(line, ' ');
		if (!words)
			die(0, "no such line: %s", line);
		*words++ = 0;
		if (!strcmp(line, "reference")) {
			parse_frames(&any, words);
			reference = make_bed_for(&alone, &any, 0, program(rewrite, "tutorial"));
			continue;
		}
		printf("%s", separator);
		separator = ", ";
		if (!strcmp(line, "pass"))
			pass(&alone, words);
		else if (!strcmp(line, "measure") && reference.object)
			measure(&alone, &reference, words);
		else
			die(0, "no such line: %s", line);
	}
	puts("]");
	return 0;
}
