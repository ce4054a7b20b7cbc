// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Access;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Backend;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding.Mode;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.ServiceRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.SessionAffinity;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends.Encapsulation;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.api.v1alpha1.UnavailablePolicy;
import io.xdplb.core.compile.Problem.Concern;
import io.xdplb.core.compile.Problem.Reason;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.Tables;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** How backends are reached, and who may use a VIP. */
class ForwardingModesTest {

  private static final String VIP4 = "203.0.113.10";
  private static final String VIP6 = "2001:db8::10";
  private static final ServicePort WEB = new ServicePort("web", Protocol.TCP, 80);
  private static final Map<String, NodeInfo> NODES =
      Map.of(
          "both", node(true, "2001:db8:9::1", "10.9.0.1", "10.9.0.2"),
          "six", node(true, "2001:db8:9::6"),
          "bare", node(false, "10.9.0.3"),
          "mute", node(true));

  @Test
  void automaticallyPodsOnNodesWithAnAgentAnswerDirectlyAndOthersAreReachedByNat() {
    CompileResult.Compiled result =
        compiled(
            Mode.Auto,
            pod("10.0.0.1", "both"),
            pod("10.0.0.2", "bare"),
            pod("10.0.0.3", "nowhere"),
            pod("10.0.0.4", null),
            pod("10.0.0.5", "mute"));
    assertThat(deliveries(result))
        .containsExactly(
            "10.0.0.1 DSR in GUE via 10.9.0.1",
            "10.0.0.2 NAT",
            "10.0.0.3 NAT",
            "10.0.0.4 NAT",
            "10.0.0.5 NAT");
    assertThat(result.forwarding())
        .containsExactly(
            new ListenerForwarding(
                "http",
                ListenerForwarding.Mode.Mixed,
                "Mixed",
                "DSR to pods on nodes with an agent. NAT to pods on nodes without an agent: bare."
                    + " NAT to pods on nodes of which nothing is known: nowhere. NAT to pods on"
                    + " nodes without an address to send to: mute."));
    assertThat(result.problems(Concern.RESOLVED_REFS)).isEmpty();
    assertThat(result.readyEndpoints()).isEqualTo(5);
  }

  @Test
  void oneReasonIsNamedByItsWord() {
    assertThat(said(Mode.Auto, pod("10.0.0.1", "both"), pod("10.0.0.2", "six")))
        .isEqualTo("DSR AgentOnNode");
    assertThat(said(Mode.Auto, pod("10.0.0.1", "bare"))).isEqualTo("NAT NoAgentOnNode");
    assertThat(said(Mode.Auto, pod("10.0.0.1", null))).isEqualTo("NAT NodeUnknown");
    assertThat(said(Mode.Auto, pod("10.0.0.1", "mute"))).isEqualTo("NAT NoNodeAddress");
    assertThat(said(Mode.NAT, pod("10.0.0.1", "both"), pod("10.0.0.2", null)))
        .isEqualTo("NAT AsRequested");
    assertThat(said(Mode.DSR, pod("10.0.0.1", "both"))).isEqualTo("DSR AsRequested");
    assertThat(compiled(Mode.Auto).forwarding()).as("without backends").isEmpty();
  }

  @Test
  void theOuterPacketIsOfTheEndpointsFamilyWhereTheNodeHasAnAddressOfIt() {
    assertThat(deliveries(compiled(Mode.DSR, pod("10.0.0.1", "six"), pod("2001:db8:1::1", "both"))))
        .containsExactly(
            "10.0.0.1 DSR in GUE via 2001:db8:9::6", "2001:db8:1::1 DSR in GUE via 2001:db8:9::1");
  }

  @Test
  void noTunnelEndsAtAVipOrWhereNoPacketCanGo() {
    Map<String, NodeInfo> nodes =
        Map.of("edge", node(true, VIP4, "127.0.0.1", "10.9.0.7"), "only", node(true, VIP4, "::1"));
    CompileResult.Compiled result =
        compiled(
            spec(Mode.Auto, listener(service())),
            Map.of(WEB, endpoints(pod("10.0.0.1", "edge"), pod("10.0.0.2", "only"))),
            nodes);
    assertThat(deliveries(result))
        .containsExactly("10.0.0.1 DSR in GUE via 10.9.0.7", "10.0.0.2 NAT");
  }

