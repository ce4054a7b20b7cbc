// SPDX-License-Identifier: Apache-2.0
// One map of each kind the binding knows, programs that use them, and global variables.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef __u8 address[16];

enum verdict_reason {
	REASON_NONE = 0,
	REASON_POLICY = 7,
	REASON_BELOW = -2,
};

struct backend {
	address addr;
	__u16 port;
	__u32 weight;
	union {
		__u32 ifindex;
		__u8 mac[6];
	};
	__u64 packets[2];
	__u8 last;
};

struct flags {
	__u8 whole;
	__u8 low : 4;
	__u8 high : 4;
};

typedef struct {
	__u16 first;
	__u64 second;
} pair;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 100000);
	__type(key, __u32);
	__type(value, __u64);
} many SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} runs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65537);
	__type(key, __u32);
	__type(value, __u64);
} ring SEC(".maps");

const volatile __u8 first_byte = 0;
const volatile __u16 limit = 0;
const volatile struct backend fixed;
__u32 seen;
__u32 start = 5;
/* Keeps the types that no map has in the object's BTF. */
enum verdict_reason reason = REASON_NONE;
struct flags flags;
pair two;

/* Counts, writes first_byte into the packet, and decides by the ring's slot 0. */
SEC("xdp")
int balance(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	__u32 *count = bpf_map_lookup_elem(&runs, &zero);
	__u64 *slot = bpf_map_lookup_elem(&ring, &zero);

	if (count)
		(*count)++;
	seen = ctx->ingress_ifindex;
	if ((void *)(data + 14) > end)
		return XDP_ABORTED;
	if (first_byte)
		data[0] = first_byte;
	if (limit && end - (void *)data > limit)
		return XDP_DROP;
	return slot && *slot ? *slot & 7 : XDP_PASS;
}

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	start++;
	return XDP_DROP;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	__u32 key = 1;
	struct backend *backend = bpf_map_lookup_elem(&backends, &key);
	__u64 *value = bpf_map_lookup_elem(&many, &key);

	if (backend && value)
		backend->weight++;
	reason = fixed.weight ? REASON_POLICY : REASON_BELOW;
	flags.whole = two.first;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
