// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.VipImage.BackendImage;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TableHashTest {

  private static final VipKey HTTP = new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 80);
  private static final VipKey DNS6 = new VipKey(Ip.parse("2001:db8::53"), Protocol.UDP, 53);
  private static final BackendKey A = new BackendKey(Ip.parse("10.0.0.1"), 8080);
  private static final BackendKey B = new BackendKey(Ip.parse("10.0.0.2"), 8080);
  private static final Optional<List<Cidr>> RANGES =
      Optional.of(List.of(Cidr.parse("2001:db8:2::/48"), Cidr.parse("2001:db8:1::/48")));
  private static final BackendKey C6 = new BackendKey(Ip.parse("2001:db8:1::1"), 5353);

  /** The format of the class comment, byte by byte; computed by a second implementation. */
  @Test
  void formatNeverChangesWithoutItsVersion() {
    VipImage http =
        new VipImage(
            HTTP,
            0,
            Access.OPEN,
            new Ring(List.of(A, B), new int[] {1, 1, 1}),
            Map.of(
                A,
                new BackendImage(false, Delivery.NAT),
                B,
                new BackendImage(true, Delivery.pod(Ip.parse("2001:db8:9::1")))));
    BackendKey own = new BackendKey(C6.address(), 0);
    VipImage media =
        new VipImage(
            new VipKey(DNS6.address(), Protocol.UDP, 5000, 5999),
            3600,
            new Access(RANGES, UnavailablePolicy.DROP),
            new Ring(List.of(own), new int[] {0, 0}),
            Map.of(own, new BackendImage(true, Delivery.ipip(own.address()))));
    VipImage closed =
        new VipImage(
            new VipKey(Ip.parse("2001:db8::54"), Protocol.UDP, 53),
            0,
            Access.from(List.of(), UnavailablePolicy.REJECT),
            Ring.EMPTY,
            Map.of());
    assertThat(TableHash.of(List.of(closed, media, http)))
        .isEqualTo("56ee035850c944586d4679ba0a23eceb4f537e3c7f0b01822e6b114271f4ee1c");
    assertThat(TableHash.of(List.of()))
        .isEqualTo("7912e9c1506dde5fcdc5aa4b7af5e98b353e2aad5658223a397749c71c6ccdbf");
  }

  @Test
  void whatIsReadBackHasTheHashOfWhatIsDesired() {
    Vip vip = new Vip(HTTP, 1009, List.of(new Backend(A, 1, 300), new Backend(B, 3, 0)));
    Ring ring = new Ring(List.of(A, B), Ring.of(vip).slots());
    assertThat(TableHash.of(List.of(image(ring)))).isEqualTo(TableHash.desired(List.of(vip)));
  }

  @Test
  void orderOfVipsDoesNotMatterAndAnEmptyVipCounts() {
    Vip http = new Vip(HTTP, 0, List.of());
    Vip dns = new Vip(DNS6, 1009, List.of(new Backend(C6, 1, 0)));
    assertThat(TableHash.desired(List.of(http, dns)))
        .isEqualTo(TableHash.desired(List.of(dns, http)))
        .isNotEqualTo(TableHash.desired(List.of(dns)));
  }

  @Test
  void drainTimesAndProportionalWeightsDoNotCountAndAllElseDoes() {
    String hash = hash(HTTP, 1009, new Backend(A, 1, 0), new Backend(B, 2, 0));
    assertThat(hash(HTTP, 1009, new Backend(A, 1, 300), new Backend(B, 2, 5))).isEqualTo(hash);
    assertThat(hash(HTTP, 1009, new Backend(A, 2, 0), new Backend(B, 4, 0))).isEqualTo(hash);
    VipKey other = new VipKey(HTTP.address(), Protocol.TCP, 81);
    VipKey udp = new VipKey(HTTP.address(), Protocol.UDP, 80);
    BackendKey b2 = new BackendKey(B.address(), 8081);
    assertThat(
            List.of(
                hash,
                hash(HTTP, 4001, new Backend(A, 1, 0), new Backend(B, 2, 0)),
                hash(HTTP, 1009, new Backend(A, 1, 0), new Backend(B, 3, 0)),
                hash(HTTP, 1009, new Backend(A, 1, 0), new Backend(b2, 2, 0)),
                hash(HTTP, 1009, new Backend(A, 1, 0)),
                hash(HTTP, 1009, new Backend(A, 1, 0), new Backend(B, 0, 0)),
                hash(other, 1009, new Backend(A, 1, 0), new Backend(B, 2, 0)),
                hash(udp, 1009, new Backend(A, 1, 0), new Backend(B, 2, 0))))
        .doesNotHaveDuplicates();
  }

  @Test
  void oneSlotThatDiffersIsSeen() {
    Vip vip = new Vip(HTTP, 1009, List.of(new Backend(A, 1, 0), new Backend(B, 1, 0)));
    int[] slots = Ring.of(vip).slots();
    slots[1008] ^= 1;
    VipImage wrong = image(new Ring(List.of(A, B), slots));
    assertThat(TableHash.of(List.of(wrong))).isNotEqualTo(TableHash.desired(List.of(vip)));
  }

  @Test
  void imagesThatAreNoneAreRefused() {
    VipImage image = image(Ring.EMPTY);
    assertThatThrownBy(() -> TableHash.of(List.of(image, image)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two images of TCP 203.0.113.10:80");
    VipImage disorder = image(new Ring(List.of(B, A), new int[0]));
    assertThatThrownBy(() -> TableHash.of(List.of(disorder))).hasMessageContaining("out of order");
    VipImage incomplete =
        new VipImage(HTTP, 0, Access.OPEN, new Ring(List.of(A), new int[] {0}), Map.of());
    assertThatThrownBy(() -> TableHash.of(List.of(incomplete)))
        .hasMessageContaining("TCP 203.0.113.10:80: the ring is over other backends");
  }

  @Test
  void howABackendIsReachedCounts() {
    Ip node = Ip.parse("198.51.100.1");
    Ip node6 = Ip.parse("2001:db8:9::1");
    assertThat(
            Stream.of(
                    Delivery.NAT,
                    Delivery.L2,
                    Delivery.pod(node),
                    Delivery.pod(node6),
                    Delivery.gue(node),
                    Delivery.ipip(node),
                    Delivery.natVia(node))
                .map(delivery -> hash(HTTP, 1009, new Backend(A, 1, 0, delivery))))
        .doesNotHaveDuplicates();
  }

  @Test
  void rangeAffinityAndAccessCount() {
    VipKey range = new VipKey(DNS6.address(), Protocol.UDP, 53, 54);
    Vip open = new Vip(DNS6, 0, List.of());
    assertThat(
            Stream.of(
                    open,
                    new Vip(range, 0, List.of()),
                    new Vip(DNS6, 0, 1, Access.OPEN, List.of()),
                    new Vip(DNS6, 0, 0, new Access(RANGES, UnavailablePolicy.REJECT), List.of()),
                    new Vip(DNS6, 0, 0, new Access(RANGES, UnavailablePolicy.DROP), List.of()),
                    new Vip(
                        DNS6, 0, 0, Access.from(List.of(), UnavailablePolicy.REJECT), List.of()))
                .map(vip -> TableHash.desired(List.of(vip))))
        .doesNotHaveDuplicates();
    Access otherFamily = Access.from(List.of(Cidr.parse("10.0.0.0/8")), UnavailablePolicy.REJECT);
    assertThat(TableHash.desired(List.of(new Vip(DNS6, 0, 0, otherFamily, List.of()))))
        .as("blocks of the other family close it, whichever they are")
        .isEqualTo(
            TableHash.desired(
                List.of(
                    new Vip(
                        DNS6, 0, 0, Access.from(List.of(), UnavailablePolicy.REJECT), List.of()))));
  }

  private static VipImage image(Ring ring) {
    return new VipImage(
        HTTP,
        0,
        Access.OPEN,
        ring,
        ring.backends().stream()
            .collect(Collectors.toMap(key -> key, key -> new BackendImage(true, Delivery.NAT))));
  }

  private static String hash(VipKey key, int ringSize, Backend... backends) {
    return TableHash.desired(List.of(new Vip(key, ringSize, List.of(backends))));
  }
}
