// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.AnnounceCounts;
import io.xdplb.datapath.Announcements.ClaimStatus;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.FlowCounts;
import io.xdplb.datapath.VipStatus;
import java.io.IOException;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class StatusTest {

  private static final Instant NOW = Instant.ofEpochSecond(1_800_000_000);

  private static final BackendStatus BUSY =
      new BackendStatus(
          backend("198.51.100.101", 80),
          Delivery.NAT,
          false,
          true,
          0,
          75,
          1234,
          65536,
          1200,
          9,
          20,
          3);
  private static final BackendStatus DRAINING =
      new BackendStatus(
          backend("198.51.100.102", 80),
          Delivery.pod(Ip.parse("198.51.100.2")),
          true,
          false,
          NOW.getEpochSecond() + 42,
          0,
          1,
          1023,
          1,
          5_000_000_000L,
          1,
          1);
  private static final BackendStatus IDLE = idle(backend("2001:db8::2", 53), Delivery.NAT);

  /** One of each way there is. */
  private static final List<BackendStatus> WAYS =
      List.of(
          idle(backend("198.51.100.101", 0), Delivery.L2),
          idle(backend("198.51.100.102", 0), Delivery.ipip(Ip.parse("198.51.100.102"))),
          idle(backend("198.51.100.103", 0), Delivery.gue(Ip.parse("198.51.100.103"))),
          idle(backend("198.51.100.104", 0), Delivery.natVia(Ip.parse("2001:db8::4"))));

  private final Status status =
      new Status(
          "/sys/fs/bpf/xdplb",
          NOW,
          List.of(
              new Attachment(
                  "eth0",
                  Attachment.Mode.NATIVE,
                  null,
                  null,
                  Attachment.Egress.CLSACT,
                  "tcx: EINVAL"),
              new Attachment(
                  "eth1",
                  Attachment.Mode.GENERIC,
                  "NoNativeMode",
                  "the driver has none",
                  null,
                  "detached"),
              new Attachment("eth2", Attachment.Mode.NONE, "XdpConflict", "another program")),
          List.of(Ip.parse("198.51.100.1"), Ip.parse("198.51.100.2")),
          new FlowCounts(12345, 2, 0, 1),
          List.of(
              new VipStatus(
                  vip("203.0.113.10", Protocol.TCP, 80),
                  0,
                  Access.OPEN,
                  101,
                  7,
                  List.of(BUSY, DRAINING)),
              new VipStatus(
                  new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 8000, 8999),
                  5400,
                  Access.from(ranges(3), UnavailablePolicy.DROP),
                  101,
                  0,
                  WAYS),
              new VipStatus(
                  vip("2001:db8::1", Protocol.UDP, 53),
                  0,
                  Access.from(List.of(), UnavailablePolicy.REJECT),
                  0,
                  0,
                  List.of(IDLE))),
          new TreeMap<>(
              Map.of(
                  Ip.parse("203.0.113.10"), new ClaimStatus(3, 2),
                  Ip.parse("2001:db8::1"), new ClaimStatus(1, 2))),
          new AnnounceCounts(5, 1, 0, 1234, 0, 7, 2),
          drops(Map.of(DropReason.NO_BACKEND, 1234567L)));

  @Test
  void forPeopleItIsATable() {
    assertThat(StatusText.of(status))
        .isEqualTo(
            """
            Datapath /sys/fs/bpf/xdplb

            INTERFACE  MODE          EGRESS        NOTE
            eth0       native        clsact
            eth1       generic       not attached  the driver has none; detached
            eth2       not attached  not attached  another program

            Encapsulated packets are accepted from 198.51.100.1, 198.51.100.2.
            Flows remembered: 12,345 of NAT, 2 of endpoints here, 1 of affinity.

            VIP / BACKEND               STATE                HOW                               SHARE  FLOWS  LIVE  PACKETS IN  BYTES IN  PACKETS OUT  BYTES OUT  DROPPED
            TCP 203.0.113.10:80                                                                          21     4       1,235  65.0 KiB        1,201    4.7 GiB        7
              198.51.100.101:80         active               NAT                              74.3 %     20     3       1,234  64.0 KiB        1,200        9 B
              198.51.100.102:80         draining, 42 s left  DSR, GUE via 198.51.100.2, here   0.0 %      1     1           1    1023 B            1    4.7 GiB
            TCP 203.0.113.10:8000-8999                                                                    0     0           0       0 B            0        0 B        0
              198.51.100.101:*          idle                 DSR, L2                           0.0 %      0     0           0       0 B            0        0 B
              198.51.100.102:*          idle                 DSR, IPIP                         0.0 %      0     0           0       0 B            0        0 B
              198.51.100.103:*          idle                 DSR, GUE                          0.0 %      0     0           0       0 B            0        0 B
              198.51.100.104:*          idle                 NAT, GUE via 2001:db8::4          0.0 %      0     0           0       0 B            0        0 B
            UDP [2001:db8::1]:53        takes none                                                        0     0           0       0 B            0        0 B        0
              [2001:db8::2]:53          idle                 NAT                               0.0 %      0     0           0       0 B            0        0 B

            VIP                         OPEN TO                                AFFINITY  REFUSES
            TCP 203.0.113.10:8000-8999  10.0.0.0/16, 10.1.0.0/16, 10.2.0.0/16  1h30m     silently
            UDP [2001:db8::1]:53        nobody

            ANNOUNCED ADDRESS  ARP AND NDP              VOTES  NEEDED
            203.0.113.10       answered                     3       2
            2001:db8::1        withheld: too few votes      1       2
            Questions answered: 1,234 by ARP, 7 by NDP; withheld: 0 and 2.

            DROPPED       PACKETS  BECAUSE
            no_backend  1,234,567  no backend takes new flows
            """);
  }

  @Test
  void anEmptyDatapathSaysSo() {
    assertThat(
            StatusText.of(
                new Status(
                    "/p",
                    NOW,
                    List.of(),
                    List.of(),
                    new FlowCounts(0, 0, 0, 0),
                    List.of(),
                    new TreeMap<>(),
                    new AnnounceCounts(0, 0, 0, 0, 0, 0, 0),
                    drops(Map.of()))))
        .isEqualTo(
            """
            Datapath /p

            Attached to no interface: no packet reaches the datapath.

            Encapsulated packets are accepted from nobody.
            Flows remembered: none.

            No VIPs.

            No packets dropped.
            """);
  }

  @Test
  void forMachinesItIsJson() throws IOException {
    JsonNode json = new ObjectMapper().readTree(StatusJson.of(status));
    assertThat(json.at("/pinPath").asText()).isEqualTo("/sys/fs/bpf/xdplb");
    assertThat(json.at("/time").asText()).isEqualTo("2027-01-15T08:00:00Z");
    assertThat(json.at("/interfaces/0").toString())
        .isEqualTo(
            "{\"name\":\"eth0\",\"attached\":true,\"mode\":\"native\",\"egress\":\"clsact\","
                + "\"egressMessage\":\"tcx: EINVAL\"}");
    assertThat(json.at("/interfaces/2").toString())
        .isEqualTo(
            "{\"name\":\"eth2\",\"attached\":false,\"reason\":\"XdpConflict\","
                + "\"message\":\"another program\"}");
    assertThat(json.at("/vips/0/address").asText()).isEqualTo("203.0.113.10");
    assertThat(json.at("/vips/0/protocol").asText()).isEqualTo("TCP");
    assertThat(json.at("/vips/0/port").asInt()).isEqualTo(80);
    assertThat(json.at("/vips/0/packetsDropped").asLong()).isEqualTo(7);
    JsonNode busy = json.at("/vips/0/backends/0");
    assertThat(busy.get("state").asText()).isEqualTo("active");
    assertThat(busy.get("share").asDouble()).isBetween(0.742, 0.743);
    assertThat(busy.get("flowsNow").asLong()).isEqualTo(3);
    assertThat(busy.has("drainUntil")).isFalse();
    assertThat(json.at("/vips/0/backends/1/drainUntil").asText()).isEqualTo("2027-01-15T08:00:42Z");
    assertThat(json.at("/peers").toString()).isEqualTo("[\"198.51.100.1\",\"198.51.100.2\"]");
    assertThat(json.at("/flows").toString())
        .isEqualTo("{\"nat\":12345,\"hosted\":2,\"remembered\":0,\"affinity\":1}");
    assertThat(json.at("/drops/no_backend").asLong()).isEqualTo(1234567);
    assertThat(json.get("drops"))
        .as("reasons without packets too")
        .hasSize(DropReason.values().length);
  }

  @Test
  void howItForwardsIsInTheJsonByTheWordsOfTheManifests() throws IOException {
    JsonNode vips = new ObjectMapper().readTree(StatusJson.of(status)).at("/vips");
    assertThat(vips.at("/0/unavailablePolicy").asText()).isEqualTo("Reject");
    assertThat(vips.at("/0").has("sourceRanges")).as("open").isFalse();
    assertThat(vips.at("/0").has("affinitySeconds")).isFalse();
    assertThat(vips.at("/1/port").asInt()).isEqualTo(8000);
    assertThat(vips.at("/1/endPort").asInt()).isEqualTo(8999);
    assertThat(vips.at("/1/affinitySeconds").asInt()).isEqualTo(5400);
    assertThat(vips.at("/1/sourceRanges")).hasSize(3);
    assertThat(vips.at("/1/unavailablePolicy").asText()).isEqualTo("Drop");
    assertThat(vips.at("/2/sourceRanges").isArray()).isTrue();
    assertThat(vips.at("/2/sourceRanges")).as("closed").isEmpty();
    JsonNode pod = vips.at("/0/backends/1");
    assertThat(pod.get("mode").asText()).isEqualTo("DSR");
    assertThat(pod.get("encapsulation").asText()).isEqualTo("GUE");
    assertThat(pod.get("node").asText()).isEqualTo("198.51.100.2");
    assertThat(pod.get("agent").asBoolean()).isTrue();
    assertThat(pod.get("here").asBoolean()).isTrue();
    JsonNode l2 = vips.at("/1/backends/0");
    assertThat(l2.get("mode").asText()).isEqualTo("DSR");
    assertThat(l2.get("encapsulation").asText()).isEqualTo("None");
    assertThat(l2.has("node")).isFalse();
  }

  private static Map<DropReason, Long> drops(Map<DropReason, Long> some) {
    Map<DropReason, Long> all = new EnumMap<>(DropReason.class);
    for (DropReason reason : DropReason.values()) {
      all.put(reason, some.getOrDefault(reason, 0L));
    }
    return all;
  }

  private static BackendStatus idle(BackendKey key, Delivery delivery) {
    return new BackendStatus(key, delivery, false, false, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  private static List<Cidr> ranges(int count) {
    return IntStream.range(0, count).mapToObj(i -> Cidr.parse("10." + i + ".0.0/16")).toList();
  }

  private static BackendKey backend(String address, int port) {
    return new BackendKey(Ip.parse(address), port);
  }

  private static VipKey vip(String address, Protocol protocol, int port) {
    return new VipKey(Ip.parse(address), protocol, port);
  }
}
