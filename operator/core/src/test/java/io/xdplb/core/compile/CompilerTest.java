// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Backend;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Drain;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.ServiceRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.compile.Problem.Concern;
import io.xdplb.core.compile.Problem.Reason;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.Tables;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CompilerTest {

  private static final String VIP4 = "203.0.113.10";
  private static final String VIP6 = "2001:db8::10";
  private static final ServicePort WEB = new ServicePort("web", Protocol.TCP, 80);
  private static final EndpointConditions READY = EndpointConditions.ABSENT;
  private static final EndpointConditions NOT_READY = new EndpointConditions(false, true, false);
  private static final EndpointConditions GOING = new EndpointConditions(false, true, true);

  @Test
  void eachAddressAndListenerIsAVipInOrder() {
    CompileResult.Compiled result =
        compiled(
            spec(
                List.of(VIP6, "203.0.113.11", VIP4),
                listener("https", 443, fixed(1, "10.0.0.2", "10.0.0.1", "2001:db8:1::1")),
                listener("http", 80, fixed(1, "10.0.0.1"))));

    assertThat(result.table().vips())
        .extracting(v -> v.address(), v -> v.port(), v -> v.listener(), v -> v.ringSize())
        .containsExactly(
            tuple(VIP4, 80, "http", 1009),
            tuple(VIP4, 443, "https", 1009),
            tuple("203.0.113.11", 80, "http", 1009),
            tuple("203.0.113.11", 443, "https", 1009),
            tuple(VIP6, 80, "http", 0),
            tuple(VIP6, 443, "https", 1009));
    assertThat(result.table().vips().get(1).backends())
        .containsExactly(tableBackend("10.0.0.1", 1, 300), tableBackend("10.0.0.2", 1, 300));
    assertThat(result.table().tableHash())
        .isEqualTo(TableHash.desired(Tables.toVips(result.table())))
        .matches("[0-9a-f]{64}");
    assertThat(result.readyEndpoints()).isEqualTo(4);
  }

  @Test
  void readyEndpointsOfAServiceTakeFlowsAndOthersOnlyKeepTheirs() {
    CompileResult.Compiled result =
        compiled(
            spec(List.of(VIP4), listener("http", 80, service(1, "web"))),
            Map.of(
                WEB,
                endpoints(
                    endpoint("10.0.0.3", GOING),
                    endpoint("10.0.0.2", NOT_READY),
                    endpoint("10.0.0.1", READY),
                    endpoint("10.0.0.1", NOT_READY))));

    assertThat(result.table().vips().get(0).backends())
        .containsExactly(
            tableBackend("10.0.0.1", 1, 0),
            tableBackend("10.0.0.2", 0, 0),
            tableBackend("10.0.0.3", 0, 0));
    assertThat(result.readyEndpoints()).isEqualTo(1);
    assertThat(result.problems()).isEmpty();
  }

  @Test
  void whereNoneIsReadyThoseThatGoAndStillServeTakeFlows() {
    CompileResult.Compiled result =
        compiled(
            spec(List.of(VIP4, VIP6), listener("http", 80, service(1, "web"))),
            Map.of(
                WEB,
                endpoints(
                    endpoint("10.0.0.2", NOT_READY),
                    endpoint("10.0.0.3", GOING),
                    endpoint("2001:db8:1::1", READY),
                    endpoint("2001:db8:1::2", GOING))));

    assertThat(result.table().vips().get(0).backends())
        .as("decided for each family by itself")
        .containsExactly(tableBackend("10.0.0.2", 0, 0), tableBackend("10.0.0.3", 1, 0));
    assertThat(result.table().vips().get(1).backends())
        .containsExactly(tableBackend("2001:db8:1::1", 1, 0), tableBackend("2001:db8:1::2", 0, 0));
  }

  @Test
  void eachGroupDecidesByItselfWhoTakesFlows() {
    CompileResult.Compiled result =
        compiled(
            spec(List.of(VIP4), listener("http", 80, service(1, "web"), fixed(3, "10.9.0.1"))),
            Map.of(WEB, endpoints(endpoint("10.0.0.3", GOING))));
    assertThat(result.table().vips().get(0).backends())
        .containsExactly(tableBackend("10.0.0.3", 1, 0), tableBackend("10.9.0.1", 3, 300));
  }

  @Test
  void weightZeroTakesAGroupOutForNewFlows() {
    CompileResult.Compiled result =
        compiled(
            spec(List.of(VIP4), listener("http", 80, fixed(0, "10.0.0.1"), fixed(7, "10.0.0.2"))));
    assertThat(result.table().vips().get(0).backends())
        .containsExactly(tableBackend("10.0.0.1", 0, 300), tableBackend("10.0.0.2", 1, 300));
    assertThat(result.problems()).isEmpty();
  }

  @Test
  void theAddressesThatItHasCountAndNotThoseThatItRequests() {
    LoadBalancerSpec spec = spec(List.of(VIP4), listener("http", 80, fixed(1, "10.0.0.1")));
    CompileResult result =
        Compiler.compile(
            new CompileInput(
                new ObjectName("shop", "front"),
                spec,
                List.of(Ip.parse("203.0.113.99")),
                Map.of(),
                Map.of()));
    assertThat(((CompileResult.Compiled) result).table().vips())
        .extracting(ForwardingTableSpec.Vip::address)
        .containsExactly("203.0.113.99");
  }

  @Test
  void withoutAddressesThereAreNoVips() {
    for (Addresses addresses :
        new Addresses[] {null, new Addresses(null), new Addresses(List.of())}) {
      CompileResult.Compiled result =
          compiled(
              new LoadBalancerSpec(
                  addresses, List.of(listener("http", 80, fixed(1, "10.0.0.1"))), null, null));
      assertThat(result.table().vips()).isEmpty();
      assertThat(result.readyEndpoints()).isZero();
      assertThat(result.problems()).isEmpty();
    }
  }

  @Test
  void endpointInAServiceAndStaticDrainsAsTheStaticOne() {
    CompileResult.Compiled result =
        compiled(
            new LoadBalancerSpec(
                new Addresses(List.of(VIP4)),
                List.of(listener("http", 80, service(1, "web"), fixed(1, "10.0.0.1"))),
                null,
                new Drain("90s")),
            Map.of(WEB, endpoints(endpoint("10.0.0.1", READY))));
    assertThat(result.table().vips().get(0).backends())
        .containsExactly(tableBackend("10.0.0.1", 1, 90));
  }

  @Test
  void equalInputInAnyOrderGivesTheSameTable() {
    List<Endpoint> pods = new ArrayList<>();
    for (int i = 1; i <= 40; i++) {
      pods.add(endpoint("10.0.0." + i, i % 5 == 0 ? NOT_READY : READY));
    }
    LoadBalancerSpec spec = spec(List.of(VIP4, VIP6), listener("http", 80, service(1, "web")));
    LoadBalancerSpec other =
        spec(List.of("2001:DB8:0:0::10", VIP4), listener("http", 80, service(1, "web")));
    ForwardingTableSpec expected =
        compiled(spec, Map.of(WEB, new ServiceEndpoints.Resolved(pods))).table();
    Collections.reverse(pods);
    assertThat(compiled(other, Map.of(WEB, new ServiceEndpoints.Resolved(pods))).table())
        .isEqualTo(expected);
  }

  @Test
  void vipWithoutEndpointsOfItsFamilyIsEmptyAndSaysSo() {
    CompileResult.Compiled result =
        compiled(spec(List.of(VIP4), listener("http", 80, fixed(1, "2001:db8:1::1"))));
    assertThat(result.table().vips())
        .containsExactly(new ForwardingTableSpec.Vip(VIP4, Protocol.TCP, 80, "http", 0, List.of()));
    assertThat(result.readyEndpoints()).isZero();
    assertThat(result.problems())
        .containsExactly(
            new Problem(
                Reason.NoEndpoints,
                "spec.listeners[0]",
                "new connections to the IPv4 addresses of listener http are rejected: its endpoints"
                    + " are all IPv6; add IPv4 backends or take the IPv4 addresses out"));
    assertThat(result.problems(Concern.ACCEPTED)).isEmpty();
  }

  @Test
  void listenerThatTakesNoFlowsSaysWhy() {
    assertThat(advice(listener("a", 1))).contains("it lists no backends");
    assertThat(advice(new Listener("a", Protocol.TCP, 1, null))).contains("it lists no backends");
    assertThat(advice(listener("a", 1, fixed(0, "10.0.0.1")))).contains("have weight 0; raise one");
    assertThat(advice(listener("a", 80, service(1, "web")), endpoint("10.0.0.1", NOT_READY)))
        .contains("none of its IPv4 endpoints that has a weight is ready");
    assertThat(advice(listener("a", 80, service(1, "web")))).contains("have no endpoints");
  }

  @Test
  void missingServiceOrPortIsAnEmptyGroup() {
    CompileResult.Compiled result =
        compiled(
            spec(
                List.of(VIP4),
                listener("http", 80, service(1, "web"), service(1, "api"), fixed(1, "10.0.0.1"))),
            Map.of(
                WEB,
                new ServiceEndpoints.ServiceNotFound(),
                new ServicePort("api", Protocol.TCP, 80),
                new ServiceEndpoints.PortNotFound()));
    assertThat(result.table().vips().get(0).backends())
        .containsExactly(tableBackend("10.0.0.1", 1, 300));
    assertThat(result.problems(Concern.RESOLVED_REFS))
        .extracting(Problem::toString)
        .containsExactly(
            "spec.listeners[0].backends[0].serviceRef.name: there is no Service shop/web; create it"
                + " or correct the name",
            "spec.listeners[0].backends[1].serviceRef.port: Service shop/api has no TCP port 80;"
                + " add it there, or refer to one of its ports by number");
  }

  @Test
  void unknownEndpointsGiveNoTableAtAll() {
    LoadBalancerSpec spec =
        spec(List.of(VIP4), listener("http", 80, service(1, "web"), service(1, "api")));
    CompileResult result = compile(spec, Map.of(WEB, new ServiceEndpoints.Unknown()));
    assertThat(result).isInstanceOf(CompileResult.Incomplete.class);
    assertThat(((CompileResult.Incomplete) result).waitingFor())
        .containsExactlyInAnyOrder(WEB, new ServicePort("api", Protocol.TCP, 80))
        .isEqualTo(Compiler.servicePorts(spec));
  }

  @Test
  void unusableEndpointsAreLeftOutAndSaid() {
    CompileResult.Compiled result =
        compiled(
            spec(List.of(VIP4), listener("http", 80, service(1, "web"))),
            Map.of(
                WEB,
                endpoints(
                    endpoint("10.0.0.1", READY),
                    endpoint("example.org", READY),
                    endpoint("127.0.0.1", READY),
                    endpoint(VIP4, READY),
                    new Endpoint("10.0.0.2", 0, READY, null))));
    assertThat(result.table().vips().get(0).backends())
        .containsExactly(tableBackend("10.0.0.1", 1, 0));
    assertThat(result.problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.reason()).isEqualTo(Reason.InvalidEndpoint);
              assertThat(problem.where()).isEqualTo("spec.listeners[0].backends[0].serviceRef");
              assertThat(problem.message()).contains("Service shop/web", "example.org");
            });
  }

  @Test
  void tooManyEndpointsAreRefused() {
    List<Endpoint> pods =
        IntStream.range(0, Limits.VIP_BACKENDS + 1)
            .mapToObj(i -> endpoint("10." + i / 256 + "." + i % 256 + ".1", READY))
            .toList();
    LoadBalancerSpec spec = spec(List.of(VIP4), listener("http", 80, service(1, "web")));
    assertThat(compile(spec, Map.of(WEB, new ServiceEndpoints.Resolved(pods))).problems())
        .singleElement()
        .satisfies(
            problem ->
                assertThat(problem.message())
                    .contains("has 16385 endpoints", "at most 16384", "split it"));
    List<Endpoint> allowed = pods.subList(1, pods.size());
    assertThat(compiled(spec, Map.of(WEB, new ServiceEndpoints.Resolved(allowed))).table().vips())
        .allMatch(vip -> vip.ringSize() == 65537);
  }

  @Test
  void aTableThatNoNodeWouldHoldIsRefused() {
    List<Endpoint> pods =
        IntStream.range(0, Limits.TABLE_BACKENDS / 8)
            .mapToObj(i -> endpoint("10." + i / 256 + "." + i % 256 + ".1", READY))
            .toList();
    Listener[] listeners =
        IntStream.range(0, 9)
            .mapToObj(i -> listener("http" + i, 80 + i, service(1, "web")))
            .toArray(Listener[]::new);
    Map<ServicePort, ServiceEndpoints> services = Map.of(WEB, new ServiceEndpoints.Resolved(pods));
    assertThat(compile(spec(List.of(VIP4), listeners), services).problems())
        .singleElement()
        .satisfies(
            problem ->
                assertThat(problem.message())
                    .contains("make 36864 backends", "at most 32768", "split it"));
    Listener[] fewer = Arrays.copyOf(listeners, 8);
    assertThat(compiled(spec(List.of(VIP4), fewer), services).readyEndpoints())
        .isEqualTo(Limits.TABLE_BACKENDS);
  }

  private static String advice(Listener listener, Endpoint... endpoints) {
    return compiled(spec(List.of(VIP4), listener), Map.of(WEB, endpoints(endpoints)))
        .problems(Concern.ADVICE)
        .get(0)
        .message();
  }

  private static CompileResult.Compiled compiled(LoadBalancerSpec spec) {
    return compiled(spec, Map.of());
  }

  private static CompileResult.Compiled compiled(
      LoadBalancerSpec spec, Map<ServicePort, ServiceEndpoints> services) {
    CompileResult result = compile(spec, services);
    assertThat(result).isInstanceOf(CompileResult.Compiled.class);
    return (CompileResult.Compiled) result;
  }

  private static CompileResult compile(
      LoadBalancerSpec spec, Map<ServicePort, ServiceEndpoints> services) {
    return Compiler.compile(new CompileInput(new ObjectName("shop", "front"), spec, services));
  }

  private static LoadBalancerSpec spec(List<String> addresses, Listener... listeners) {
    return new LoadBalancerSpec(new Addresses(addresses), Arrays.asList(listeners), null, null);
  }

  private static Listener listener(String name, int port, Backend... backends) {
    return new Listener(name, Protocol.TCP, port, List.of(backends));
  }

  private static Backend fixed(int weight, String... addresses) {
    return new Backend(null, new StaticBackends(List.of(addresses), 8080), weight);
  }

  private static Backend service(int weight, String name) {
    return new Backend(new ServiceRef(name, 80), null, weight);
  }

  private static ServiceEndpoints endpoints(Endpoint... endpoints) {
    return new ServiceEndpoints.Resolved(List.of(endpoints));
  }

  private static Endpoint endpoint(String address, EndpointConditions conditions) {
    return new Endpoint(address, 8080, conditions, "node-1");
  }

  private static ForwardingTableSpec.Backend tableBackend(
      String address, int weight, int drainSeconds) {
    return new ForwardingTableSpec.Backend(address, 8080, weight, drainSeconds);
  }
}
