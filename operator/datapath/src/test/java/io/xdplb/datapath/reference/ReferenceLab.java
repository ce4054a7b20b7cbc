// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DropReason;
import io.xdplb.libbpf.BpfObject;
import io.xdplb.libbpf.BpfObjectSpec;
import io.xdplb.libbpf.Libbpf;
import io.xdplb.libbpf.TestRun;
import io.xdplb.testing.kernel.Netns;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * A machine with two interfaces, in a network namespace, whose neighbours exist in the kernel's
 * tables only. The program that ships is run on it by BPF_PROG_TEST_RUN, nothing is attached.
 *
 * <pre>
 * clients ─ router .126 ─┐
 * nodes, backends .2 … ──┴─ 198.51.100.0/25,   2001:db8:0:1::/64 ─ eth0 .1   ┐
 * nodes, backends .130 … ── 198.51.100.128/25, 2001:db8:0:2::/64 ─ eth1 .129 ┘ machine
 * </pre>
 *
 * There is no default route: who is in none of these networks the kernel does not know.
 */
final class ReferenceLab implements Routes, AutoCloseable {
  static final byte[] ROUTER = mac("02:00:00:00:00:fe");
  static final List<Ip> OWN =
      List.of(
          Ip.parse("198.51.100.1"),
          Ip.parse("198.51.100.129"),
          Ip.parse("2001:db8:0:1::1"),
          Ip.parse("2001:db8:0:2::1"));

  /** On the network of eth0, and nobody has its MAC address. */
  static final List<Ip> SILENT = List.of(Ip.parse("198.51.100.99"), Ip.parse("2001:db8:0:1::99"));