  @Test
  void modeDsrLeavesOutPodsThatItDoesNotReachAndSaysWhich() {
    CompileResult.Compiled result =
        compiled(
            Mode.DSR,
            pod("10.0.0.1", "both"),
            pod("10.0.0.3", "bare"),
            pod("10.0.0.2", "bare"),
            pod("10.0.0.4", null),
            pod("10.0.0.5", "mute"));
    assertThat(deliveries(result)).containsExactly("10.0.0.1 DSR in GUE via 10.9.0.1");
    assertThat(result.problems(Concern.RESOLVED_REFS))
        .containsExactly(
            new Problem(
                Reason.NoAgentOnNode,
                "spec.listeners[0].backends[0].serviceRef",
                "no traffic goes to 10.0.0.2 on node bare, 10.0.0.3 on node bare, because mode DSR"
                    + " is asked for and no agent runs on the node; run it there, or use mode"
                    + " Auto"),
            new Problem(
                Reason.NodeUnknown,
                "spec.listeners[0].backends[0].serviceRef",
                "no traffic goes to 10.0.0.4, because mode DSR is asked for and nothing is known of"
                    + " the node; look at its EndpointSlice, or use mode Auto"),
            new Problem(
                Reason.NoNodeAddress,
                "spec.listeners[0].backends[0].serviceRef",
                "no traffic goes to 10.0.0.5 on node mute, because mode DSR is asked for and the"
                    + " node has no address that packets can be sent to; give it an InternalIP, or"
                    + " use mode Auto"));
    assertThat(result.forwarding().get(0).reason()).isEqualTo("AsRequested");
  }

  @Test
  void listenerOfWhichDsrReachesNothingSaysSo() {
    CompileResult.Compiled result = compiled(Mode.DSR, pod("10.0.0.1", "bare"));
    assertThat(result.table().vips().get(0).backends()).isEmpty();
    assertThat(result.problems(Concern.ADVICE).get(0).message())
        .contains("are rejected: mode DSR reaches none of its IPv4 endpoints; run the agent");
    assertThat(result.forwarding()).isEmpty();
  }

  @Test
  void manyNodesAreNamedByAFew() {
    Endpoint[] pods =
        IntStream.range(0, 300)
            .mapToObj(i -> pod("10.0." + i / 200 + "." + (1 + i % 200), "n".repeat(240) + i))
            .toArray(Endpoint[]::new);
    ListenerForwarding said = compiled(Mode.Auto, pods).forwarding().get(0);
    assertThat(said.message()).endsWith("...").hasSize(Limits.MESSAGE_LENGTH);
    Problem problem = compiled(Mode.DSR, pods).problems(Concern.RESOLVED_REFS).get(0);
    assertThat(problem.message())
        .hasSizeLessThan(2000)
        .contains("10.0.0.5", " and others, because");
  }

  @Test
  void serversAreReachedAsTheSpecSays() {
    CompileResult.Compiled result =
        compiled(
            spec(
                Mode.Auto,
                listener(
                    server(Encapsulation.IPIP, 80, "10.1.0.1"),
                    server(Encapsulation.GUE, 8080, "10.1.0.2"),
                    server(Encapsulation.L2, 80, "10.1.0.3"),
                    server(Encapsulation.IPIP, 80, "2001:db8:1::4"))),
            Map.of(),
            Map.of());
    assertThat(deliveries(result))
        .containsExactly(
            "10.1.0.1 DSR in IPIP to 10.1.0.1",
            "10.1.0.2 DSR in GUE to 10.1.0.2",
            "10.1.0.3 DSR by MAC address",
            "2001:db8:1::4 DSR in IPIP to 2001:db8:1::4");
    assertThat(result.forwarding().get(0).reason()).isEqualTo("EncapsulationGiven");
  }

  @Test
  void serversWithoutAnEncapsulationAreReachedByNat() {
    CompileResult.Compiled result =
        compiled(
            spec(
                Mode.Auto,
                listener(server(null, 8080, "10.1.0.1"), server(Encapsulation.L2, 80, "10.1.0.2"))),
            Map.of(),
            Map.of());
    assertThat(deliveries(result)).containsExactly("10.1.0.1 NAT", "10.1.0.2 DSR by MAC address");
    assertThat(result.forwarding().get(0).message())
        .isEqualTo(
            "DSR to servers with an encapsulation. NAT to servers, which have no encapsulation.");
  }

