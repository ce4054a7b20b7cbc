/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's tool: one command a file. Each prints one line of JSON, or dies with a reason. */
#pragma once

#include <stdint.h>

struct bpf_object;
struct flow_setup;

/* Prints what was attempted and why it failed, and exits with status 1. */
_Noreturn void die(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t now_ns(void);

/* Opens and loads an object file. */
struct bpf_object *load(const char *file, uint32_t program_flags);

/* The descriptor of a program in a loaded object. */
int program(struct bpf_object *object, const char *name);

/* The `setup` of a loaded object, as the programs see it. */
struct flow_setup *setup_of(struct bpf_object *object);

/* Fills in the frame. Addresses and MAC addresses are text. */
void prepare(struct flow_setup *setup, char **addresses, int syn);

/* source-mac destination-mac first-client vip port: what `prepare` takes. */
#define ADDRESSES 5

int command_attach(char **arguments);
int command_detach(char **arguments);
int command_packets(char **arguments);
int command_alone(char **arguments);
int command_paced(char **arguments);
