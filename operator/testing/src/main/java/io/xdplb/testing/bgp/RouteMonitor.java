// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.bgp;

import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RunningProcess;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;

/** What happens to routes in a machine's kernel from now on, with the time of each change. */
public final class RouteMonitor implements AutoCloseable {

  private static final Pattern TIME = Pattern.compile("\\[(\\S+)] (.*)");

  private final RunningProcess process;

  /**
   * A change.
   *
   * @param text as {@code ip monitor route} has it: {@code Deleted} and the route, or the route
   */
  public record Change(Instant time, String text) {}

  /** Listens when this returns. */
  public RouteMonitor(Netns netns) {
    process = netns.start("ip", "-ts", "monitor", "route");
    // It says nothing when it listens; a route of ours is what it hears first.
    Awaitility.await("ip monitor")
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> {
              netns.ip("route replace blackhole 192.0.2.255", "route del 192.0.2.255");
              return !changes("192.0.2.255").isEmpty();
            });
  }

  /** Those of a route so far. */
  public List<Change> changes(String vip) {
    List<Change> changes = new ArrayList<>();
    Instant time = Instant.EPOCH;
    for (String line : process.output().split("\n")) {
      Matcher timed = TIME.matcher(line);
      if (timed.matches()) {
        time = LocalDateTime.parse(timed.group(1)).atZone(ZoneId.systemDefault()).toInstant();
        line = timed.group(2);
      }
      if (line.contains(vip + " ")) {
        changes.add(new Change(time, line.strip()));
      }
    }
    return changes;
  }

  @Override
  public void close() {
    process.close();
  }
}
