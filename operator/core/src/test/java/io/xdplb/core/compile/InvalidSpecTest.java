// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Access;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Backend;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Drain;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding.Mode;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.PoolRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.ServiceRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.SessionAffinity;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends.Encapsulation;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.compile.Problem.Concern;
import io.xdplb.core.model.ObjectName;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What no API server has refused: where, what, and what to do. */
class InvalidSpecTest {

  private static final List<String> VIPS = List.of("203.0.113.10");
  private static final Backend GOOD = fixed(1, "10.0.0.1");
  private static final Listener HTTP = listener("http", 80, GOOD);

  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, the unspecified address",
    "0.1.2.3, an address of \"this network\"",
    "127.0.0.1, a loopback address",
    "224.0.0.1, a multicast address",
    "239.255.255.255, a multicast address",
    "255.255.255.255, the broadcast address",
    "::, the unspecified address",
    "::1, the loopback address",
    "ff02::1, a multicast address",
    "::ffff:10.0.0.1, an IPv4-mapped IPv6 address",
    "10.0.0.0/24, not an IPv4 or IPv6 address",
    "fe80::1%eth0, not an IPv4 or IPv6 address",
    "010.0.0.1, not an IPv4 or IPv6 address",
    "example.org, not an IPv4 or IPv6 address",
    "'', not an IPv4 or IPv6 address",
  })
  void addressesThatCannotBeBalanced(String address, String why) {
    assertRefused(spec(List.of("203.0.113.10", address), HTTP), "spec.addresses.requested[1]", why);
    assertRefused(
        spec(VIPS, listener("http", 80, fixed(1, "10.0.0.1", address))),
        "spec.listeners[0].backends[0].static.addresses[1]",
        why);
  }

  private static LoadBalancerSpec from(Addresses addresses) {
    return new LoadBalancerSpec(addresses, List.of(HTTP), null, null);
  }

  private static Addresses families(
      List<String> requested, IpFamilyPolicy policy, IpFamily... families) {
    return new Addresses(null, requested, policy, List.of(families), null);
  }

  static Stream<Arguments> badSpecs() {
    String listener = "spec.listeners[0]";
    String group = listener + ".backends[0]";
    return Stream.of(
        bad(null, "spec", "it needs listeners"),
        bad(
            from(new Addresses(new PoolRef("Public"), null, null, null, null)),
            "spec.addresses.poolRef.name",
            "\"Public\" is no DNS name"),
        bad(
            from(new Addresses(new PoolRef(null), null, null, null, null)),
            "spec.addresses.poolRef.name",
            "is missing"),
        bad(
            from(new Addresses(null, null, null, null, "k".repeat(64))),
            "spec.addresses.sharingKey",
            "has 64 characters"),
        bad(
            from(families(null, null, IpFamily.IPv4, IpFamily.IPv6)),
            "spec.addresses.ipFamilies",
            "need ipFamilyPolicy PreferDualStack or RequireDualStack"),
        bad(
            from(families(null, IpFamilyPolicy.RequireDualStack, IpFamily.IPv4, IpFamily.IPv4)),
            "spec.addresses.ipFamilies",
            "names a family twice"),
        bad(
            from(families(List.of("203.0.113.1", "2001:db8::1"), IpFamilyPolicy.SingleStack)),
            "spec.addresses.requested",
            "has both families"),
        bad(
            from(families(List.of("2001:db8::1"), null, IpFamily.IPv4)),
            "spec.addresses.requested",
            "2001:db8::1 is not of the family in ipFamilies"),
        bad(spec(Collections.singletonList(null), HTTP), "spec.addresses.requested[0]", "is empty"),
        bad(
            spec(List.of("2001:db8::1", "2001:DB8:0::1"), HTTP),
            "spec.addresses.requested[1]",
            "2001:db8::1 is in the list twice"),
        bad(
            spec(addresses("203.0.113.", 17), HTTP),
            "spec.addresses.requested",
            "more than 16 addresses; split it"),
        bad(spec(VIPS), "spec.listeners", "at least one"),
        bad(
            new LoadBalancerSpec(new Addresses(VIPS), null, null, null),
            "spec.listeners",
            "at least one"),
        bad(spec(VIPS, (Listener) null), listener, "is empty"),
        bad(
            spec(
                VIPS,
                IntStream.rangeClosed(1, 65)
                    .mapToObj(i -> listener("l" + i, i, GOOD))
                    .toArray(Listener[]::new)),
            "spec.listeners",
            "more than 64 listeners"),
        bad(spec(VIPS, listener(null, 80)), listener + ".name", "is missing"),
        bad(spec(VIPS, listener("", 80)), listener + ".name", "is no DNS label"),
        bad(
            spec(VIPS, listener("Web", 80)),
            listener + ".name",
            "\"Web\" is no DNS label; use lower-case"),
        bad(spec(VIPS, listener("x".repeat(300), 80)), listener + ".name", "at most 63 characters"),
        bad(
            spec(VIPS, HTTP, listener("http", 81)),
            "spec.listeners[1].name",
            "is the name of spec.listeners[0] too"),
        bad(
            spec(VIPS, HTTP, listener("other", 80)),
            "spec.listeners[1].port",
            "TCP port 80 is that of spec.listeners[0] too"),
        bad(
            spec(VIPS, new Listener("http", null, 80, null)),
            listener + ".protocol",
            "write TCP or UDP"),
        bad(spec(VIPS, listener("http", 0)), listener + ".port", "0 is no port; use 1 to 65535"),
        bad(spec(VIPS, listener("http", 65536)), listener + ".port", "65536 is no port"),
        bad(spec(VIPS, listener("http", -1)), listener + ".port", "-1 is no port"),
        bad(spec(VIPS, listener("http", 80, (Backend) null)), group, "is empty"),
        bad(
            spec(VIPS, listener("http", 80, Collections.nCopies(33, GOOD).toArray(Backend[]::new))),
            listener + ".backends",
            "more than 32 groups"),
        bad(
            spec(VIPS, listener("http", 80, new Backend(null, null, 1))),
            group,
            "neither serviceRef nor static; set exactly one"),
        bad(
            spec(
                VIPS,
                listener(
                    "http", 80, new Backend(new ServiceRef("web", 80), GOOD.staticBackends(), 1))),
            group,
            "has serviceRef and static; set exactly one"),
        bad(
            spec(VIPS, listener("http", 80, fixed(-1, "10.0.0.1"))),
            group + ".weight",
            "-1 is no weight; use 0 to 1000"),
        bad(
            spec(VIPS, listener("http", 80, fixed(1001, "10.0.0.1"))),
            group + ".weight",
            "1001 is no weight"),
        bad(
            spec(VIPS, listener("http", 80, new Backend(new ServiceRef(null, 80), null, 1))),
            group + ".serviceRef.name",
            "is missing"),
        bad(
            spec(VIPS, listener("http", 80, new Backend(new ServiceRef("a b", 80), null, 1))),
            group + ".serviceRef.name",
            "is no DNS label"),
        bad(
            spec(VIPS, listener("http", 80, new Backend(new ServiceRef("web", 0), null, 1))),
            group + ".serviceRef.port",
            "0 is no port"),
        bad(
            spec(VIPS, listener("http", 80, new Backend(null, new StaticBackends(null, 80), 1))),
            group + ".static.addresses",
            "at least one"),
        bad(
            spec(VIPS, listener("http", 80, fixed(1))),
            group + ".static.addresses",
            "at least one"),
        bad(
            spec(VIPS, listener("http", 80, fixed(1, "10.0.0.1", "10.0.0.1"))),
            group + ".static.addresses[1]",
            "in the list twice"),
        bad(
            spec(
                VIPS,
                listener("http", 80, fixed(1, addresses("10.0.0.", 129).toArray(String[]::new)))),
            group + ".static.addresses",
            "more than 128 addresses"),
        bad(
            spec(
                VIPS,
                listener(
                    "http",
                    80,
                    new Backend(null, new StaticBackends(List.of("10.0.0.1"), 70000), 1))),
            group + ".static.port",
            "70000 is no port"),
        bad(
            spec(VIPS, listener("http", 80, fixed(1, "203.0.113.10"))),
            group + ".static.addresses",
            "203.0.113.10 is an address of this load balancer itself"),
        bad(
            new LoadBalancerSpec(new Addresses(VIPS), List.of(HTTP), null, new Drain("5 minutes")),
            "spec.drain.gracePeriod",
            "is not a duration"),
        bad(
            spec(VIPS, range("a", 8000, 7999)),
            listener + ".endPort",
            "7999 is less than port 8000; write the last port"),
        bad(spec(VIPS, range("a", 8000, 65536)), listener + ".endPort", "65536 is no port"),
        bad(spec(VIPS, range("a", 8000, -1)), listener + ".endPort", "-1 is no port"),
        bad(
            spec(VIPS, range("a", 8000, 8999), range("b", 8000, 8999)),
            "spec.listeners[1].port",
            "TCP ports 8000-8999 are those of spec.listeners[0] too"),
        bad(
            spec(VIPS, range("a", 8000, 8999), range("b", 8999, 9000)),
            "spec.listeners[1].port",
            "TCP ports 8999-9000 overlap those of spec.listeners[0], 8000-8999, in part; put one"
                + " range within the other"),
        bad(
            spec(VIPS, range("a", 8000, 8999), range("b", 7000, 8000)),
            "spec.listeners[1].port",
            "overlap those of spec.listeners[0]"),
        bad(
            spec(
                VIPS,
                IntStream.rangeClosed(1, 18)
                    .mapToObj(i -> range("l" + i, 10 * i, 10 * i + 1))
                    .toArray(Listener[]::new)),
            "spec.listeners[16].endPort",
            "after 16 others"),
        bad(
            spec(VIPS, new Listener("a", Protocol.TCP, 8000, 8999, null, List.of(GOOD))),
            group + ".static.port",
            "8080 is not the listener's port 8000: packets to a range of ports keep their port;"
                + " write 8000"),
        bad(
            spec(VIPS, affine(0)),
            listener + ".sessionAffinity.timeoutSeconds",
            "0 is no timeout; use 1 to 86400 seconds"),
        bad(
            spec(VIPS, affine(86401)),
            listener + ".sessionAffinity.timeoutSeconds",
            "86401 is no timeout"),
        bad(
            spec(VIPS, listener("a", 80, dsr(Encapsulation.IPIP, 8080))),
            group + ".static.port",
            "8080 is not the listener's port 80: by IPIP the server gets packets as the client"
                + " sent them; write 80, or use encapsulation GUE with xdplb on the server"),
        bad(
            spec(VIPS, listener("a", 80, dsr(Encapsulation.L2, 81))),
            group + ".static.port",
            "by L2 the server"),
        bad(
            mode(Mode.DSR, listener("a", 80, GOOD)),
            group + ".static.encapsulation",
            "is missing, and mode DSR reaches no server without; write IPIP, GUE or L2"),
        bad(
            spec(VIPS, listener("a", 80, dsr(Encapsulation.IPIP, 80), dsr(Encapsulation.L2, 80))),
            listener + ".backends[1].static.encapsulation",
            "10.0.0.1:80 is in spec.listeners[0].backends[0] too with another encapsulation"),
        bad(
            access("10.0.0.0/8", "10.0.0.1"),
            "spec.access.sourceRanges[1]",
            "not a block of addresses: \"10.0.0.1\" (address/prefix length, as 10.0.0.0/8); write a"
                + " block"),
        bad(access("2001:db8::/129"), "spec.access.sourceRanges[0]", "is not 0 to 128"),
        bad(access((String) null), "spec.access.sourceRanges[0]", "not a block"),
        bad(
            access(Collections.nCopies(257, "10.0.0.0/8").toArray(String[]::new)),
            "spec.access.sourceRanges",
            "more than 256 blocks; join neighbours"));
  }

  /** Neither may a spec that names servers as DSR needs it fail where NAT is asked for. */
  @Test
  void encapsulationDoesNotMatterWhereNatIsAskedFor() {
    assertThat(
            compile(
                new ObjectName("shop", "front"),
                mode(Mode.NAT, listener("a", 80, dsr(Encapsulation.IPIP, 8080), GOOD))))
        .isInstanceOf(CompileResult.Compiled.class);
  }

  private static Listener range(String name, int port, int endPort) {
    return new Listener(name, Protocol.TCP, port, endPort, null, null);
  }

  private static Listener affine(int timeoutSeconds) {
    return new Listener(
        "http",
        Protocol.TCP,
        80,
        null,
        new SessionAffinity(SessionAffinity.Type.ClientIP, timeoutSeconds),
        List.of(GOOD));
  }

  private static Backend dsr(Encapsulation encapsulation, int port) {
    return new Backend(null, new StaticBackends(List.of("10.0.0.1"), port, encapsulation), 1);
  }

  private static LoadBalancerSpec mode(Mode mode, Listener listener) {
    return new LoadBalancerSpec(new Addresses(VIPS), List.of(listener), new Forwarding(mode), null);
  }

  private static LoadBalancerSpec access(String... sourceRanges) {
    return new LoadBalancerSpec(
        new Addresses(VIPS),
        List.of(HTTP),
        null,
        null,
        new Access(Arrays.asList(sourceRanges)),
        null);
  }

  @ParameterizedTest
  @MethodSource("badSpecs")
  void specsThatCannotBeCompiled(LoadBalancerSpec spec, String where, String what) {
    assertRefused(spec, where, what);
  }

  @ParameterizedTest
  @CsvSource({
    "UPPER,front,metadata.namespace",
    "shop,-front,metadata.name",
    "a.b,front,metadata.namespace"
  })
  void namesOfObjects(String namespace, String name, String where) {
    assertRefused(new ObjectName(namespace, name), spec(VIPS, HTTP), where, "; use lower-case");
  }

  @Test
  void longNamesOfObjects() {
    assertRefused(
        new ObjectName("shop", "x".repeat(300)), spec(VIPS, HTTP), "metadata.name", "253 char");
  }

  @Test
  void everyProblemIsReportedNotOnlyTheFirst() {
    CompileResult result =
        compile(
            new ObjectName("shop", "front"),
            new LoadBalancerSpec(
                new Addresses(List.of("127.0.0.1", "nonsense")),
                List.of(listener("Web", 0, fixed(5000, "::1")), HTTP),
                null,
                new Drain("1.5h")));
    assertThat(result).isInstanceOf(CompileResult.Refused.class);
    assertThat(result.problems(Concern.ACCEPTED))
        .extracting(Problem::where)
        .containsExactly(
            "spec.addresses.requested[0]",
            "spec.addresses.requested[1]",
            "spec.listeners[0].name",
            "spec.listeners[0].port",
            "spec.listeners[0].backends[0].weight",
            "spec.listeners[0].backends[0].static.addresses[0]",
            "spec.drain.gracePeriod");
  }

  @Test
  void sameNumberForTcpAndUdpIsFine() {
    assertThat(
            compile(
                new ObjectName("shop", "front"),
                spec(VIPS, HTTP, new Listener("quic", Protocol.UDP, 80, List.of(GOOD)))))
        .isInstanceOf(CompileResult.Compiled.class);
  }

  private static void assertRefused(LoadBalancerSpec spec, String where, String what) {
    assertRefused(new ObjectName("shop", "front"), spec, where, what);
  }

  private static void assertRefused(
      ObjectName name, LoadBalancerSpec spec, String where, String what) {
    CompileResult result = compile(name, spec);
    assertThat(result).isInstanceOf(CompileResult.Refused.class);
    assertThat(result.problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.reason()).isEqualTo(Problem.Reason.InvalidSpec);
              assertThat(problem.where()).isEqualTo(where);
              assertThat(problem.message()).contains(what);
            });
  }

  private static CompileResult compile(ObjectName name, LoadBalancerSpec spec) {
    return Compiler.compile(new CompileInput(name, spec, Map.of()));
  }

  private static Arguments bad(LoadBalancerSpec spec, String where, String what) {
    return Arguments.of(spec, where, what);
  }

  private static LoadBalancerSpec spec(List<String> addresses, Listener... listeners) {
    return new LoadBalancerSpec(new Addresses(addresses), Arrays.asList(listeners), null, null);
  }

  private static Listener listener(String name, int port, Backend... backends) {
    return new Listener(name, Protocol.TCP, port, Arrays.asList(backends));
  }

  private static Backend fixed(int weight, String... addresses) {
    return new Backend(null, new StaticBackends(List.of(addresses), 8080), weight);
  }

  private static List<String> addresses(String prefix, int count) {
    return IntStream.rangeClosed(1, count).mapToObj(i -> prefix + i).toList();
  }
}
