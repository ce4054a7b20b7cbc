// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Callback;
import com.sun.jna.Pointer;

/**
 * The functions of libbpf 1.1 this package needs, by their C names, as JNA direct mappings. Those
 * that return an int answer {@code -errno}; those that return a pointer answer null and leave the
 * error number in {@link com.sun.jna.Native#getLastError()}. {@code size_t} is a long, C's bool a
 * byte. Arrays are copied in and out, so the callee must not keep their address.
 */
final class LibBpf {
  static {
    NativeLibraries.bind(LibBpf.class, "libbpf.so.1", "libbpf1");
    LibbpfLog.install();
  }

  private LibBpf() {}

  /** {@code libbpf_print_fn_t}. */
  interface PrintFunction extends Callback {
    int print(int level, Pointer format, Pointer args);
  }

  static native String libbpf_version_string();

  static native Pointer libbpf_set_print(PrintFunction function);

  static native int libbpf_num_possible_cpus();

  static native String libbpf_bpf_map_type_str(int type);

  static native String libbpf_bpf_prog_type_str(int type);

  // Objects

  static native Pointer bpf_object__open_mem(byte[] elf, long size, Pointer opts);

  static native int bpf_object__load(Pointer object);

  static native void bpf_object__close(Pointer object);

  static native Pointer bpf_object__btf(Pointer object);

  static native Pointer btf__raw_data(Pointer btf, int[] size);

  static native Pointer bpf_object__next_map(Pointer object, Pointer previous);

  static native Pointer bpf_object__next_program(Pointer object, Pointer previous);

  static native String bpf_map__name(Pointer map);

  static native byte bpf_map__is_internal(Pointer map);

  static native int bpf_map__fd(Pointer map);

  static native int bpf_map__type(Pointer map);

  static native int bpf_map__key_size(Pointer map);

  static native int bpf_map__value_size(Pointer map);

  static native int bpf_map__max_entries(Pointer map);

  static native int bpf_map__map_flags(Pointer map);

  static native int bpf_map__set_max_entries(Pointer map, int entries);

  static native int bpf_map__reuse_fd(Pointer map, int fd);

  static native Pointer bpf_map__initial_value(Pointer map, long[] size);

  static native String bpf_program__name(Pointer program);

  static native int bpf_program__fd(Pointer program);

  static native int bpf_program__flags(Pointer program);

  static native int bpf_program__set_flags(Pointer program, int flags);

  static native int bpf_program__set_autoload(Pointer program, byte autoload);

  // System calls

  static native int bpf_map_lookup_elem(int fd, byte[] key, byte[] value);

  static native int bpf_map_update_elem(int fd, byte[] key, byte[] value, long flags);

  static native int bpf_map_delete_elem(int fd, byte[] key);

  static native int bpf_map_get_next_key(int fd, byte[] key, byte[] next);

  static native int bpf_map_freeze(int fd);

  static native int bpf_map_lookup_batch(
      int fd, byte[] in, byte[] out, byte[] keys, byte[] values, int[] count, Pointer opts);

  static native int bpf_map_update_batch(
      int fd, byte[] keys, byte[] values, int[] count, Pointer opts);

  static native int bpf_map_delete_batch(int fd, byte[] keys, int[] count, Pointer opts);

  static native int bpf_obj_pin(int fd, String path);

  static native int bpf_obj_get(String path);

  static native int bpf_obj_get_info_by_fd(int fd, Pointer info, int[] length);

  static native int bpf_enable_stats(int type);

  static native int bpf_prog_test_run_opts(int fd, Pointer opts);

  static native int bpf_link_create(int program, int target, int attachType, Pointer opts);

  static native int bpf_link_update(int link, int program, Pointer opts);

  static native int bpf_link_detach(int link);

  static native int bpf_xdp_query(int ifindex, int flags, Pointer opts);

  static native int bpf_prog_query(
      int target, int attachType, int queryFlags, int[] attachFlags, int[] ids, int[] count);

  // Filters, by netlink

  static native int bpf_tc_hook_create(Pointer hook);

  static native int bpf_tc_attach(Pointer hook, Pointer opts);

  static native int bpf_tc_query(Pointer hook, Pointer opts);

  static native int bpf_tc_detach(Pointer hook, Pointer opts);
}
