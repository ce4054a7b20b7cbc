/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "xdpbench.h"

static const struct {
	const char *name;
	int (*run)(char **arguments);
	int arguments;
	const char *usage;
} COMMANDS[] = {
	{ "attach", command_attach, 4, "OBJECT PROGRAM DEVICE native|generic" },
	{ "detach", command_detach, 1, "DEVICE" },
	{ "programs", command_programs, 1, "OBJECT" },
	{ "wire", command_wire, 4, "GENERATOR SINK DEVICE FRAMES" },
	{ "alone", command_alone, 4, "HARNESS FLOOR REWRITE DEVICE" },
	{ "paced", command_paced, 5, "ADDRESS PORT REQUESTS-PER-SECOND CONNECTIONS SECONDS" },
};

int main(int argc, char **argv)
{
	int commands = sizeof(COMMANDS) / sizeof(COMMANDS[0]);

	for (int i = 0; i < commands; i++)
		if (argc > 1 && !strcmp(argv[1], COMMANDS[i].name) && argc - 2 == COMMANDS[i].arguments)
			return COMMANDS[i].run(argv + 2);
	for (int i = 0; i < commands; i++)
		fprintf(stderr, "usage: xdpbench %s %s\n", COMMANDS[i].name, COMMANDS[i].usage);
	return 2;
}
