// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.VipStatus;
import java.io.IOException;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StatusTest {

  private static final Instant NOW = Instant.ofEpochSecond(1_800_000_000);

  private static final BackendStatus BUSY =
      new BackendStatus(backend("198.51.100.101", 80), true, 0, 75, 1234, 65536, 1200, 9, 20, 3);
  private static final BackendStatus DRAINING =
      new BackendStatus(
          backend("198.51.100.102", 80),
          false,
          NOW.getEpochSecond() + 42,
          0,
          1,
          1023,
          1,
          5_000_000_000L,
          1,
          1);
  private static final BackendStatus IDLE =
      new BackendStatus(backend("2001:db8::2", 53), false, 0, 0, 0, 0, 0, 0, 0, 0);

  private final Status status =
      new Status(
          "/sys/fs/bpf/xdplb",
          NOW,
          List.of(
              new Attachment("eth0", Attachment.Mode.NATIVE, null, null),
              new Attachment(
                  "eth1", Attachment.Mode.GENERIC, "NoNativeMode", "the driver has none"),
              new Attachment("eth2", Attachment.Mode.NONE, "XdpConflict", "another program")),
          List.of(
              new VipStatus(vip("203.0.113.10", Protocol.TCP, 80), 101, 7, List.of(BUSY, DRAINING)),
              new VipStatus(vip("2001:db8::1", Protocol.UDP, 53), 0, 0, List.of(IDLE))),
          drops(Map.of(DropReason.NO_BACKEND, 1234567L)));

  @Test
  void forPeopleItIsATable() {
    assertThat(StatusText.of(status))
        .isEqualTo(
            """
            Datapath /sys/fs/bpf/xdplb

            INTERFACE  MODE          NOTE
            eth0       native
            eth1       generic       the driver has none
            eth2       not attached  another program

            VIP / BACKEND         STATE                 SHARE  FLOWS  LIVE  PACKETS IN  BYTES IN  PACKETS OUT  BYTES OUT  DROPPED
            TCP 203.0.113.10:80                                   21     4       1,235  65.0 KiB        1,201    4.7 GiB        7
              198.51.100.101:80   active               74.3 %     20     3       1,234  64.0 KiB        1,200        9 B
              198.51.100.102:80   draining, 42 s left   0.0 %      1     1           1    1023 B            1    4.7 GiB
            UDP [2001:db8::1]:53  takes none                       0     0           0       0 B            0        0 B        0
              [2001:db8::2]:53    idle                  0.0 %      0     0           0       0 B            0        0 B

            DROPPED       PACKETS  BECAUSE
            no_backend  1,234,567  no backend takes new flows
            """);
  }

  @Test
  void anEmptyDatapathSaysSo() {
    assertThat(StatusText.of(new Status("/p", NOW, List.of(), List.of(), drops(Map.of()))))
        .isEqualTo(
            """
            Datapath /p

            Attached to no interface: no packet reaches the datapath.

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
        .isEqualTo("{\"name\":\"eth0\",\"attached\":true,\"mode\":\"native\"}");
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
    assertThat(json.at("/drops/no_backend").asLong()).isEqualTo(1234567);
    assertThat(json.get("drops"))
        .as("reasons without packets too")
        .hasSize(DropReason.values().length);
  }

  private static Map<DropReason, Long> drops(Map<DropReason, Long> some) {
    Map<DropReason, Long> all = new EnumMap<>(DropReason.class);
    for (DropReason reason : DropReason.values()) {
      all.put(reason, some.getOrDefault(reason, 0L));
    }
    return all;
  }

  private static BackendKey backend(String address, int port) {
    return new BackendKey(Ip.parse(address), port);
  }

  private static VipKey vip(String address, Protocol protocol, int port) {
    return new VipKey(Ip.parse(address), protocol, port);
  }
}
