/* SPDX-License-Identifier: Apache-2.0 */
/* Programs and interfaces: attach, detach, and what the verifier says of an object's programs. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "xdpbench.h"

/* Attached by netlink: stays when this process ends, until `detach` or the device goes. */
int command_attach(char **arguments)
{
	const char *mode = arguments[3];
	int index = index_of(arguments[2]);
	int flags = !strcmp(mode, "generic") ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	struct bpf_object *object = open_object(arguments[0]);

	load(object);
	int error = bpf_xdp_attach(index, program(object, arguments[1]),
				   flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
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

/* Loads an object as it is, and prints for each program what the verifier went through. */
int command_programs(char **arguments)
{
	struct bpf_object *object = open_object(arguments[0]);
	struct bpf_program *each;
	const char *separator = "";

	load(object);
	printf("{");
	bpf_object__for_each_program(each, object) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		int error = bpf_obj_get_info_by_fd(bpf_program__fd(each), &info, &size);
		if (error)
			die(error, "cannot ask about %s", bpf_program__name(each));
		/* Verified since kernel 5.16; 0 before. */
		printf("%s\"%s\": {\"verified\": %u, \"instructions\": %zu, \"jited\": %u}", separator,
		       bpf_program__name(each), info.verified_insns, info.xlated_prog_len / sizeof(struct bpf_insn),
		       info.jited_prog_len);
		separator = ", ";
	}
	puts("}");
	return 0;
}
