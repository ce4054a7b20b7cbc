// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TableHashTest {

  private static final VipKey HTTP = new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 80);
  private static final VipKey DNS6 = new VipKey(Ip.parse("2001:db8::53"), Protocol.UDP, 53);
  private static final BackendKey A = new BackendKey(Ip.parse("10.0.0.1"), 8080);
  private static final BackendKey B = new BackendKey(Ip.parse("10.0.0.2"), 8080);
  private static final BackendKey C6 = new BackendKey(Ip.parse("2001:db8:1::1"), 5353);

  /** The format of the class comment, byte by byte; computed by a second implementation. */
  @Test
  void formatNeverChangesWithoutItsVersion() {
    VipImage http = new VipImage(HTTP, new Ring(List.of(A, B), new int[] {1, 1, 1}), Set.of(B));
    VipImage dns = new VipImage(DNS6, new Ring(List.of(C6), new int[] {0, 0}), Set.of(C6));
    assertThat(TableHash.of(List.of(dns, http)))
        .isEqualTo("6fa6c7c9fad1c1f0fdcdc1e5917886f2131cee976eeda47b34146c23463ec4e9");
    assertThat(TableHash.of(List.of()))
        .isEqualTo("a3a76262bb2ebfc7227449fa9f1e665670e9cc5cf488778b952026aa99ff4327");
  }

  @Test
  void whatIsReadBackHasTheHashOfWhatIsDesired() {
    Vip vip = new Vip(HTTP, 503, List.of(new Backend(A, 1, 300), new Backend(B, 3, 0)));
    Ring ring = new Ring(List.of(A, B), Ring.of(vip).slots());
    assertThat(TableHash.of(List.of(new VipImage(HTTP, ring, Set.of(A, B)))))
        .isEqualTo(TableHash.desired(List.of(vip)));
  }

  @Test
  void orderOfVipsDoesNotMatterAndAnEmptyVipCounts() {
    Vip http = new Vip(HTTP, 0, List.of());
    Vip dns = new Vip(DNS6, 101, List.of(new Backend(C6, 1, 0)));
    assertThat(TableHash.desired(List.of(http, dns)))
        .isEqualTo(TableHash.desired(List.of(dns, http)))
        .isNotEqualTo(TableHash.desired(List.of(dns)));
  }

  @Test
  void drainTimesAndProportionalWeightsDoNotCountAndAllElseDoes() {
    String hash = hash(HTTP, 503, new Backend(A, 1, 0), new Backend(B, 2, 0));
    assertThat(hash(HTTP, 503, new Backend(A, 1, 300), new Backend(B, 2, 5))).isEqualTo(hash);
    assertThat(hash(HTTP, 503, new Backend(A, 2, 0), new Backend(B, 4, 0))).isEqualTo(hash);
    VipKey other = new VipKey(HTTP.address(), Protocol.TCP, 81);
    VipKey udp = new VipKey(HTTP.address(), Protocol.UDP, 80);
    BackendKey b2 = new BackendKey(B.address(), 8081);
    assertThat(
            List.of(
                hash,
                hash(HTTP, 1009, new Backend(A, 1, 0), new Backend(B, 2, 0)),
                hash(HTTP, 503, new Backend(A, 1, 0), new Backend(B, 3, 0)),
                hash(HTTP, 503, new Backend(A, 1, 0), new Backend(b2, 2, 0)),
                hash(HTTP, 503, new Backend(A, 1, 0)),
                hash(HTTP, 503, new Backend(A, 1, 0), new Backend(B, 0, 0)),
                hash(other, 503, new Backend(A, 1, 0), new Backend(B, 2, 0)),
                hash(udp, 503, new Backend(A, 1, 0), new Backend(B, 2, 0))))
        .doesNotHaveDuplicates();
  }

  @Test
  void oneSlotThatDiffersIsSeen() {
    Vip vip = new Vip(HTTP, 503, List.of(new Backend(A, 1, 0), new Backend(B, 1, 0)));
    int[] slots = Ring.of(vip).slots();
    slots[502] ^= 1;
    VipImage wrong = new VipImage(HTTP, new Ring(List.of(A, B), slots), Set.of(A, B));
    assertThat(TableHash.of(List.of(wrong))).isNotEqualTo(TableHash.desired(List.of(vip)));
  }

  @Test
  void imagesThatAreNoneAreRefused() {
    VipImage image = new VipImage(HTTP, Ring.EMPTY, Set.of());
    assertThatThrownBy(() -> TableHash.of(List.of(image, image)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two images of TCP 203.0.113.10:80");
    VipImage disorder = new VipImage(HTTP, new Ring(List.of(B, A), new int[0]), Set.of());
    assertThatThrownBy(() -> TableHash.of(List.of(disorder))).hasMessageContaining("out of order");
  }

  private static String hash(VipKey key, int ringSize, Backend... backends) {
    return TableHash.desired(List.of(new Vip(key, ringSize, List.of(backends))));
  }
}
