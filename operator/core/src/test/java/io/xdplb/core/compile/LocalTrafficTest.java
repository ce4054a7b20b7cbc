// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.HealthCheck;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.LocalEndpoints;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Backend;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.ServiceRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.External;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.compile.Problem.Concern;
import io.xdplb.core.compile.Problem.Reason;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.Tables;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** trafficPolicy.external Local: what each node programs. */
class LocalTrafficTest {

  private static final String VIP = "203.0.113.10";
  private static final ServicePort WEB = new ServicePort("web", Protocol.TCP, 80);
  private static final ServicePort CANARY = new ServicePort("canary", Protocol.TCP, 80);
  private static final EndpointConditions READY = EndpointConditions.ABSENT;
  private static final EndpointConditions ENDING = new EndpointConditions(false, true, true);
  private static final Map<String, NodeInfo> NODES =
      Map.of("a", new NodeInfo(List.of(Ip.parse("10.9.0.1")), true));

  @Test
  void aNodeProgramsTheEndpointsOnItAndDropsWhereOnlyOthersHaveSome() {
    CompileResult.Compiled result =
        local(
            pod("10.0.0.1", "a", READY), pod("10.0.0.2", "a", READY), pod("10.0.0.3", "b", READY));
    assertThat(takers(result, "a")).containsExactly("10.0.0.1=1", "10.0.0.2=1");
    assertThat(takers(result, "b")).containsExactly("10.0.0.3=1");
    assertThat(takers(result, "c")).isEmpty();
    assertThat(part(result, "a").access().unavailable()).isEqualTo(UnavailablePolicy.REJECT);
    assertThat(part(result, "c").access().unavailable()).isEqualTo(UnavailablePolicy.DROP);
    assertThat(part(result, "c").ringSize()).isZero();
    assertThat(result.readyEndpoints()).isEqualTo(3);
    assertThat(result.problems()).isEmpty();
  }

  @Test
  void howAnEndpointIsReachedDoesNotChange() {
    CompileResult.Compiled result = local(pod("10.0.0.1", "a", READY), pod("10.0.0.2", "b", READY));
    assertThat(part(result, "a").backends().get(0).delivery())
        .hasToString("DSR in GUE via 10.9.0.1, remembered");
    assertThat(part(result, "b").backends().get(1).delivery()).hasToString("NAT");
  }

  @Test
  void withClusterThereIsOnePartAndNoNodeInTheTable() {
    LoadBalancerSpec spec = spec(External.Cluster, listener(service("web", 1)));
    CompileResult.Compiled result =
        compiled(spec, Map.of(WEB, endpoints(pod("10.0.0.1", "a", READY))));
    assertThat(result.table().vips().get(0).backends().get(0).parts()).isNull();
    assertThat(result)
        .isEqualTo(
            compiled(
                spec((External) null, listener(service("web", 1))),
                Map.of(WEB, endpoints(pod("10.0.0.1", "a", READY)))));
  }

  /** KEP 1669: else a rolling update makes holes on nodes with one pod. */
  @Test
  void aNodeWhoseLastPodIsEndingUsesThatAlthoughOtherNodesHaveReadyOnes() {
    CompileResult.Compiled result =
        local(
            pod("10.0.0.1", "a", ENDING),
            pod("10.0.0.2", "b", READY),
            pod("10.0.0.3", "b", ENDING));
    assertThat(takers(result, "a")).containsExactly("10.0.0.1=1");
    assertThat(takers(result, "b")).containsExactly("10.0.0.2=1");
    assertThat(part(result, "b").backends()).as("keeps its flows").hasSize(3);
  }

  @Test
  void whereNobodyHasAnEndpointThePolicyOfTheLoadBalancerApplies() {
    CompileResult.Compiled none = local();
    assertThat(part(none, "a").access().unavailable()).isEqualTo(UnavailablePolicy.REJECT);
    CompileResult.Compiled notReady =
        local(pod("10.0.0.1", "a", new EndpointConditions(false, false, false)));
    assertThat(part(notReady, "b").access().unavailable()).isEqualTo(UnavailablePolicy.REJECT);
    assertThat(notReady.problems().get(0).reason()).isEqualTo(Reason.NoEndpoints);
  }