  private static final String OBJECT = "/io/xdplb/bpf/xdplb.bpf.o";
  private static final byte[][] MACS = {mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")};
  private static final List<List<Cidr>> NETWORKS =
      List.of(
          List.of(Cidr.parse("198.51.100.0/25"), Cidr.parse("2001:db8:0:1::/64")),
          List.of(Cidr.parse("198.51.100.128/25"), Cidr.parse("2001:db8:0:2::/64")));
  private static final List<Cidr> BY_ROUTER =
      List.of(Cidr.parse("192.0.2.0/24"), Cidr.parse("2001:db8:c::/48"));
  private static final int FIRST_HOST = 2;
  private static final int HOSTS = 40;
  private static final int FLOWS = 1 << 18;
  private static final int XDP_MD_SIZE = 24;

  private final Netns machine;
  private final Netns wire;
  private final int[] links = new int[2];

  ReferenceLab() {
    machine = Netns.create("ref");
    wire = Netns.create("refwire");
    try {
      List<String> lines = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        Netns.veth(machine, "eth" + i, wire, "eth" + i);
        lines.add("link set eth%d address %s".formatted(i, text(MACS[i])));
        lines.add("addr add %s/25 dev eth%d".formatted(OWN.get(i), i));
        lines.add("addr add %s/64 dev eth%d nodad".formatted(OWN.get(2 + i), i));
        for (int host = FIRST_HOST; host < FIRST_HOST + HOSTS; host++) {
          lines.add(neighbour(host(i, host, false), hostMac(i, host), i));
          lines.add(neighbour(host(i, host, true), hostMac(i, host), i));
        }
      }
      lines.add(neighbour(Ip.parse("198.51.100.126"), ROUTER, 0));
      lines.add(neighbour(Ip.parse("2001:db8:0:1::fe"), ROUTER, 0));
      lines.add("route add 192.0.2.0/24 via 198.51.100.126");
      lines.add("route add 2001:db8:c::/48 via 2001:db8:0:1::fe");
      machine.sysctl("net.ipv4.ip_forward", "1");
      machine.sysctl("net.ipv6.conf.all.forwarding", "1");
      machine.ip(lines.toArray(String[]::new));
      for (int i = 0; i < 2; i++) {
        links[i] = machine.index("eth" + i);
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static String neighbour(Ip address, byte[] mac, int link) {
    return "neigh replace %s lladdr %s dev eth%d nud permanent".formatted(address, text(mac), link);
  }

  /** A host on one of the two networks: 2 to 41. */
  static Ip host(int link, int number, boolean ipv6) {
    return ipv6
        ? Ip.parse("2001:db8:0:%d::%x".formatted(link + 1, number))
        : Ip.parse("198.51.100." + (link * 128 + number));
  }

  private static byte[] hostMac(int link, int host) {
    return new byte[] {2, 0, 0, 0, (byte) (link + 1), (byte) host};
  }

  private static byte[] mac(String text) {
    return HexFormat.ofDelimiter(":").parseHex(text);
  }

  private static String text(byte[] mac) {
    return HexFormat.ofDelimiter(":").formatHex(mac);
  }

  Netns netns() {
    return machine;
  }

  int ifindex(int link) {
    return links[link];
  }

  // ---- what the kernel's tables say

  @Override
  public Way to(Ip destination) {
    if (OWN.contains(destination)) {
      return new Here();
    }
    for (int link = 0; link < 2; link++) {
      for (Cidr network : NETWORKS.get(link)) {
        if (network.contains(destination)) {
          long number = destination.low() & (destination.isIpv4() ? 0x7f : -1);
          boolean router = link == 0 && number == (destination.isIpv4() ? 126 : 0xfe);
          if (router) {
            return new Hop(links[0], ROUTER, MACS[0]);
          }
          return number >= FIRST_HOST && number < FIRST_HOST + HOSTS
              ? new Hop(links[link], hostMac(link, (int) number), MACS[link])
              : new Nowhere(DropReason.NO_NEIGHBOUR);
        }
      }
    }
    return BY_ROUTER.stream().anyMatch(network -> network.contains(destination))
        ? new Hop(links[0], ROUTER, MACS[0])
        : new Nowhere(DropReason.NO_ROUTE);
  }

  @Override
  public byte[] mac(int ifindex) {
    return MACS[ifindex == links[0] ? 0 : 1];
  }

  // ---- the program

  /** Loads the object with maps of its own. */
  BpfObject load() {
    try (InputStream in = ReferenceLab.class.getResourceAsStream(OBJECT)) {
      if (in == null) {
        throw new IllegalStateException(OBJECT + " is not on the class path");
      }
      try (BpfObjectSpec spec = BpfObject.open("xdplb", in.readAllBytes())) {
        spec.map("keys").maxEntries(KernelTables.KEY_BUCKETS);
        spec.map("claims").maxEntries(KernelTables.ENTRIES);
        spec.map("flows").maxEntries(FLOWS);
        spec.map("flow_index").maxEntries(FLOWS / 2);
        for (String map : List.of("vips", "vip_cpus", "port_ranges", "backends")) {
          spec.map(map).maxEntries(KernelTables.ENTRIES);
        }
        spec.map("backend_cpus").maxEntries(KernelTables.ENTRIES * Libbpf.possibleCpus());
        spec.set("backend_cpu_stride", KernelTables.ENTRIES);
        spec.map("rings").maxEntries(KernelTables.RING_SLOTS / 16);
        spec.map("ring_histories").maxEntries(KernelTables.RING_SLOTS / 16);
        spec.map("histories").maxEntries(KernelTables.HISTORIES);
        spec.set("key_bucket_mask", KernelTables.KEY_BUCKETS - 1);
        spec.set("flow_mask", FLOWS - 1).set("flow_bucket_mask", FLOWS / 2 - 1);
        spec.set("multi_buffer", 1);
        spec.program("xdplb").xdpFrags();
        return spec.load();
      }
    } catch (IOException e) {
      throw new IllegalStateException("cannot read " + OBJECT, e);
    }
  }

  /**
   * How to run the program on a frame.
   *
   * @param linear how many bytes are in the first buffer; the others are in fragments
   */
  TestRun received(byte[] frame, int ifindex, int linear) {
    ByteBuffer xdp = ByteBuffer.allocate(XDP_MD_SIZE).order(ByteOrder.nativeOrder());
    xdp.putInt(4, Math.min(linear, frame.length)).putInt(12, ifindex);
    TestRun run = TestRun.on(frame);
    return new TestRun(
        frame, xdp.array(), run.repeat(), run.headroom(), run.batchSize(), run.live());
  }

  @Override
  public void close() {
    machine.close();
    wire.close();
  }
}
