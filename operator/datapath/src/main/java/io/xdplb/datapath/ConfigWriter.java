// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Fills the datapath's configuration. What belongs to the flow table, its seed and its port range,
 * stays as long as that does.
 */
final class ConfigWriter {
  private static final Path EPHEMERAL = Path.of("/proc/sys/net/ipv4/ip_local_port_range");
  private static final Duration JIFFIES_MEASURED = Duration.ofMillis(100);
  private static final int[] USUAL_HZ = {100, 250, 300, 1000};

  /** Idle times; RFC 5382 asks for 2 h 4 min and 4 min, TIME_WAIT of Linux lasts 60 s. */
  static final int TCP_ESTABLISHED = 7440;

  private static final int TCP_HALF_CLOSED = 240;
  private static final int TCP_CLOSED = 60;
  private static final int TCP_NEW = 60;
  private static final int TCP_RESET = 10;

  /** As Linux's connection tracking has them by default. */
  private static final int UDP_NEW = 30;

  private static final int UDP_CONFIRMED = 180;

  /**
   * For how long former owners of a slot are asked about new flows: SYNs are repeated for as long.
   */
  private static final int UNSETTLED = 60;

  private static final int ANSWERS_A_SECOND = 1000;

  /** Headers of the packets inside, without options. */
  private static final int TCP_IPV4 = 40;

  private static final int TCP_IPV6 = 60;

  private final Maps maps;
  private final ByteBuffer config;

  ConfigWriter(Maps maps) {
    this.maps = maps;
    config = maps.config.buffer();
  }

  /**
   * Compares the port range with the kernel's ephemeral ports.
   *
   * @throws DatapathException if they overlap
   */
  static void check(PortRange natPorts) {
    PortRange ephemeral = ephemeralPorts();
    if (natPorts.overlaps(ephemeral)) {
      throw new DatapathException(
          DatapathException.Reason.NatPortsOverlap,
          ("the NAT port range %s overlaps with %s = %s: this host's own connections would be"
                  + " mistaken for translated ones; choose a range outside it, or change the sysctl")
              .formatted(natPorts, EPHEMERAL, ephemeral));
    }
  }

  /** Writes all. */
  void write(PortRange natPorts) {
    int second = config.getInt(Layouts.Config.SECOND);
    if (second == 0) {
      second = jiffiesPerSecond();
      config.putInt(Layouts.Config.FLOW_SEED, new SecureRandom().nextInt());
    }
    config.putShort(Layouts.Config.NAT_PORT_FIRST, (short) natPorts.first());
    config.putShort(Layouts.Config.NAT_PORT_COUNT, (short) natPorts.size());
    config.putInt(Layouts.Config.TIMEOUT_TCP_NEW, TCP_NEW * second);
    config.putInt(Layouts.Config.TIMEOUT_TCP_ESTABLISHED, TCP_ESTABLISHED * second);
    config.putInt(Layouts.Config.TIMEOUT_TCP_HALF_CLOSED, TCP_HALF_CLOSED * second);
    config.putInt(Layouts.Config.TIMEOUT_TCP_CLOSED, TCP_CLOSED * second);
    config.putInt(Layouts.Config.TIMEOUT_TCP_RESET, TCP_RESET * second);
    config.putInt(Layouts.Config.TIMEOUT_UDP_NEW, UDP_NEW * second);
    config.putInt(Layouts.Config.TIMEOUT_UDP_CONFIRMED, UDP_CONFIRMED * second);
    config.putInt(Layouts.Config.UNSETTLED, UNSETTLED * second);
    config.putInt(Layouts.Config.ANSWERS, ANSWERS_A_SECOND);
    config.putShort(Layouts.Config.TUNNEL_PORT, Wire.nativeShort(OuterHeader.GUE_PORT));
    config.putShort(Layouts.Config.HELLO_PORT, (short) Announcements.HELLO_PORT);
    Shared.publish(config, Layouts.Config.SECOND, second);
    nextHopsChanged();
  }

  /**
   * Tells what the segments of clients may be like that come here through a tunnel.
   *
   * @param mtu the largest packet inside; 0 if not known
   */
  void tunnelMtu(int mtu) {
    config.putShort(Layouts.Config.MSS_IPV4, (short) Math.max(0, mtu - TCP_IPV4));
    config.putShort(Layouts.Config.MSS_IPV6, (short) Math.max(0, mtu - TCP_IPV6));
  }

  /** Makes the datapath resolve every next hop again when it is next needed. */
  void nextHopsChanged() {
    int generation = config.getInt(Layouts.Config.NEXTHOP_GENERATION);
    Shared.publish(config, Layouts.Config.NEXTHOP_GENERATION, generation + 1);
  }

  private static PortRange ephemeralPorts() {
    // a sysctl of two numbers is given whole to one large read and cut short for small ones
    try (BufferedReader reader = Files.newBufferedReader(EPHEMERAL)) {
      String[] ends = reader.readLine().strip().split("\\s+");
      return new PortRange(Integer.parseInt(ends[0]), Integer.parseInt(ends[1]));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the ephemeral port range", e);
    }
  }

  /** The kernel's HZ, which it tells nobody: measured, and taken to be a usual one. */
  private int jiffiesPerSecond() {
    long start = System.nanoTime();
    int first = FlowClock.jiffies(maps.jiffies());
    LockSupport.parkNanos(JIFFIES_MEASURED.toNanos());
    while (System.nanoTime() - start < JIFFIES_MEASURED.toNanos()) {
      Thread.onSpinWait(); // woken early
    }
    int passed = FlowClock.jiffies(maps.jiffies()) - first;
    double measured = passed * (double) TimeUnit.SECONDS.toNanos(1) / (System.nanoTime() - start);
    int nearest = USUAL_HZ[0];
    for (int hz : USUAL_HZ) {
      if (Math.abs(hz - measured) < Math.abs(nearest - measured)) {
        nearest = hz;
      }
    }
    return nearest;
  }
}