  @Test
  void weightsOfGroupsHoldOnEachNodeByItself() {
    LoadBalancerSpec spec = spec(External.Local, listener(service("web", 9), service("canary", 1)));
    CompileResult.Compiled result =
        compiled(
            spec,
            Map.of(
                WEB,
                endpoints(
                    pod("10.0.0.1", "a", READY),
                    pod("10.0.0.2", "a", READY),
                    pod("10.0.0.3", "b", READY)),
                CANARY,
                endpoints(pod("10.0.0.9", "a", READY), pod("10.0.0.8", "c", READY))));
    assertThat(takers(result, "a")).containsExactly("10.0.0.1=9", "10.0.0.2=9", "10.0.0.9=2");
    assertThat(takers(result, "b")).containsExactly("10.0.0.3=1");
    assertThat(takers(result, "c")).containsExactly("10.0.0.8=1");
  }

  @Test
  void aPodWhoseSliceNamesNoNodeIsLeftOutAndSaid() {
    CompileResult.Compiled result =
        local(pod("10.0.0.1", null, READY), pod("10.0.0.2", "a", READY));
    assertThat(takers(result, "a")).containsExactly("10.0.0.2=1");
    assertThat(result.problems(Concern.RESOLVED_REFS))
        .extracting(Problem::message)
        .singleElement()
        .asString()
        .contains("10.0.0.1, because a node is to use the endpoints on it only");
    assertThat(local(pod("10.0.0.1", null, READY)).problems(Concern.ADVICE).get(0).message())
        .contains("no node of this cluster is known to have one of its IPv4 endpoints");
  }

  @Test
  void serversAreOnNoNodeAndRefused() {
    Backend server = new Backend(null, new StaticBackends(List.of("198.51.100.9"), 80), 1);
    CompileResult result =
        Compiler.compile(
            new CompileInput(
                new ObjectName("shop", "front"),
                spec(External.Local, listener(server)),
                Map.of(),
                Map.of()));
    assertThat(result).isInstanceOf(CompileResult.Refused.class);
    assertThat(result.problems())
        .extracting(Problem::toString)
        .singleElement()
        .asString()
        .startsWith("spec.listeners[0].backends[0].static: is on no node");
  }

  @Test
  void aHealthCheckCountsTheReadyPodsOfEachNodeOnce() {
    List<Endpoint> pods =
        List.of(
            pod("10.0.0.1", "a", READY),
            pod("10.0.0.2", "a", READY),
            new Endpoint("10.0.0.2", 8081, READY, "a"),
            pod("2001:db8::1", "a", READY),
            pod("10.0.0.3", "b", ENDING),
            pod("2001:db8::4", "c", READY));
    TrafficPolicy policy = new TrafficPolicy(External.Local, null, 30123);
    Map<ServicePort, ServiceEndpoints> web = Map.of(WEB, new ServiceEndpoints.Resolved(pods));
    ForwardingTableSpec table = compiled(spec(policy, listener(service("web", 1))), web).table();
    assertThat(table.healthCheck())
        .isEqualTo(
            new HealthCheck(
                30123, "web", List.of(new LocalEndpoints("a", 2), new LocalEndpoints("c", 1))));
    ForwardingTableSpec without =
        compiled(spec(External.Local, listener(service("web", 1))), web).table();
    assertThat(without.healthCheck()).isNull();
    assertThat(without.tableHash()).as("it is not in the kernel").isEqualTo(table.tableHash());
    assertThat(
            compiled(
                    spec(policy, listener(service("web", 1))),
                    Map.of(WEB, endpoints(pod("10.0.0.3", "b", ENDING))))
                .table()
                .healthCheck())
        .as("none is ready")
        .isEqualTo(new HealthCheck(30123, "web", null));
  }

  @Test
  void aHealthCheckWithoutLocalIsRefused() {
    for (int port : new int[] {30123, 0, 65536}) {
      CompileResult result =
          Compiler.compile(
              new CompileInput(
                  new ObjectName("shop", "front"),
                  spec(
                      new TrafficPolicy(External.Cluster, null, port), listener(service("web", 1))),
                  Map.of(WEB, endpoints())));
      assertThat(result.problems())
          .extracting(Problem::toString)
          .singleElement()
          .asString()
          .startsWith("spec.trafficPolicy.healthCheckNodePort: " + port);
    }
  }

