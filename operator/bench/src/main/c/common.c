/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

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

struct bpf_object *open_object(const char *file)
{
	struct bpf_object *object = bpf_object__open(file);

	if (!object)
		die(errno, "cannot open %s", file);
	return object;
}

void load(struct bpf_object *object)
{
	int error = bpf_object__load(object);

	if (error)
		die(error, "cannot load %s", bpf_object__name(object));
}

int program(struct bpf_object *object, const char *name)
{
	struct bpf_program *found = bpf_object__find_program_by_name(object, name);

	if (!found)
		die(0, "no program %s in %s", name, bpf_object__name(object));
	return bpf_program__fd(found);
}

void *variable(struct bpf_object *object, const char *section, size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, section);

	if (!map || bpf_map__value_size(map) != size)
		die(0, "no %s of %zu bytes in %s", section, size, bpf_object__name(object));
	/* libbpf's own view of it is a copy once the object is loaded. */
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (memory == MAP_FAILED)
		die(errno, "cannot map %s of %s", section, bpf_object__name(object));
	return memory;
}

int index_of(const char *device)
{
	int index = if_nametoindex(device);

	if (!index)
		die(errno, "no device %s here", device);
	return index;
}

void stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die(errno, "cannot stay on one CPU");
	/* Other processes only add to what is measured; without CAP_SYS_NICE they do. */
	(void)setpriority(PRIO_PROCESS, 0, -20);
}
