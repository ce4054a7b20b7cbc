/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's tool: one command a file. Each prints one line of JSON, or dies with a reason. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "traffic.h"

struct bpf_object;

/* Prints what was attempted and why it failed, and exits with status 1. */
_Noreturn void die(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t now_ns(void);

/* The number of a device of this namespace. */
int index_of(const char *device);

/* This process's programs and what they cause are from now on one busy core. */
void stay_on_one_cpu(void);

struct bpf_object *open_object(const char *file);
void load(struct bpf_object *object);

/* The descriptor of a program in a loaded object. */
int program(struct bpf_object *object, const char *name);

/* A variable that has a section for itself, as the programs of a loaded object see it. */
void *variable(struct bpf_object *object, const char *section, size_t size);

/* Frames as the command line describes them. */
struct frames {
	struct shape shape;
	struct traffic traffic;
};

/* Words like "frame=HEX": see traffic.c. */
void parse_frames(struct frames *frames, const char *words);

/* Tells an object that is open, and not yet loaded, what frames it will write. */
void shape_object(struct bpf_object *object, const struct frames *frames);

int command_attach(char **arguments);
int command_detach(char **arguments);
int command_wire(char **arguments);
int command_alone(char **arguments);
int command_paced(char **arguments);
int command_programs(char **arguments);