  @Test
  void aPodThatMovesToAnotherNodeMakesAnotherTable() {
    assertThat(local(pod("10.0.0.1", "a", READY)).table().tableHash())
        .isNotEqualTo(local(pod("10.0.0.1", "b", READY)).table().tableHash());
  }

  @Test
  void anyTableHasTheHashOfWhatIsReadFromItAndEveryPartCanBeProgrammed() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<String> names = List.of("a", "b", "c");
    for (int round = 0; round < 200; round++) {
      List<Endpoint> pods = new ArrayList<>();
      for (int i = random.nextInt(30); i > 0; i--) {
        pods.add(
            pod(
                "10.0.0." + (1 + random.nextInt(12)),
                names.get(random.nextInt(3)),
                random.nextInt(3) == 0 ? ENDING : READY));
      }
      CompileResult.Compiled result = local(pods.toArray(Endpoint[]::new));
      Collections.shuffle(pods, random);
      assertThat(local(pods.toArray(Endpoint[]::new))).as("seed %d", seed).isEqualTo(result);
      List<Vip> vips = Tables.toVips(result.table());
      assertThat(TableHash.desired(vips)).as("seed %d", seed).isEqualTo(result.table().tableHash());
      for (String node : names) {
        List<Vip> part = vips.stream().map(vip -> vip.partOf(node, null)).toList();
        assertThat(TableHash.desired(part)).as("seed %d", seed).hasSize(64);
        assertThat(part).noneMatch(Vip::hasParts);
      }
    }
  }

  @Test
  void aNodeOfManyHasARingOfItsOwnEndpointsAndNotOfAll() {
    Endpoint[] pods =
        IntStream.range(0, 400)
            .mapToObj(i -> pod("10.0." + i / 200 + "." + i % 200, "n" + i / 4, READY))
            .toArray(Endpoint[]::new);
    CompileResult.Compiled result = local(pods);
    assertThat(takers(result, "n7")).hasSize(4);
    assertThat(part(result, "n7").ringSize()).isEqualTo(1009);
  }

  private static List<String> takers(CompileResult.Compiled result, String node) {
    return part(result, node).backends().stream()
        .filter(backend -> backend.weight() > 0)
        .map(backend -> backend.key().address() + "=" + backend.weight())
        .toList();
  }

  private static Vip part(CompileResult.Compiled result, String node) {
    return Tables.toVips(result.table()).get(0).partOf(node, null);
  }

  private static CompileResult.Compiled local(Endpoint... pods) {
    return compiled(
        spec(External.Local, listener(service("web", 1))), Map.of(WEB, endpoints(pods)));
  }

  private static CompileResult.Compiled compiled(
      LoadBalancerSpec spec, Map<ServicePort, ServiceEndpoints> services) {
    CompileResult result =
        Compiler.compile(new CompileInput(new ObjectName("shop", "front"), spec, services, NODES));
    assertThat(result.problems(Concern.ACCEPTED)).isEmpty();
    return (CompileResult.Compiled) result;
  }

  private static LoadBalancerSpec spec(External external, Listener listener) {
    return spec(external == null ? null : new TrafficPolicy(external), listener);
  }

  private static LoadBalancerSpec spec(TrafficPolicy policy, Listener listener) {
    return new LoadBalancerSpec(
        new Addresses(List.of(VIP)),
        List.of(listener),
        new Forwarding(Forwarding.Mode.Auto),
        null,
        null,
        null,
        policy,
        null,
        null);
  }

  private static Listener listener(Backend... backends) {
    return new Listener("http", Protocol.TCP, 80, List.of(backends));
  }

  private static Backend service(String name, int weight) {
    return new Backend(new ServiceRef(name, 80), null, weight);
  }

  private static ServiceEndpoints endpoints(Endpoint... pods) {
    return new ServiceEndpoints.Resolved(List.of(pods));
  }

  private static Endpoint pod(String address, String node, EndpointConditions conditions) {
    return new Endpoint(address, 8080, conditions, node);
  }
}
