// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class TablesTest {

  private static final ForwardingTableSpec.Backend GOOD = backend("10.0.0.1", 8080, 1, 300);

  @Test
  void vipsAndBackendsAreOrderedByKeyWhateverTheTablesOrder() {
    List<Vip> vips =
        Tables.toVips(
            table(
                vip("2001:db8::10", 80, 0),
                vip("203.0.113.10", 80, 251, backend("10.0.0.2", 8080, 1, 0), GOOD)));
    assertThat(vips)
        .containsExactly(
            new Vip(
                new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 80),
                251,
                List.of(
                    new Backend(new BackendKey(Ip.parse("10.0.0.1"), 8080), 1, 300),
                    new Backend(new BackendKey(Ip.parse("10.0.0.2"), 8080), 1, 0))),
            new Vip(new VipKey(Ip.parse("2001:db8::10"), Protocol.TCP, 80), 0, List.of()));
  }

  @Test
  void tableWithoutVipsIsATable() {
    assertThat(Tables.toVips(table())).isEmpty();
  }

  @Test
  void everyProblemIsNamedWithItsPlace() {
    assertThat(problems(null)).containsExactly("spec: missing");
    assertThat(problems(new ForwardingTableSpec("", null))).containsExactly("spec.vips: missing");
    assertThat(
            problems(
                table(
                    null,
                    vip("nonsense", 0, 101, GOOD),
                    new ForwardingTableSpec.Vip(null, null, 80, "l", 0, null),
                    vip(
                        "203.0.113.10",
                        80,
                        101,
                        null,
                        GOOD,
                        GOOD,
                        backend("2001:db8::1", 1, 0, 0),
                        backend(null, 70000, -1, 90000)),
                    vip("203.0.113.10", 80, 0))))
        .containsExactly(
            "spec.vips[0]: missing",
            "spec.vips[1].address: not an IPv4 or IPv6 address: \"nonsense\" (no prefix length,"
                + " zone or range)",
            "spec.vips[1].port: 0 is not 1 to 65535",
            "spec.vips[2].address: missing",
            "spec.vips[2].protocol: missing; it is TCP or UDP",
            "spec.vips[3].backends[0]: missing",
            "spec.vips[3].backends[2]: 10.0.0.1:8080 occurs twice",
            "spec.vips[3].backends[3].address: 2001:db8::1 is of another family than VIP"
                + " 203.0.113.10",
            "spec.vips[3].backends[4].address: missing",
            "spec.vips[3].backends[4].port: 70000 is not 1 to 65535",
            "spec.vips[3].backends[4].weight: -1 is negative",
            "spec.vips[3].backends[4].drainSeconds: 90000 is not 0 to 86400",
            "spec.vips[4]: TCP 203.0.113.10:80 occurs twice");
  }

  @Test
  void ringSizeFitsTheBackends() {
    assertThat(problems(table(vip("203.0.113.10", 80, 101))))
        .containsExactly(
            "spec.vips[0].ringSize: 101 without a backend of weight > 0; it is then 0");
    for (int size : new int[] {-1, 0, 97, 1000, 65539}) {
      assertThat(problems(table(vip("203.0.113.10", 80, size, GOOD))))
          .singleElement()
          .asString()
          .startsWith("spec.vips[0].ringSize: " + size + " for 1 backends of weight > 0");
    }
  }

  private static List<String> problems(ForwardingTableSpec table) {
    InvalidTableException thrown =
        catchThrowableOfType(InvalidTableException.class, () -> Tables.toVips(table));
    assertThat(thrown).as("the exception").isNotNull();
    return thrown.problems();
  }

  private static ForwardingTableSpec table(ForwardingTableSpec.Vip... vips) {
    return new ForwardingTableSpec("0".repeat(64), Arrays.asList(vips));
  }

  private static ForwardingTableSpec.Vip vip(
      String address, int port, int ringSize, ForwardingTableSpec.Backend... backends) {
    return new ForwardingTableSpec.Vip(
        address, Protocol.TCP, port, "http", ringSize, Arrays.asList(backends));
  }

  private static ForwardingTableSpec.Backend backend(
      String address, int port, int weight, int drainSeconds) {
    return new ForwardingTableSpec.Backend(address, port, weight, drainSeconds);
  }
}
