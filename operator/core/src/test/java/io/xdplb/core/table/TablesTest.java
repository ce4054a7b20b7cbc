// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Encapsulation;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Mode;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Part;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TablesTest {

  private static final ForwardingTableSpec.Backend GOOD = backend("10.0.0.1", 8080, 1, 300);

  @Test
  void vipsAndBackendsAreOrderedByKeyWhateverTheTablesOrder() {
    List<Vip> vips =
        Tables.toVips(
            table(
                vip("2001:db8::10", 80, 0),
                vip("203.0.113.10", 80, 1009, backend("10.0.0.2", 8080, 1, 0), GOOD)));
    assertThat(vips)
        .containsExactly(
            new Vip(
                new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 80),
                1009,
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
                    vip("nonsense", 0, 1009, GOOD),
                    new ForwardingTableSpec.Vip(null, null, 80, "l", 0, null),
                    vip(
                        "203.0.113.10",
                        80,
                        1009,
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
    assertThat(problems(table(vip("203.0.113.10", 80, 1009))))
        .containsExactly(
            "spec.vips[0].ringSize: 1009 without a backend of weight > 0; it is then 0");
    for (int size : new int[] {-1, 0, 997, 1010, 65539}) {
      assertThat(problems(table(vip("203.0.113.10", 80, size, GOOD))))
          .singleElement()
          .asString()
          .startsWith("spec.vips[0].ringSize: " + size + " for 1 backends of weight > 0");
    }
  }

  @Test
  void rangesAffinityAccessAndDeliveriesAreRead() {
    ForwardingTableSpec table =
        new ForwardingTableSpec(
            "0".repeat(64),
            List.of("2001:db8::/32", "198.51.100.77/24", "198.51.100.0/24"),
            io.xdplb.api.v1alpha1.UnavailablePolicy.Drop,
            List.of(
                new ForwardingTableSpec.Vip(
                    "203.0.113.10",
                    Protocol.UDP,
                    8000,
                    8999,
                    "media",
                    3600,
                    1009,
                    List.of(
                        backend("10.0.0.1", 0, Mode.DSR, Encapsulation.GUE, "2001:db8::1", true),
                        backend("10.0.0.2", 0, Mode.DSR, Encapsulation.IPIP, "10.0.0.2", null),
                        backend("10.0.0.3", 0, Mode.DSR, Encapsulation.None, null, false),
                        backend("10.0.0.4", 0, Mode.NAT, Encapsulation.GUE, "10.9.0.1", true),
                        backend("10.0.0.5", 0, null, null, null, null)))));
    Vip vip = Tables.toVips(table).get(0);
    assertThat(vip.key()).isEqualTo(new VipKey(Ip.parse("203.0.113.10"), Protocol.UDP, 8000, 8999));
    assertThat(vip.affinitySeconds()).isEqualTo(3600);
    assertThat(vip.access())
        .isEqualTo(Access.from(List.of(Cidr.parse("198.51.100.0/24")), UnavailablePolicy.DROP));
    assertThat(vip.backends())
        .extracting(Backend::delivery)
        .containsExactly(
            Delivery.pod(Ip.parse("2001:db8::1")),
            Delivery.ipip(Ip.parse("10.0.0.2")),
            Delivery.L2,
            Delivery.natVia(Ip.parse("10.9.0.1")),
            Delivery.NAT);
  }

  @Test
  void sourceRangesThatCannotBeReadNeverMeanOpen() {
    assertThat(problems(ranges(Arrays.asList("10.0.0.0/8", "everybody", null, "10.0.0.1"))))
        .containsExactly(
            "spec.sourceRanges[1]: not a block of addresses: \"everybody\" (address/prefix length,"
                + " as 10.0.0.0/8)",
            "spec.sourceRanges[2]: not a block of addresses: \"\" (address/prefix length, as"
                + " 10.0.0.0/8)",
            "spec.sourceRanges[3]: not a block of addresses: \"10.0.0.1\" (address/prefix length,"
                + " as 10.0.0.0/8)");
    assertThat(problems(ranges(Collections.nCopies(257, "10.0.0.0/8"))))
        .containsExactly("spec.sourceRanges: more than 256 blocks");
    assertThat(Tables.toVips(ranges(List.of())).get(0).access())
        .as("of an empty list")
        .isEqualTo(Access.from(List.of(), UnavailablePolicy.REJECT));
    assertThat(Tables.toVips(ranges(List.of("2001:db8::/32"))).get(0).access())
        .as("of a list of the other family")
        .isEqualTo(Access.from(List.of(), UnavailablePolicy.REJECT));
  }

  @Test
  void deliveriesThatDoNotExistAreRefused() {
    assertThat(
            problems(
                table(
                    vip(
                        "203.0.113.10",
                        80,
                        0,
                        backend("10.0.0.1", 80, Mode.DSR, Encapsulation.GUE, null, true),
                        backend("10.0.0.2", 80, Mode.DSR, null, "10.0.0.2", null),
                        backend("10.0.0.3", 80, Mode.DSR, Encapsulation.IPIP, "10.0.0.3", true),
                        backend("10.0.0.4", 80, Mode.NAT, Encapsulation.GUE, "10.0.0.4", null),
                        backend("10.0.0.5", 80, Mode.DSR, Encapsulation.GUE, "n1", null)))))
        .containsExactly(
            "spec.vips[0].backends[0]: GUE needs the address of a node to send to",
            "spec.vips[0].backends[1]: node 10.0.0.2 without an encapsulation: nothing is sent to"
                + " it",
            "spec.vips[0].backends[2]: an agent is reached by GUE, not by IPIP",
            "spec.vips[0].backends[3]: NAT by way of 10.0.0.4 needs an agent there and GUE",
            "spec.vips[0].backends[4].node: not an IPv4 or IPv6 address: \"n1\" (no prefix length,"
                + " zone or range)");
  }

  @Test
  void rangesOfPortsThatDoNotFitAreRefused() {
    assertThat(
            problems(
                table(
                    range(8000, 8999, backend("10.0.0.1", 80, null, null, null, null)),
                    range(8500, 9000),
                    range(8000, 8999),
                    range(7000, 6999),
                    range(1, 65536),
                    new ForwardingTableSpec.Vip(
                        "203.0.113.10", Protocol.TCP, 1, null, "l", 90000, 0, null))))
        .containsExactly(
            "spec.vips[0].backends[0].port: 80 is not 0: packets to a range of ports keep theirs",
            "spec.vips[1]: TCP 203.0.113.10:8500-9000 overlaps TCP 203.0.113.10:8000-8999 in part",
            "spec.vips[2]: TCP 203.0.113.10:8000-8999 occurs twice",
            "spec.vips[3].endPort: 6999 is not 7000 to 65535",
            "spec.vips[4].endPort: 65536 is not 1 to 65535",
            "spec.vips[5].affinitySeconds: 90000 is not 0 to 86400");
    assertThat(
            problems(
                table(
                    IntStream.rangeClosed(1, 17)
                        .mapToObj(i -> range(10 * i, 10 * i + 1))
                        .toArray(ForwardingTableSpec.Vip[]::new))))
        .containsExactly("spec.vips[16]: 203.0.113.10 has more than 16 ranges of ports");
  }

  @Test
  void nestedRangesAndPortsWithinThemAreRead() {
    assertThat(
            Tables.toVips(
                table(
                    range(8000, 8999),
                    range(8000, 8099),
                    range(8000, 8000),
                    range(8500, 8999),
                    vip("203.0.113.10", 8050, 0))))
        .extracting(vip -> vip.key().toString())
        .containsExactly(
            "TCP 203.0.113.10:8000",
            "TCP 203.0.113.10:8000-8099",
            "TCP 203.0.113.10:8000-8999",
            "TCP 203.0.113.10:8050",
            "TCP 203.0.113.10:8500-8999");
  }

  private static ForwardingTableSpec ranges(List<String> sourceRanges) {
    return new ForwardingTableSpec(
        "0".repeat(64), sourceRanges, null, List.of(vip("203.0.113.10", 80, 0)));
  }

  @Test
  void whatIsWrongWithPartsIsSaidAndTheMostTakersOfANodeMustFitTheRing() {
    assertThat(
            problems(
                table(
                    vip(
                        "203.0.113.10",
                        80,
                        1009,
                        parts(
                            "10.0.0.1",
                            null,
                            new Part(null, "a", 1),
                            new Part(Part.Place.Node, null, 1),
                            new Part(Part.Place.Node, "a", -1),
                            new Part(Part.Place.Zone, "a", 1),
                            new Part(Part.Place.Node, "a", 1))),
                    vip(
                        "203.0.113.11",
                        80,
                        0,
                        parts("10.0.0.1", new Part(Part.Place.Zone, "a", 1))))))
        .containsExactly(
            "spec.vips[0].backends[0].parts[0]: place or name is missing",
            "spec.vips[0].backends[0].parts[1]: place or name is missing",
            "spec.vips[0].backends[0].parts[2]: place or name is missing",
            "spec.vips[0].backends[0].parts[3].weight: -1 is negative",
            "spec.vips[0].backends[0].parts[5]: Node a occurs twice",
            "spec.vips[1].ringSize: 0 for 1 backends of weight > 0; it is then a prime from 1009 to"
                + " 65537, and no less than the backends");
    ForwardingTableSpec.Backend[] onTheirNodes =
        IntStream.range(0, 1200)
            .mapToObj(
                i ->
                    parts(
                        "10.0." + i / 200 + "." + i % 200,
                        new Part(Part.Place.Node, "n" + i / 2, 1)))
            .toArray(ForwardingTableSpec.Backend[]::new);
    assertThat(Tables.toVips(table(vip("203.0.113.10", 80, 1009, onTheirNodes)))).hasSize(1);
  }

  private static ForwardingTableSpec.Backend parts(String address, Part... parts) {
    return new ForwardingTableSpec.Backend(
        address, 8080, 0, 0, null, null, null, null, Arrays.asList(parts));
  }

  private static ForwardingTableSpec.Vip range(
      int port, int endPort, ForwardingTableSpec.Backend... backends) {
    return new ForwardingTableSpec.Vip(
        "203.0.113.10", Protocol.TCP, port, endPort, "l", null, 0, Arrays.asList(backends));
  }

  private static ForwardingTableSpec.Backend backend(
      String address,
      int port,
      Mode mode,
      Encapsulation encapsulation,
      String node,
      Boolean agent) {
    int weight = port == 0 ? 1 : 0;
    return new ForwardingTableSpec.Backend(
        address, port, weight, 0, mode, encapsulation, node, agent, null);
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
