// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a program is ({@code struct bpf_prog_info}).
 *
 * @param type the kernel's number, {@code enum bpf_prog_type}
 * @param id the kernel's id of the program
 * @param name at most 15 characters
 * @param verifiedInstructions how many instructions the verifier walked through (kernel 5.16; 0
 *     before); it gives up at a million
 * @param runCount how often the program ran while {@link RunStatistics} were enabled
 * @param runTime how long it ran in total, counted likewise
 * @param mapIds the ids of the maps it uses
 */
public record ProgramInfo(
    int type,
    int id,
    String name,
    int verifiedInstructions,
    long runCount,
    Duration runTime,
    List<Integer> mapIds) {
  private static final int SIZE = 232;
  private static final int NR_MAP_IDS = 52;
  private static final int MAP_IDS = 56;

  static ProgramInfo read(int fd) {
    int maps = query(fd, Opts.zeroed(SIZE)).getInt(NR_MAP_IDS);
    Memory info = Opts.zeroed(SIZE + maps * Integer.BYTES);
    Pointer ids = info.share(SIZE);
    info.setInt(NR_MAP_IDS, maps);
    info.setPointer(MAP_IDS, maps == 0 ? null : ids);
    query(fd, info);
    return new ProgramInfo(
        info.getInt(0),
        info.getInt(4),
        info.getString(64),
        info.getInt(216),
        info.getLong(200),
        Duration.ofNanos(info.getLong(192)),
        IntStream.range(0, maps).mapToObj(i -> ids.getInt((long) i * Integer.BYTES)).toList());
  }

  private static Memory query(int fd, Memory info) {
    int result = LibBpf.bpf_obj_get_info_by_fd(fd, info, new int[] {SIZE});
    if (result < 0) {
      throw LibbpfException.of("describe", "program with descriptor " + fd, result);
    }
    return info;
  }

  /** The type's name as bpftool shows it: "xdp", "sched_cls". */
  public String typeName() {
    String known = LibBpf.libbpf_bpf_prog_type_str(type);
    return known == null ? "type " + type : known;
  }
}