  @Test
  void whatTheSpecSaysOfAServerHoldsWhereItIsAPodToo() {
    for (boolean podFirst : new boolean[] {true, false}) {
      List<Backend> groups =
          new ArrayList<>(List.of(service(), server(Encapsulation.GUE, 8080, "10.0.0.1")));
      if (!podFirst) {
        Collections.reverse(groups);
      }
      assertThat(
              deliveries(
                  compiled(
                      spec(Mode.Auto, listener(groups.toArray(Backend[]::new))),
                      Map.of(WEB, endpoints(pod("10.0.0.1", "both"))),
                      NODES)))
          .containsExactly("10.0.0.1 DSR in GUE to 10.0.0.1");
    }
  }

  @Test
  void readyListingDecidesWhereAnAddressIsListedOnTwoNodes() {
    Endpoint gone =
        new Endpoint("10.0.0.1", 8080, new EndpointConditions(false, true, true), "bare");
    Endpoint now = pod("10.0.0.1", "both");
    assertThat(deliveries(compiled(Mode.Auto, gone, now)))
        .isEqualTo(deliveries(compiled(Mode.Auto, now, gone)))
        .containsExactly("10.0.0.1 DSR in GUE via 10.9.0.1");
  }

  @Test
  void packetsToARangeKeepTheirPort() {
    Listener range =
        new Listener(
            "media",
            Protocol.TCP,
            8000,
            8999,
            null,
            List.of(service(), server(Encapsulation.IPIP, 8000, "10.1.0.1")));
    CompileResult.Compiled result =
        compiled(
            spec(Mode.Auto, range),
            Map.of(
                WEB,
                endpoints(
                    pod("10.0.0.1", "both"),
                    new Endpoint("10.0.0.1", 9090, EndpointConditions.ABSENT, "both"))),
            NODES);
    ForwardingTableSpec.Vip vip = result.table().vips().get(0);
    assertThat(vip.port()).isEqualTo(8000);
    assertThat(vip.endPort()).isEqualTo(8999);
    assertThat(vip.backends())
        .extracting(b -> b.address() + ":" + b.port())
        .containsExactly("10.0.0.1:0", "10.1.0.1:0");
  }

  @Test
  void rangeOfOnePortIsAPort() {
    Listener listener = new Listener("a", Protocol.TCP, 80, 80, null, List.of(service()));
    CompileResult.Compiled result =
        compiled(spec(Mode.Auto, listener), Map.of(WEB, endpoints(pod("10.0.0.1", "both"))), NODES);
    assertThat(result.table().vips().get(0).endPort()).isNull();
    assertThat(result.table().vips().get(0).backends().get(0).port()).isEqualTo(8080);
  }

  @Test
  void affinityHasATimeoutAndADefaultOne() {
    assertThat(affinity(new SessionAffinity(SessionAffinity.Type.ClientIP, 60))).isEqualTo(60);
    assertThat(affinity(new SessionAffinity(SessionAffinity.Type.ClientIP, null)))
        .isEqualTo(10_800);
    assertThat(affinity(new SessionAffinity(SessionAffinity.Type.None, 60))).isNull();
    assertThat(affinity(new SessionAffinity(null, null))).isNull();
    assertThat(affinity(null)).isNull();
  }

  @Test
  void accessIsInTheTableInCanonicalForm() {
    CompileResult.Compiled result = access("2001:DB8::1/32", "10.1.2.3/8", "10.0.0.0/8");
    assertThat(result.table().sourceRanges()).containsExactly("10.0.0.0/8", "2001:db8::/32");
    assertThat(result.table().unavailablePolicy()).isEqualTo(UnavailablePolicy.Drop);
    assertThat(result.table().tableHash())
        .isEqualTo(TableHash.desired(Tables.toVips(result.table())));
    assertThat(result.problems().get(0).message()).contains("are dropped: it lists no backends");
  }

  @Test
  void onlyAnAbsentOrEmptyListIsOpenAndAFamilyWithoutBlocksIsClosed() {
    assertThat(access().table().sourceRanges()).isNull();
    CompileResult.Compiled ipv4 = access("0.0.0.0/0");
    assertThat(Tables.toVips(ipv4.table()))
        .extracting(vip -> vip.key().address() + " " + vip.access().admits(Ip.parse("2001:db8::1")))
        .containsExactly(VIP4 + " false", VIP6 + " false");
    assertThat(Tables.toVips(ipv4.table()).get(0).access().admits(Ip.parse("198.51.100.1")))
        .isTrue();
  }

