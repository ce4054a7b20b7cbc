// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DeliveryTest {

  private static final Ip NODE = Ip.parse("198.51.100.1");

  @Test
  void onlyTheCombinationsThatMeanSomethingExist() {
    Set<Delivery> made = new HashSet<>();
    int refused = 0;
    for (boolean nat : new boolean[] {true, false}) {
      for (Encapsulation encapsulation : Encapsulation.values()) {
        for (Ip node : new Ip[] {null, NODE}) {
          for (boolean agent : new boolean[] {true, false}) {
            try {
              made.add(new Delivery(nat, encapsulation, node, agent));
            } catch (IllegalArgumentException e) {
              refused++;
            }
          }
        }
      }
    }
    assertThat(made)
        .containsExactlyInAnyOrder(
            Delivery.NAT,
            Delivery.L2,
            Delivery.pod(NODE),
            Delivery.gue(NODE),
            Delivery.ipip(NODE),
            Delivery.natVia(NODE));
    assertThat(refused).isEqualTo(24 - 6);
  }

  @Test
  void onlyOfDsrToAPodItIsSaidThatItIsRememberedAmongDifferentRings() {
    Delivery remembered = Delivery.pod(NODE).amongDifferentRings();
    assertThat(remembered).isEqualTo(new Delivery(false, Encapsulation.GUE, NODE, true, true));
    assertThat(remembered).hasToString("DSR in GUE via 198.51.100.1, remembered");
    for (Delivery other :
        List.of(
            Delivery.NAT,
            Delivery.L2,
            Delivery.gue(NODE),
            Delivery.ipip(NODE),
            Delivery.natVia(NODE))) {
      assertThat(other.amongDifferentRings()).isEqualTo(other);
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  new Delivery(
                      other.nat(), other.encapsulation(), other.node(), other.agent(), true));
    }
  }

  @Test
  void eachSaysWhatItIs() {
    assertThat(Delivery.NAT).hasToString("NAT");
    assertThat(Delivery.L2).hasToString("DSR by MAC address");
    assertThat(Delivery.pod(NODE)).hasToString("DSR in GUE via 198.51.100.1");
    assertThat(Delivery.gue(NODE)).hasToString("DSR in GUE to 198.51.100.1");
    assertThat(Delivery.ipip(NODE)).hasToString("DSR in IPIP to 198.51.100.1");
    assertThat(Delivery.natVia(NODE)).hasToString("NAT in GUE via 198.51.100.1");
  }
}
