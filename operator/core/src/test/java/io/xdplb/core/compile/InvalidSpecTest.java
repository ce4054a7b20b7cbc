// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Backend;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Drain;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.ServiceRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends;
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

  static Stream<Arguments> badSpecs() {
    String listener = "spec.listeners[0]";
    String group = listener + ".backends[0]";
    return Stream.of(
        bad(null, "spec", "it needs addresses and listeners"),
        bad(
            new LoadBalancerSpec(null, List.of(HTTP), null, null),
            "spec.addresses.requested",
            "at least one"),
        bad(spec(null, HTTP), "spec.addresses.requested", "at least one"),
        bad(spec(List.of(), HTTP), "spec.addresses.requested", "at least one"),
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
            "is not a duration"));
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