  @Test
  void anyTableHasTheHashOfWhatIsReadFromItWhateverTheOrderOfTheInput() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<String> names = List.of("both", "six", "bare", "mute", "nowhere");
    for (int round = 0; round < 300; round++) {
      List<Endpoint> pods = new ArrayList<>();
      for (int i = random.nextInt(20); i > 0; i--) {
        String address =
            (random.nextBoolean() ? "10.0.0." : "2001:db8:1::") + (1 + random.nextInt(9));
        Boolean ready = random.nextInt(3) == 0 ? Boolean.FALSE : null;
        EndpointConditions conditions = new EndpointConditions(ready, null, random.nextBoolean());
        pods.add(new Endpoint(address, 8080, conditions, names.get(random.nextInt(names.size()))));
      }
      LoadBalancerSpec spec =
          spec(
              Mode.values()[random.nextInt(3)],
              listener(service(), server(Encapsulation.GUE, 8080, "10.0.0.3")));
      CompileResult.Compiled result = compiled(spec, services(pods), NODES);
      Collections.shuffle(pods, random);
      assertThat(compiled(spec, services(pods), new HashMap<>(NODES)))
          .as("seed %d", seed)
          .isEqualTo(result);
      assertThat(TableHash.desired(Tables.toVips(result.table())))
          .as("seed %d", seed)
          .isEqualTo(result.table().tableHash());
    }
  }

  private static Integer affinity(SessionAffinity affinity) {
    Listener listener = new Listener("http", Protocol.TCP, 80, null, affinity, List.of());
    return compiled(spec(Mode.Auto, listener), Map.of(), Map.of())
        .table()
        .vips()
        .get(0)
        .affinitySeconds();
  }

  private static CompileResult.Compiled access(String... sourceRanges) {
    return compiled(
        new LoadBalancerSpec(
            new Addresses(List.of(VIP4, VIP6)),
            List.of(listener()),
            null,
            null,
            new Access(Arrays.asList(sourceRanges)),
            UnavailablePolicy.Drop),
        Map.of(),
        Map.of());
  }

  /** As "address delivery", over all VIPs, in the order of the table. */
  private static List<String> deliveries(CompileResult.Compiled result) {
    return Tables.toVips(result.table()).stream()
        .flatMap(vip -> vip.backends().stream())
        .map(backend -> backend.key().address() + " " + backend.delivery())
        .toList();
  }

  private static String said(Mode mode, Endpoint... pods) {
    ListenerForwarding said = compiled(mode, pods).forwarding().get(0);
    return said.mode() + " " + said.reason();
  }

  private static CompileResult.Compiled compiled(Mode mode, Endpoint... pods) {
    return compiled(spec(mode, listener(service())), services(List.of(pods)), NODES);
  }

  private static CompileResult.Compiled compiled(
      LoadBalancerSpec spec,
      Map<ServicePort, ServiceEndpoints> services,
      Map<String, NodeInfo> nodes) {
    CompileResult result =
        Compiler.compile(new CompileInput(new ObjectName("shop", "front"), spec, services, nodes));
    assertThat(result.problems(Concern.ACCEPTED)).isEmpty();
    return (CompileResult.Compiled) result;
  }

  private static LoadBalancerSpec spec(Mode mode, Listener listener) {
    return new LoadBalancerSpec(
        new Addresses(List.of(VIP4, VIP6)), List.of(listener), new Forwarding(mode), null);
  }

  private static Listener listener(Backend... backends) {
    return new Listener("http", Protocol.TCP, 80, List.of(backends));
  }

  private static Backend service() {
    return new Backend(new ServiceRef("web", 80), null, 1);
  }

  private static Backend server(Encapsulation encapsulation, int port, String address) {
    return new Backend(null, new StaticBackends(List.of(address), port, encapsulation), 1);
  }

  private static Map<ServicePort, ServiceEndpoints> services(List<Endpoint> pods) {
    return Map.of(WEB, new ServiceEndpoints.Resolved(pods));
  }

  private static ServiceEndpoints endpoints(Endpoint... pods) {
    return new ServiceEndpoints.Resolved(List.of(pods));
  }

  private static Endpoint pod(String address, String node) {
    return new Endpoint(address, 8080, EndpointConditions.ABSENT, node);
  }

  private static NodeInfo node(boolean agent, String... addresses) {
    return new NodeInfo(Arrays.stream(addresses).map(Ip::parse).toList(), agent);
  }
}
