// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec.ListenerBackends;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Vip;
import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.core.digest.Sha256;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Large tables as several objects, and back.
 *
 * <p>A backend is in the slice that its address says, so one pod's change is a change of one slice
 * of each of its families. A slice never changes: its name ends with a digest of its content. Who
 * writes the slices first, then the table that lists them, and only then removes those that no
 * table lists, has at every moment a table that can be read, and always the one that was written.
 */
public final class TableSlices {

  /** Hexadecimal digits of a digest in a name. */
  private static final int DIGEST_LENGTH = 20;

  /** The fewest slices that are better than one object. */
  private static final int FEWEST = 2;

  /** A table with less than this share of what its slices are meant for gets half as many. */
  private static final int SHRINK = 4;

  private TableSlices() {}

  /**
   * A table as it is stored.
   *
   * @param table with its backends, or with the names of slices
   * @param slices by name; none if the table has its backends in itself
   */
  public record Stored(ForwardingTableSpec table, Map<String, ForwardingTableSliceSpec> slices) {}

  private record Place(String listener, IpFamily family) implements Comparable<Place> {
    static Place of(Vip vip) {
      boolean isIpv6 = vip.address() != null && vip.address().indexOf(':') >= 0;
      return new Place(vip.listener(), isIpv6 ? IpFamily.IPv6 : IpFamily.IPv4);
    }

    @Override
    public int compareTo(Place other) {
      int byListener = listener.compareTo(other.listener);
      return byListener == 0 ? family.compareTo(other.family) : byListener;
    }
  }

  /**
   * How a table is to be stored.
   *
   * @param name of the table
   * @param whole as it is compiled: VIPs of the same listener and family have the same backends
   * @param slices how many the table has now: few changes of size change their number
   */
  public static Stored split(String name, ForwardingTableSpec whole, int slices) {
    int count = count(whole.vips().stream().mapToLong(vip -> vip.backends().size()).sum(), slices);
    if (count == 0) {
      return new Stored(whole, Map.of());
    }
    Map<Place, List<Backend>> places = new TreeMap<>();
    whole.vips().forEach(vip -> places.putIfAbsent(Place.of(vip), vip.backends()));
    List<List<ListenerBackends>> contents =
        Stream.generate(() -> (List<ListenerBackends>) new ArrayList<ListenerBackends>())
            .limit(count)
            .toList();
    places.forEach(
        (place, backends) -> {
          List<List<Backend>> shares =
              Stream.generate(() -> (List<Backend>) new ArrayList<Backend>()).limit(count).toList();
          backends.forEach(backend -> shares.get(sliceOf(backend.address(), count)).add(backend));
          IntStream.range(0, count)
              .filter(slice -> !shares.get(slice).isEmpty())
              .forEach(
                  slice ->
                      contents
                          .get(slice)
                          .add(
                              new ListenerBackends(
                                  place.listener(), place.family(), shares.get(slice))));
        });
    Map<String, ForwardingTableSliceSpec> specs = new LinkedHashMap<>();
    List<String> names = new ArrayList<>();
    for (List<ListenerBackends> content : contents) {
      ForwardingTableSliceSpec slice = new ForwardingTableSliceSpec(name, content);
      names.add(nameOf(slice));
      specs.put(nameOf(slice), slice);
    }
    return new Stored(
        new ForwardingTableSpec(
            whole.tableHash(),
            whole.sourceRanges(),
            whole.unavailablePolicy(),
            whole.healthCheck(),
            whole.vips().stream().map(vip -> vip.with(null)).toList(),
            names),
        specs);
  }

  /** Whether the backends of a table are in slices. */
  public static boolean isSplit(ForwardingTableSpec table) {
    return table != null && table.slices() != null && !table.slices().isEmpty();
  }

  /**
   * A table with the backends of its slices, which it lists still. They are in no particular order.
   *
   * @param table that {@link #isSplit}; anything else in it may be missing or wrong
   * @param slices all that the table lists, by name
   */
  public static ForwardingTableSpec assemble(
      ForwardingTableSpec table, Function<String, ForwardingTableSliceSpec> slices) {
    if (table.vips() == null) {
      return table;
    }
    Map<Place, List<Backend>> backends = new HashMap<>();
    table.slices().stream()
        .distinct()
        .map(slices)
        .filter(slice -> slice.backends() != null)
        .flatMap(slice -> slice.backends().stream())
        .filter(Objects::nonNull)
        .filter(some -> some.backends() != null)
        .forEach(
            some ->
                backends
                    .computeIfAbsent(
                        new Place(some.listener(), some.family()), place -> new ArrayList<>())
                    .addAll(some.backends()));
    return new ForwardingTableSpec(
        table.tableHash(),
        table.sourceRanges(),
        table.unavailablePolicy(),
        table.healthCheck(),
        table.vips().stream()
            .map(
                vip ->
                    vip == null ? null : vip.with(backends.getOrDefault(Place.of(vip), List.of())))
            .toList(),
        table.slices());
  }

  /** How many slices suit so many backends, a power of two; 0 if one object does. */
  static int count(long backends, int now) {
    int count = Integer.highestOneBit(now);
    while (backends > (long) Math.max(1, count) * Limits.SLICE_BACKENDS) {
      count = Math.max(FEWEST, 2 * count);
    }
    while (count > 0 && backends <= (long) count * Limits.SLICE_BACKENDS / SHRINK) {
      count = count <= FEWEST ? 0 : count / 2;
    }
    return count;
  }

  /** By the address alone: all ports of a pod are in the same slice. */
  private static int sliceOf(String address, int count) {
    int hash = address.hashCode();
    hash = (hash ^ hash >>> 16) * 0x85ebca6b; // the end of MurmurHash3: low bits depend on all
    hash = (hash ^ hash >>> 13) * 0xc2b2ae35;
    return (hash ^ hash >>> 16) & count - 1;
  }

  /** The name of a slice: that of its table, cut if need be, and the digest of its content. */
  static String nameOf(ForwardingTableSliceSpec slice) {
    StringBuilder content = new StringBuilder("xdplb slice 1\n").append(slice.table()).append('\n');
    for (ListenerBackends some : slice.backends()) {
      line(content, some.listener(), some.family(), some.backends().size());
      for (Backend backend : some.backends()) {
        line(
            content,
            backend.address(),
            backend.port(),
            backend.weight(),
            backend.drainSeconds(),
            backend.mode(),
            backend.encapsulation(),
            backend.node(),
            backend.agent());
        if (backend.parts() != null) {
          backend.parts().forEach(part -> line(content, part.place(), part.name(), part.weight()));
        }
      }
    }
    String digest =
        HexFormat.of()
            .formatHex(Sha256.start().digest(content.toString().getBytes(StandardCharsets.UTF_8)))
            .substring(0, DIGEST_LENGTH);
    int most = Limits.NAME_LENGTH - DIGEST_LENGTH - 1;
    String start = slice.table().substring(0, Math.min(most, slice.table().length()));
    return start.replaceFirst("[-.]+$", "") + "-" + digest;
  }

  /** None of the values has a space or the end of a line in it. */
  private static void line(StringBuilder content, Object... values) {
    for (Object value : values) {
      content.append(value == null ? "-" : value).append(' ');
    }
    content.append('\n');
  }
}
